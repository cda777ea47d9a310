"""Change the state of a provider job. Each change checks the current state."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, bindparam, cast, select, update

from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.tables import IS_OPEN, database_now, provider_jobs, variants
from adapters.catalogue.work.job_rows import job_from
from manifests.costs.money import Money
from manifests.hosted.job import BUSY, TRANSITIONS, Accepted, JobState
from manifests.hosted.job_decisions import SHORT, Decision, refusal_of
from manifests.hosted.job_errors import JobStateError, TakenReferenceError
from manifests.hosted.provider_job import ProviderJob

REPORTED = "reported_cost"
"""Key in a job's facts: the cost that the provider reported in another currency than that of the price."""
UNSETTLED = frozenset({JobState.SUBMITTING, JobState.UNCERTAIN})
"""States in which the provider may or may not have accepted the job."""
_BY_ID = update(provider_jobs).where(provider_jobs.c.job_id == bindparam("of_job")).returning(provider_jobs)
"""Built once, as other statements of the hosted lane: building one takes longer than its execution."""
_SAME_REFERENCE = select(provider_jobs.c.job_id).where(
    provider_jobs.c.provider == bindparam("provider"),
    provider_jobs.c.vendor_ref == bindparam("vendor_ref"),
    provider_jobs.c.base_url == bindparam("base_url"),
    provider_jobs.c.job_id != bindparam("job_id"),
)
_FREE: Mapping[str, Any] = {"cost_micros": 0, "cost_is_estimate": 0}
_UNPAID: Mapping[str, Any] = {"cost_micros": None, "cost_is_estimate": 0, "ended_at": None, "error": ""}


def move(connection: Connection, job: ProviderJob, to: JobState, **values: Any) -> ProviderJob:
    """Move a locked job to a state; return the changed job.

    Raises:
        JobStateError: the state does not allow it.
    """
    if to not in TRANSITIONS[job.state]:
        raise refused(job, to)
    return write(connection, job, state=to, **values)


def write(connection: Connection, job: ProviderJob, **values: Any) -> ProviderJob:
    """Change columns of a locked job; return the changed job. If it is no longer open, its end time is set."""
    if values.get("state", JobState.SUBMITTING) not in BUSY and job.state in BUSY:
        values["ended_at"] = database_now()
    texts = {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}
    computed = {name: value for name, value in texts.items() if isinstance(value, ColumnElement)}
    plain = {name: value for name, value in texts.items() if name not in computed}
    change = _BY_ID.values(**computed) if computed else _BY_ID
    return job_from(connection.execute(change, {"of_job": job.job_id, **plain}).one())


def refused(job: ProviderJob, to: JobState) -> JobStateError:
    """Return the error for an invalid change of the state."""
    return JobStateError(f"The provider job {job.job_id} is {job.state}, so it cannot become {to}.")


def check_decision(job: ProviderJob, decision: Decision, *, is_billed: bool = False) -> None:
    """Check that the state of a job allows a person's decision.

    Raises:
        JobStateError: it does not; the message says what is possible.
    """
    if why := refusal_of(job, decision, is_billed=is_billed):
        raise JobStateError(why)


def accept(connection: Connection, job: ProviderJob, accepted: Accepted) -> ProviderJob:
    """Record that the provider accepted a job; the same answer may be recorded again.

    A job that was closed as not accepted becomes submitted if the provider accepts it later. If its variant has
    another open job by then, it becomes lost: it is paid, but not needed.

    Raises:
        TakenReferenceError: another job has this reference.
    """
    values = {"vendor_ref": clean(accepted.vendor_ref), "links": to_text({**job.links, **accepted.links})}
    _check_reference(connection, job, values["vendor_ref"])
    if job.state == JobState.SUBMITTED and job.vendor_ref in ("", values["vendor_ref"]):
        return write(connection, job, **values)
    if job.state == JobState.CANCELLED and not job.vendor_ref:
        return _accept_late(connection, job, values)
    return move(connection, job, JobState.SUBMITTED, **values, look_at=None, error="")


def adopt_lost(connection: Connection, job: ProviderJob, accepted: Accepted) -> ProviderJob:
    """Record that the provider has a lost job after all: it is followed again, and its money reserved again.

    Raises:
        JobStateError: another job was submitted for its variant meanwhile.
        TakenReferenceError: another job has this reference.
    """
    _check_reference(connection, job, clean(accepted.vendor_ref))
    query = select(provider_jobs.c.job_id).where(provider_jobs.c.variant_id == job.variant_id, IS_OPEN)
    if other := connection.execute(query).scalar():
        raise JobStateError(
            f"The provider job {job.job_id} cannot be adopted, because the job {other} was submitted for its clip "
            f"meanwhile. To close the lost job, run `reelmill jobs discard {job.job_id[:SHORT]} --billed`."
        )
    return write(connection, job, state=JobState.SUBMITTED, vendor_ref=accepted.vendor_ref, closed_by="", **_UNPAID)


def _check_reference(connection: Connection, job: ProviderJob, vendor_ref: str) -> None:
    """Check that no other job of the server has a reference; servers that cost nothing may use theirs again."""
    if job.currency and not job.reserved_micros:
        return
    own = {"provider": job.provider, "vendor_ref": vendor_ref, "base_url": job.base_url, "job_id": job.job_id}
    if other := connection.execute(_SAME_REFERENCE, own).scalar():
        raise TakenReferenceError(f"The provider's reference {vendor_ref[:80]!r} is that of the provider job {other}.")


def _accept_late(connection: Connection, job: ProviderJob, values: Mapping[str, Any]) -> ProviderJob:
    query = select(provider_jobs.c.job_id).where(provider_jobs.c.variant_id == job.variant_id, IS_OPEN)
    sent = database_now() if job.submitted_at is None else provider_jobs.c.submitted_at
    values = {**values, "submitted_at": sent}
    if connection.execute(query).first() is None:
        return write(connection, job, state=JobState.SUBMITTED, **values, **_UNPAID)
    why = "The provider accepted the job after it was closed and another job was submitted."
    return write(connection, job, state=JobState.LOST, **values, **expected_cost(job), error=why)


def end(
    connection: Connection, job: ProviderJob, to: JobState, sources: Collection[JobState], **values: Any
) -> ProviderJob:
    """Move a job to a state in which it has ended; nothing changes if it has that state already.

    Args:
        sources: the states from which this change is meant, besides what ``TRANSITIONS`` allows.
    """
    if job.state == to:
        return job
    if job.state not in sources:
        raise refused(job, to)
    return move(connection, job, to, **values)


def finish(
    connection: Connection, job: ProviderJob, cost: Money | None, facts: Mapping[str, Any], expires_in_s: float | None
) -> ProviderJob:
    """Move a job to done, or update one that is already done."""
    job = replace(job, facts={**job.facts, **facts})
    is_new, is_told = job.state != JobState.DONE, cost is not None and job.cost_is_estimate
    values = {
        "facts": to_text(dict(job.facts)),
        "url_expires_at": None if expires_in_s is None else after(expires_in_s),
        **(ended_cost(job, cost, True) if is_new or is_told else {}),
    }
    return move(connection, job, JobState.DONE, **values) if is_new else write(connection, job, **values)


def discard(connection: Connection, job: ProviderJob, actor: str, is_billed: bool) -> ProviderJob:
    """Give up a job as a person has decided: it becomes lost if it was billed, and cancelled if not.

    A submitted job, which nobody follows or whose provider cannot be reached, can only be given up as billed.
    """
    check_decision(job, Decision.DISCARD, is_billed=is_billed)
    if job.state == JobState.DONE and _has_clip(connection, job):
        raise JobStateError(
            f"The provider job {job.job_id} is done and its clip is downloaded, so it cannot be discarded. "
            f"`reelmill status {job.campaign_id}` shows the campaign."
        )
    known = {} if job.state == JobState.DONE else ended_cost(job, None, is_billed)
    state = JobState.LOST if is_billed else JobState.CANCELLED
    return write(connection, job, state=state, closed_by=actor, **known)


def _has_clip(connection: Connection, job: ProviderJob) -> bool:
    query = select(variants.c.clip).where(variants.c.variant_id == job.variant_id)
    return job.fetched_at is not None and connection.execute(query).scalar() is not None


def ended_cost(job: ProviderJob, cost: Money | None, is_billed: bool) -> Mapping[str, Any]:
    """Return the columns of what a job has cost: what the provider says, the expected cost, or nothing.

    A cost in another currency than the price is not converted: it is stored in the facts, next to the estimate.
    """
    if cost is None:
        return expected_cost(job) if is_billed else _FREE
    if job.currency in ("", cost.currency):
        return {"cost_micros": cost.micros, "currency": cost.currency, "cost_is_estimate": 0}
    return {**expected_cost(job), "facts": to_text({**job.facts, REPORTED: str(cost)})}


def expected_cost(job: ProviderJob) -> Mapping[str, Any]:
    """Return the columns of a cost that the provider has not reported; unknown if there was no price either."""
    if not job.currency:
        return {"cost_micros": None, "cost_is_estimate": 1}
    return {"cost_micros": job.reserved_micros, "cost_is_estimate": 1}


def after(seconds: float) -> ColumnElement[float]:
    """Return the time in ``seconds`` from now, by the database's clock."""
    return cast(database_now(), Float) + seconds
