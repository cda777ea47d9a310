"""Settle uncertain jobs.

A job counts as not accepted only if the provider can be searched for our reference, and two searches do not find it,
with the delay of its list between. All other cases are left to a person, because a second job might be billed.
"""

import time
from collections.abc import Sequence

from adapters.catalogue import Catalogue
from adapters.hosted.errors import NotSentError, TokenError, UnclearError
from manifests.errors import ProviderError
from manifests.hosted.job import Finding
from manifests.hosted.job_errors import TakenReferenceError
from manifests.hosted.provider_job import ProviderJob
from tasks.render.hosted.delays import backoff
from tasks.render.hosted.flight import Flight, LaneControl, Later, Next, Problem, ProblemKind, PutBack, Step
from tasks.render.hosted.provider import Provider
from tasks.render.hosted.refusals import hide_job
from tasks.render.hosted.sentences import unreachable_text

NEARBY_S = 300.0
"""In a list without our reference, a job is ours only if nothing else was submitted in this time before and after."""
MAX_LOOKS = 4
SHOWN = 3
"""Candidates that the sentence for a person names."""
MAX_FREE = 6
"""Consecutive submissions of a free job with unclear answers, after which the provider counts as unusable."""
MAX_NOT_TAKEN = 3
"""The same for jobs that cost money and that the provider has certainly not accepted: each takes two searches."""
ABSENT = "The provider does not have the job"
FREE = "The provider does not bill jobs, so it is submitted again"


def reconcile(catalogue: Catalogue, provider: Provider, flight: Flight, control: LaneControl) -> Next:
    """Search for an uncertain job, and return the next step."""
    job, way = flight.known_job, provider.card.reconcile
    if way == "free":
        catalogue.provider_jobs.not_taken(job.job_id, FREE)
        return submit_again(provider, flight, control, MAX_FREE)
    if job.look_at is not None and job.look_at > time.time():
        return Later(Step.RECONCILE, min(job.look_at - time.time(), 60.0))
    try:
        finding = provider.find(job, flight.lease.variant)
    except (NotSentError, UnclearError, TokenError) as error:
        return _look_later(flight, str(error))
    if finding is None:
        return _left(job)
    return _settle(catalogue, provider, flight, finding, control)


def unusable(provider: Provider, why: str) -> ProviderError:
    """Return the error for a provider that accepts no jobs now."""
    card = provider.card
    reason = f"{card.provider} cannot be used: {why.rstrip('.')}."
    return ProviderError(unreachable_text(card, provider.base_url, why), reason)


def _settle(catalogue: Catalogue, provider: Provider, flight: Flight, finding: Finding, control: LaneControl) -> Next:
    job = flight.known_job
    if finding.accepted is not None and _is_ours(catalogue, provider, job, finding):
        try:
            flight.provider_job = catalogue.provider_jobs.submitted(job.job_id, finding.accepted)
        except TakenReferenceError as error:
            return _look_later(flight, str(error))
        return Later(Step.POLL)
    if finding.is_absent and not provider.may_see(job):
        return hide_job(catalogue, provider, flight)
    if finding.is_absent and provider.card.reconcile in ("external_id", "list"):
        if job.looks:
            catalogue.provider_jobs.not_taken(job.job_id, ABSENT)
            return submit_again(provider, flight, control, MAX_NOT_TAKEN)
        flight.provider_job = catalogue.provider_jobs.looked(job.job_id, finding.look_again_s)
        return Later(Step.RECONCILE, finding.look_again_s)
    return _look_later(flight, _candidates_text(finding.candidates) or job.error)


def _is_ours(catalogue: Catalogue, provider: Provider, job: ProviderJob, finding: Finding) -> bool:
    """Return whether a job that was found is the uncertain one: no other job of ours can be it."""
    if provider.card.reconcile != "list_by_time":
        return True
    ours = catalogue.provider_jobs.list(provider=job.provider, limit=10_000)
    at = job.submitted_at or job.created_at
    return not any(
        each.job_id != job.job_id and each.submitted_at is not None and abs(each.submitted_at - at) <= NEARBY_S
        for each in ours
    )


def _look_later(flight: Flight, why: str) -> Next:
    job = flight.known_job
    flight.delays += 1
    if flight.delays >= MAX_LOOKS:
        return _left(job, why)
    return Later(Step.RECONCILE, backoff(flight.delays))


def _left(job: ProviderJob, why: str = "") -> PutBack:
    return PutBack(Problem(ProblemKind.UNCERTAIN, why or job.error))


def _candidates_text(candidates: Sequence[str]) -> str:
    """Return which listed jobs may be the uncertain one, for a person."""
    if not candidates:
        return ""
    more = f" and {len(candidates) - SHOWN} more" if len(candidates) > SHOWN else ""
    return (
        f"the provider's list does not show which job is ours; of this model and time it has "
        f"{', '.join(candidates[:SHOWN])}{more}"
    )


def submit_again(provider: Provider, flight: Flight, control: LaneControl, most: int) -> Next:
    """Submit a job again that was not accepted; give up after ``most`` in a row.

    If the provider has accepted no other job meanwhile, no further jobs are submitted to it.
    """
    why = flight.known_job.error
    flight.provider_job = None
    flight.not_taken += 1
    control.not_taken += 1
    if flight.not_taken < most:
        return Later(Step.SUBMIT, backoff(flight.not_taken - 1))
    if control.not_taken < most:
        return PutBack(Problem(ProblemKind.NOT_ACCEPTED, why))
    control.stop(error=unusable(provider, why))
    return PutBack()
