"""Provider jobs for the command line and the dashboard, and the decisions of people about them."""

import time
from collections.abc import Callable

from adapters.catalogue import Catalogue
from manifests.costs.money import Money
from manifests.errors import ProviderError, SettingsError
from manifests.hosted.job import JobState
from manifests.hosted.job_decisions import Decision, refusal_of
from manifests.hosted.job_errors import JobStateError
from manifests.hosted.provider_job import ProviderJob
from manifests.hosted.wire import Answer, Wire
from models.hosted import format_of
from models.hosted.wire_format import JobRef
from models.hosted_card import HostedCard
from tasks.runtime.providers.provider_accounts import ProviderAccount, account_for
from tasks.runtime.providers.provider_request import send_once
from tasks.runtime.resources import Resources, catalogue_of, hosted_card_of

Ask = Callable[[ProviderAccount, HostedCard, Wire], Answer]
MAX_REF = 500
"""Longest reference of a provider that a person may enter."""


def jobs_for_people(catalogue: Catalogue, campaign_id: str | None = None, limit: int = 100) -> list[ProviderJob]:
    """Return the jobs that need a decision, newest first: uncertain, overdue and lost ones."""
    jobs = catalogue.provider_jobs
    lost = [job for job in jobs.list(JobState.LOST, campaign_id, limit=limit) if not job.closed_by]
    overdue = [job for job in jobs.overdue(limit) if campaign_id in (None, job.campaign_id)]
    every = [*jobs.list(JobState.UNCERTAIN, campaign_id, limit=limit), *overdue, *lost]
    newest = sorted({job.job_id: job for job in every}.values(), key=lambda job: (-job.created_at, job.job_id))
    return newest[:limit]


def is_overdue(job: ProviderJob, now: float | None = None) -> bool:
    """Return whether a job has not ended by its deadline; ``now`` is in seconds since 1970, None for this clock's."""
    return job.is_busy and job.due_at <= (time.time() if now is None else now)


def state_text(job: ProviderJob) -> str:
    """Return the state, ``overdue`` for a submitted job that has not ended in time, or ``not sent``."""
    if job.is_unsent:
        return "not sent"
    return "overdue" if job.state == JobState.SUBMITTED and is_overdue(job) else str(job.state)


def money_text(job: ProviderJob) -> str:
    """Return what a job has cost, or what is reserved for it; a dash if neither is known."""
    if job.cost is not None:
        return f"{job.cost}{' (estimated)' if job.cost_is_estimate and job.cost.micros else ''}"
    reserved: Money | None = job.reserved
    return f"{reserved} reserved" if reserved else "–"


def checked_ref(text: str) -> str:
    """Return a provider's reference as a person has entered it.

    Raises:
        SettingsError: it is empty, too long, or has characters that no reference has.
    """
    ref = text.strip()
    if not ref or len(ref) > MAX_REF or not ref.isprintable() or " " in ref:
        raise SettingsError(
            "The provider's reference is not valid. Copy it from the provider's list of jobs; it has no spaces and at "
            f"most {MAX_REF} characters."
        )
    return ref


def cancel_at_provider(resources: Resources, job: ProviderJob, actor: str, ask: Ask = send_once) -> None:
    """Ask the provider to cancel a submitted job, with an audit entry. The next poll returns the result.

    Raises:
        ProviderError: the provider has no way to cancel jobs, or has refused to, or the job is at another address.
        JobStateError: the job is not submitted.
        UnknownCardError, SettingsError: this machine does not have the card, or the key.
    """
    if why := refusal_of(job, Decision.CANCEL):
        raise JobStateError(why)
    card = hosted_card_of(resources, job.card)
    account = account_for(resources.providers, card)
    catalogue = catalogue_of(resources)
    if not account.is_at(card, job.base_url):
        raise ProviderError(
            f"The job {job.job_id} was submitted to {job.base_url}, which is not the address of the account "
            f"{card.provider} now, so its key is not sent there. Set "
            f"REELMILL_PROVIDER_{card.provider.upper()}_URL to it."
        )
    wire = format_of(card).cancel(_ref_of(catalogue, job, card, account))
    if wire is None:
        raise ProviderError(
            f"Reelmill cannot cancel jobs of {card.provider}, because its API has no documented request for this. The "
            "provider finishes the job. To submit no further jobs, pause the campaign."
        )
    catalogue.provider_jobs.request_cancel(job.job_id, actor)
    status = ask(account, card, wire).status
    if status >= 300:
        raise ProviderError(f"{card.provider} did not cancel the job {job.job_id} (status {status}).")


def _ref_of(catalogue: Catalogue, job: ProviderJob, card: HostedCard, account: ProviderAccount) -> JobRef:
    return JobRef(
        card=card,
        variant=catalogue.variants.get(job.variant_id).variant,
        reference=job.job_id,
        base_url=job.base_url,
        submitted_at=job.submitted_at or job.created_at,
        account=account.values,
        vendor_ref=job.vendor_ref,
        links=job.links,
    )
