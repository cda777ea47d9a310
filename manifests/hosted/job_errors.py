"""Why a provider job is not submitted, or not changed.

CatalogueError
├── OpenJobError         the variant has an open job, which is adopted
├── AccountPausedError   until a person resumes the account
├── AccountBusyError     the account's limits are reached; later
├── JobMoneyError        the run's budget does not allow the job
│   ├── BudgetReachedError
│   ├── CurrencyError
│   └── UnknownPriceError
└── JobStateError        the job's state does not allow the change
    └── TakenReferenceError    another job has the provider's reference
"""

from manifests.errors import CatalogueError
from manifests.hosted.provider_job import ProviderJob


class OpenJobError(CatalogueError):
    """The variant has an open job."""

    def __init__(self, job: ProviderJob) -> None:
        super().__init__(
            f"The variant {job.variant_id} already has the open provider job {job.job_id} ({job.state}). Reelmill "
            "adopts this job instead of submitting another one."
        )
        self.job = job


class AccountPausedError(CatalogueError):
    """The provider's account is paused.

    Attributes:
        provider: name of the account.
        cause: a ``Cause``, such as ``money``.
        why: the provider's sentence.
    """

    def __init__(self, provider: str, cause: str, why: str) -> None:
        super().__init__(
            f"The account {provider!r} is paused: {why.rstrip('.') or cause}. Fix the cause, then run "
            f"`reelmill providers resume {provider}`."
        )
        self.provider, self.cause, self.why = provider, cause, why


class AccountBusyError(CatalogueError):
    """The account has reached one of its limits.

    Attributes:
        limit: ``concurrency``, ``per_minute``, ``per_day`` or ``slowed``.
        wait_s: seconds after which to try again; None if it depends on when a job ends.
    """

    transient = True

    def __init__(self, provider: str, limit: str, wait_s: float | None) -> None:
        when = "when one of its jobs has ended" if wait_s is None else f"in {max(1, round(wait_s))} s"
        super().__init__(f"The account {provider!r} has reached its limit ({limit}). Reelmill tries again {when}.")
        self.provider, self.limit, self.wait_s = provider, limit, wait_s


class JobMoneyError(CatalogueError):
    """The budget of the run does not allow the job."""


class BudgetReachedError(JobMoneyError):
    """The job would exceed the budget of the run. Raise it with --budget, then run the same command again."""


class CurrencyError(JobMoneyError):
    """The budget of the run has another currency than the price. Enter the budget in the currency of the price."""


class UnknownPriceError(JobMoneyError):
    """The price of the job is not known, so it cannot be counted towards the budget. Run without --budget."""


class JobStateError(CatalogueError):
    """The state of the provider job does not allow this change."""


class TakenReferenceError(JobStateError):
    """Another job has the provider's reference: one clip would be stored for two variants."""
