"""Provider jobs as records, and the query for those that a lease adopts."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, bindparam, literal_column, or_, select

from adapters.catalogue.core.rows import damage_of, micros_in, number_in, object_in
from adapters.catalogue.core.tables import IS_BUSY, IS_OPEN, provider_jobs
from manifests.errors import NotFoundError
from manifests.hosted.job import JobState
from manifests.hosted.provider_job import ProviderJob

IS_ADOPTABLE = and_(
    IS_OPEN, or_(IS_BUSY, and_(provider_jobs.c.state == literal_column("'done'"), provider_jobs.c.fetched_at.is_(None)))
)
"""Open jobs whose file has not been fetched: a lease of their variant adopts them."""
_LOCKED = select(provider_jobs).where(provider_jobs.c.job_id == bindparam("job_id")).with_for_update()
_TIMES = ("submitted_at", "polled_at", "look_at", "url_expires_at", "fetched_at", "ended_at")


def adoptable(connection: Connection, variant_ids: Collection[str]) -> frozenset[str]:
    """Return the variants with an open job whose file has not been fetched yet."""
    query = select(provider_jobs.c.variant_id).where(provider_jobs.c.variant_id.in_(list(variant_ids)), IS_ADOPTABLE)
    return frozenset(connection.execute(query).scalars())


def lock_job(connection: Connection, job_id: str) -> ProviderJob:
    """Lock and return a job.

    Raises:
        NotFoundError: there is no such job.
    """
    row = connection.execute(_LOCKED, {"job_id": job_id}).first()
    if row is None:
        raise unknown_job(job_id)
    return job_from(row)


def unknown_job(job_id: str) -> NotFoundError:
    """Return the error for a job that does not exist."""
    return NotFoundError(f"There is no provider job {job_id[:80]!r}. List them with `reelmill jobs list --state all`.")


def job_from(row: Any) -> ProviderJob:
    """Return the record of a row of ``tables.provider_jobs``.

    Raises:
        CatalogueError: the row was changed outside Reelmill, and cannot be read.
    """
    values = dict(row._mapping)
    with damage_of("provider job"):
        values |= {
            "state": JobState(row.state),
            "links": {str(name): str(url) for name, url in object_in(row.links).items()},
            "facts": object_in(row.facts),
            "created_at": number_in(row.created_at),
            "due_at": number_in(row.due_at),
            "reserved_micros": micros_in(row.reserved_micros),
            "cost_micros": None if row.cost_micros is None else micros_in(row.cost_micros),
            "cost_is_estimate": bool(row.cost_is_estimate),
        }
        values |= {name: None if values[name] is None else number_in(values[name]) for name in _TIMES}
        return ProviderJob(**values)
