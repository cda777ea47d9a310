"""Reserve a provider job in the catalogue, before its request is sent."""

from sqlalchemy import Connection, bindparam, func, insert, select, update

from adapters.catalogue.core.rows import Lease, clean, to_text
from adapters.catalogue.core.tables import IS_OPEN, IS_UNSENT, provider_jobs, variants
from adapters.catalogue.work.job_money import check_room, lock_money, priced_columns
from adapters.catalogue.work.job_rows import job_from
from adapters.catalogue.work.provider_accounts import check_account, lock_account
from manifests.errors import LostLeaseError
from manifests.hosted.job import JobState
from manifests.hosted.job_errors import OpenJobError
from manifests.hosted.provider_job import KEY, JobLimits, NewJob, ProviderJob
from manifests.states import State

_HELD = (
    select(variants.c.variant_id)
    .where(
        variants.c.variant_id == bindparam("new_id"),
        variants.c.variant_id == bindparam("id"),
        variants.c.state == State.LEASED,
        variants.c.lease_owner == bindparam("owner"),
        variants.c.attempt == bindparam("attempt"),
    )
    .with_for_update()
)
_OPEN_OF = select(provider_jobs).where(provider_jobs.c.variant_id == bindparam("variant_id"), IS_OPEN)
_ATTEMPTS = (
    select(func.count())
    .select_from(provider_jobs)
    .where(provider_jobs.c.variant_id == bindparam("of_variant"))
    .scalar_subquery()
)
_INSERTED = insert(provider_jobs).values(attempt=_ATTEMPTS + 1).returning(provider_jobs)
_NOT_ENDED = {"error": "", "ended_at": None, "cost_micros": None, "cost_is_estimate": 0}


def reserve_job(connection: Connection, new: NewJob, lease: Lease, limits: JobLimits) -> ProviderJob:
    """Insert a job in state submitting, if all checks pass; raises as ``ProviderJobs.reserve`` does.

    Account, money and variant are locked in this order, by all processes, so that none of them deadlocks.
    """
    account = lock_account(connection, new.provider)
    lock_money(connection, new.run_id)
    _check_lease(connection, new, lease)
    _check_no_open_job(connection, new.variant_id)
    now = check_account(connection, account, limits)
    check_room(connection, new.run_id, new.price)
    return _inserted(connection, new, lease.owner, now)


def _check_lease(connection: Connection, new: NewJob, lease: Lease) -> None:
    own = {"new_id": new.variant_id, "id": lease.variant_id, "owner": lease.owner, "attempt": lease.attempt}
    if connection.execute(_HELD, own).first() is None:
        raise LostLeaseError(
            f"Another worker has leased variant {new.variant_id}, or a person has changed its state. It is not "
            "submitted here."
        )


def _check_no_open_job(connection: Connection, variant_id: str) -> None:
    if row := connection.execute(_OPEN_OF, {"variant_id": variant_id}).first():
        raise OpenJobError(job_from(row))


def _inserted(connection: Connection, new: NewJob, owner: str, now: float) -> ProviderJob:
    """Insert the job, or open it again if it was reserved before and its request could not be sent."""
    mine = provider_jobs.c.variant_id == new.variant_id
    values = {
        "job_id": new.job_id,
        "variant_id": new.variant_id,
        "campaign_id": new.campaign_id,
        "run_id": new.run_id,
        "provider": new.provider,
        "card": new.card,
        "protocol": new.protocol,
        "base_url": clean(new.base_url),
        "request_digest": new.request_digest,
        "links": to_text({KEY: new.key_digest} if new.key_digest else {}),
        "state": JobState.SUBMITTING,
        "created_at": now,
        "submitted_at": now,
        "due_at": now + new.deadline_s,
        "owner": owner,
        **priced_columns(new.price),
    }
    if new.was_unsent:
        again = update(provider_jobs).where(provider_jobs.c.job_id == new.job_id, mine, IS_UNSENT)
        opened = connection.execute(again.values(**values, **_NOT_ENDED).returning(*provider_jobs.c)).first()
        if opened is not None:
            return job_from(opened)
    return job_from(connection.execute(_INSERTED, {"of_variant": new.variant_id, **values}).one())
