"""The record of a provider job: its request, its state and its cost."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from manifests.costs.money import Money
from manifests.hosted.job import BUSY, OPEN, JobState

KEY = "key"
"""Name in a job's links of the digest of the key with which it was submitted."""


def new_job_id() -> str:
    """Return our reference for a new job, 32 hex digits.

    It is random and not a hash of the variant, because two installations that share an account may plan the same
    variants, and one must not adopt the jobs of the other.
    """
    return secrets.token_hex(16)


class JobLimits(NamedTuple):
    """Limits of an account, for all hosts together.

    Attributes:
        concurrency: jobs at a time; None for no limit, as for the others.
        per_minute: submissions in any 60 seconds.
        per_day: submissions in any 24 hours.
    """

    concurrency: int | None = None
    per_minute: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is about to be submitted.

    Attributes:
        run_id: the run whose budget pays for it; empty for none.
        provider: name of the account.
        card, protocol, base_url: the model card, its protocol, and the address of the API.
        request_digest: hex digest of the request; empty if it is not known.
        price: expected cost; None if it is not known.
        deadline_s: seconds from now after which the job is overdue.
        job_id: our reference, see ``new_job_id``.
        was_unsent: a job with this reference was reserved before, and its request could not be sent.
        key_digest: digest of the key that is used; empty if it is not known.
    """

    variant_id: str
    campaign_id: str
    run_id: str
    provider: str
    card: str
    protocol: str
    base_url: str
    request_digest: str
    price: Money | None
    deadline_s: float
    job_id: str = field(default_factory=new_job_id)
    was_unsent: bool = False
    key_digest: str = ""


class DoneJob(NamedTuple):
    """What a provider reports about a job that is done.

    Attributes:
        cost: None if the provider does not report it.
        expires_in_s: how long the address of the file is valid; None if it is not known.
    """

    job_id: str
    cost: Money | None = None
    facts: Mapping[str, Any] = MappingProxyType({})
    expires_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class ProviderJob:
    """One job of a provider. Times are seconds since 1970 by the database's clock.

    Attributes:
        job_id: our reference, 32 hex digits, which is sent to the provider.
        attempt: number of the job among those of its variant, from 1.
        run_id: the run that submitted it; empty for none.
        vendor_ref: the provider's reference; empty while it is not known.
        links: addresses that the provider returned with it, and under ``KEY`` a digest of the key that submitted it.
        word: the provider's last status word.
        reserved_micros: expected cost; 0 if it was not known.
        cost_micros: cost once the job has ended; None while it is open, or if neither price nor cost is known.
        currency: of both amounts; empty if neither is known.
        cost_is_estimate: whether the cost is the expected price, because the provider reported none.
        submitted_at: when the request was sent; None if it was certainly not sent.
        polled_at: when the provider last reported the status.
        due_at: when the job becomes overdue.
        look_at: when an uncertain job may be searched for next; None for at any time.
        looks: number of searches for the uncertain job.
        url_expires_at: when the address of the file becomes invalid; None if it is not known.
        facts: what the provider says about the clip.
        cause, code, error: why the job was refused, failed, is uncertain or is lost.
        fetched_at: when its file was stored.
        closed_by: the person who settled the job or requested its cancellation.
        owner: the lease owner that submitted it, or adopted it last.
    """

    job_id: str
    variant_id: str
    attempt: int
    campaign_id: str
    run_id: str
    provider: str
    card: str
    protocol: str
    base_url: str
    request_digest: str
    state: JobState
    created_at: float
    due_at: float
    vendor_ref: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    word: str = ""
    reserved_micros: int = 0
    cost_micros: int | None = None
    currency: str = ""
    cost_is_estimate: bool = False
    submitted_at: float | None = None
    polled_at: float | None = None
    look_at: float | None = None
    looks: int = 0
    url_expires_at: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    code: str = ""
    error: str = ""
    fetched_at: float | None = None
    ended_at: float | None = None
    closed_by: str = ""
    owner: str = ""

    @property
    def is_open(self) -> bool:
        """Whether no other job of its variant may be submitted."""
        return self.state in OPEN

    @property
    def is_unsent(self) -> bool:
        """Whether it has ended because its request could not be sent; the provider knows nothing of it."""
        return self.state is JobState.CANCELLED and self.submitted_at is None

    @property
    def is_busy(self) -> bool:
        """Whether it counts towards the account's limit of concurrent jobs."""
        return self.state in BUSY

    @property
    def reserved(self) -> Money | None:
        """The expected cost; None if it was not known."""
        return Money(self.reserved_micros, self.currency) if self.currency else None

    @property
    def cost(self) -> Money | None:
        """The cost; None if it is not known, or not known yet."""
        return None if self.cost_micros is None else Money(self.cost_micros, self.currency)


class JobTotal(NamedTuple):
    """Money and number of jobs of one provider with one card in one currency.

    Attributes:
        currency: empty for jobs without a price.
        spent_micros: cost of jobs that have ended.
        estimated_micros: the part of it that the provider has not reported.
        reserved_micros: expected cost of open jobs.
        jobs: number of jobs by state.
        unknown: number of jobs that may have been billed at an unknown cost.
        wasted_micros: the part of ``spent_micros`` for jobs that have failed or were lost.
    """

    provider: str
    card: str
    currency: str
    spent_micros: int
    estimated_micros: int
    reserved_micros: int
    jobs: Mapping[str, int]
    unknown: int = 0
    wasted_micros: int = 0


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """An account at a provider, as all hosts see it. Times are seconds since 1970 by the database's clock.

    Attributes:
        slowed_until: no job is submitted before this time; None for no such time.
        paused_at: since when no job is submitted; None if it is not paused.
        paused_why, paused_cause: why, as a sentence and as a ``Cause``.
    """

    provider: str
    slowed_until: float | None = None
    paused_at: float | None = None
    paused_why: str = ""
    paused_cause: str = ""

    @property
    def is_paused(self) -> bool:
        """Whether no job is submitted until a person resumes it."""
        return self.paused_at is not None
