"""Handle refusals and failed jobs: for the variant, the account and the rest of the shard."""

from adapters.catalogue import Catalogue
from manifests.errors import ProviderError
from manifests.hosted.job import Cause, JobState, Refused
from tasks.alerts import alerts
from tasks.render.hosted.delays import asked_delay
from tasks.render.hosted.flight import FailedFor, Flight, LaneControl, Later, Next, Problem, ProblemKind, PutBack, Step
from tasks.render.hosted.provider import Provider
from tasks.render.hosted.sentences import gone_text, hidden_text, invalid_text, paused_text, refused_text

MAX_INVALID = 3
"""Consecutive invalid requests after which the lane stops: the card is probably wrong, not the prompts."""
MAX_RESUBMISSIONS = 1
"""New jobs for a variant after one that failed because of the provider and was not billed."""
MAX_LATE = 8
"""Consecutive rate-limit refusals after which the variant is left for a later run."""


def pause_account(catalogue: Catalogue, provider: Provider, cause: Cause, why: str, control: LaneControl) -> PutBack:
    """Pause the account, with one alert, and stop submitting; the variant is released.

    Args:
        why: the reason, a sentence without a full stop.
    """
    if catalogue.provider_accounts.pause(provider.card.provider, cause, why):
        alerts.account_paused(catalogue, provider.card.provider, why)
    control.stop(Problem(ProblemKind.PAUSED, why))
    return PutBack()


def hide_job(catalogue: Catalogue, provider: Provider, flight: Flight) -> PutBack:
    """Keep a job that the new key of the account does not show, with one alert; the variant is released."""
    job, why = flight.known_job, hidden_text(provider.card)
    if job.state is not JobState.DONE:
        flight.provider_job = catalogue.provider_jobs.hidden(job.job_id, why)
    alerts.jobs_hidden(catalogue, provider.card.provider, provider.key_digest, why)
    return PutBack(Problem(ProblemKind.HIDDEN, why))


def after_refusal(
    catalogue: Catalogue, provider: Provider, flight: Flight, refusal: Refused, control: LaneControl
) -> Next:
    """Return the next step after a refused submission; the job has ended."""
    cause = refusal.cause
    if cause is Cause.INVALID:
        return _invalid(provider, refusal, control)
    if cause in (Cause.AUTH, Cause.MONEY):
        return pause_account(catalogue, provider, cause, paused_text(provider.card, refusal), control)
    if cause in (Cause.RATE, Cause.CONCURRENCY):
        return _slow_down(catalogue, provider, flight, refusal)
    if cause in (Cause.NOT_FOUND, Cause.GONE):
        control.stop(error=ProviderError(gone_text(provider.card, refusal)))
        return PutBack()
    control.invalid = 0
    return _resubmitted(flight, refusal) or FailedFor(refused_text(provider.card, refusal))


def after_failure(
    catalogue: Catalogue, provider: Provider, flight: Flight, failure: Refused, control: LaneControl
) -> Next:
    """Return the next step after a job failed at the provider; the job has ended."""
    if failure.cause in (Cause.AUTH, Cause.MONEY):
        return pause_account(catalogue, provider, failure.cause, paused_text(provider.card, failure), control)
    is_billed = provider.card.costs_money and provider.card.billed_on_failure != "no"
    again = None if is_billed else _resubmitted(flight, failure)
    return again or FailedFor(refused_text(provider.card, failure))


def _invalid(provider: Provider, refusal: Refused, control: LaneControl) -> Next:
    control.invalid += 1
    if control.invalid >= MAX_INVALID:
        control.stop(error=ProviderError(invalid_text(provider.card, refusal, control.invalid)))
    return FailedFor(refused_text(provider.card, refusal))


def _slow_down(catalogue: Catalogue, provider: Provider, flight: Flight, refusal: Refused) -> Next:
    """Delay submissions on all hosts, because the limit applies to the account."""
    delay = asked_delay(refusal.retry_after_s, flight.delays)
    flight.delays += 1
    if flight.delays > MAX_LATE:
        return PutBack(Problem(ProblemKind.FULL))
    catalogue.provider_accounts.slow_down(provider.card.provider, delay)
    flight.waits = True
    return Later(Step.SUBMIT, delay)


def _resubmitted(flight: Flight, refusal: Refused) -> Later | None:
    if not refusal.may_retry or refusal.cause in (Cause.MODERATION, Cause.INVALID):
        return None
    if flight.resubmissions >= MAX_RESUBMISSIONS:
        return None
    flight.resubmissions += 1
    return Later(Step.SUBMIT, asked_delay(refusal.retry_after_s, flight.resubmissions))
