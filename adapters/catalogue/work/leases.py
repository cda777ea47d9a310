"""Leases: the right of one worker to work on a variant for a limited time."""

import json
import math
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, or_, select, text, update

from adapters.catalogue.core.database import BATCH, CataloguePart, Database, batches, relax_durability
from adapters.catalogue.core.rows import (
    Lease,
    variant_row,
)
from adapters.catalogue.core.state_changes import SYSTEM, lock_variants, record_events, transition
from adapters.catalogue.core.tables import campaigns, database_now, memberships, variants
from adapters.catalogue.review.reviews import undoable
from adapters.catalogue.work.job_rows import adoptable
from manifests.states import State

ACTIVE = "active"
"""Status of a campaign whose variants can be leased; see ``steering``."""


_LEASABLE = (State.LEASED, State.RENDERED, State.APPROVED, State.SIGNING)


_STATUS_LOCKS = 7_335_136
"""Namespace of PostgreSQL's advisory locks on the status of campaigns."""


_CHOICE_LOCKS = 7_335_137
"""Namespace of PostgreSQL's advisory locks on the choice of a campaign's next variants."""


class InFlight(NamedTuple):
    """A variant that a worker generates or judges at the moment, in one of its briefs."""

    variant_id: str
    brief_id: str
    labels: tuple[tuple[str, str], ...]


class ExpiredLease(NamedTuple):
    """A lease that its owner did not renew in time."""

    variant_id: str
    state: str
    owner: str


class Leases(CataloguePart):
    """Acquire, renew and release leases."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._choosing = threading.Lock()

    def acquire(
        self,
        variant_ids: Sequence[str],
        owner: str,
        seconds: float,
        states: Collection[str] = (State.PLANNED,),
        *,
        attempts_cap: int,
        campaign_id: str | None = None,
        limit: int | None = None,
        share: float = 1.0,
    ) -> list[Lease]:
        """Lease the variants that are free or whose lease has expired.

        Planned variants become leased. Rendered, approved and signing variants keep their state if it is in
        ``states``, so that their work is resumed. If ``states`` includes planned, abandoned leased variants become
        leased again, and so do abandoned rendered variants whose own state is not in ``states``. If a variant has an
        open provider job whose file has not been fetched, the lease adopts the job, which is not counted as a try:
        paid work must not be quarantined because processes were restarted.

        Args:
            attempts_cap: a variant leased this many times without progress is quarantined instead.
            campaign_id: the campaign to work for; nothing is leased if it is paused or cancelled.
            limit: lease at most this many, the first free ones in the order of ``variant_ids``; None for all.
            share: with a limit, lease at most this share of the free variants, but at least one of them, so that
                other workers find some too.
        """
        leased: dict[str, Lease] = {}
        for batch in batches(variant_ids):
            if limit is not None and len(leased) >= limit:
                break
            with self._db.writing() as connection:
                if campaign_id:
                    lock_campaign_status(connection, campaign_id)
                for few in self._offered(connection, batch, states, campaign_id, limit, share):
                    locked = self._lock_available(connection, few, states, campaign_id)
                    adopted = adoptable(connection, locked) if locked else frozenset()
                    exhausted = self._quarantine_exhausted(connection, locked, adopted, attempts_cap)
                    fresh = {key: state for key, state in locked.items() if key not in exhausted}
                    leased.update(self._lease(connection, fresh, adopted, owner, seconds, states))
                    if leased:
                        break
        return [leased[variant_id] for variant_id in dict.fromkeys(variant_ids) if variant_id in leased]

    def free(self, variant_ids: Iterable[str], states: Collection[str] = (State.PLANNED,)) -> frozenset[str]:
        """Return which of the variants ``acquire`` could lease now."""
        found: set[str] = set()
        with self._db.reading() as connection:
            for batch in batches(variant_ids):
                found.update(_free(connection, batch, states))
        return frozenset(found)

    def in_flight(self, campaign_id: str, brief_ids: Collection[str]) -> list[InFlight]:
        """Return the variants of these briefs that workers generate or judge at the moment, without expired leases."""
        query = (
            select(variants.c.variant_id, memberships.c.brief_id, memberships.c.labels)
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(
                memberships.c.campaign_id == campaign_id,
                variants.c.lease_owner.is_not(None),
                variants.c.lease_expires >= database_now(),
                variants.c.state.in_((State.LEASED, State.RENDERED)),
            )
        )
        found: list[InFlight] = []
        with self._db.reading() as connection:
            for batch in batches(sorted(brief_ids)):
                for row in connection.execute(query.where(memberships.c.brief_id.in_(batch))):
                    labels = tuple((name, value) for name, value in json.loads(row.labels))
                    found.append(InFlight(row.variant_id, row.brief_id, labels))
        return found

    @contextmanager
    def choosing(self, campaign_id: str) -> Iterator[None]:
        """Let one worker at a time count a campaign's clips and lease variants accordingly.

        Otherwise two workers could each lease the last clip that a brief lacks. On SQLite, which serves one machine,
        this covers the threads of this process only.
        """
        with self._choosing:  # so that a process keeps at most one connection waiting
            if self._db.dialect != "postgresql":
                yield
                return
            with self._db.reading() as connection:
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:space, hashtext(:campaign_id))"),
                    {"space": _CHOICE_LOCKS, "campaign_id": campaign_id},
                )
                yield

    def renew(self, owner: str, seconds: float) -> int:
        """Extend the owner's leases to ``seconds`` from now; return how many there are.

        A crash of the database may lose the last renewals; the attempt number then identifies the valid lease.
        """
        with self._db.writing() as connection:
            relax_durability(connection)
            held = _held_by(connection, owner)
            for batch in batches(held):
                connection.execute(
                    update(variants)
                    .where(variants.c.variant_id.in_(batch))
                    .values(lease_expires=database_now() + seconds)
                )
        return len(held)

    def release(self, leases: Iterable[Lease], *, begun: bool = False) -> int:
        """Release leases as if they had never been acquired; return how many were released.

        Args:
            begun: work had begun and failed, so the attempt counts, unless the lease had adopted a provider job.
        """
        released = 0
        ordered = sorted(leases, key=lambda lease: lease.variant_id)
        if not ordered:
            return released
        with self._db.writing() as connection:
            for lease in ordered:
                held = lock_variants(
                    connection,
                    [lease.variant_id],
                    _LEASABLE,
                    variants.c.lease_owner == lease.owner,
                    variants.c.attempt == lease.attempt,
                )
                is_try = begun or not lease.is_counted
                end_leases(connection, held, lease.owner, variants.c.tries - (0 if is_try else 1))
                released += len(held)
        return released

    def release_owner(self, owner: str) -> int:
        """End all leases of a process that has died; return how many there were."""
        with self._db.writing() as connection:
            held = _held_by(connection, owner)
            for batch in batches(held):
                end_leases(connection, {key: held[key] for key in batch}, owner, variants.c.tries)
        return len(held)

    @staticmethod
    def _offered(
        connection: Connection,
        batch: Sequence[str],
        states: Collection[str],
        campaign_id: str | None,
        limit: int | None,
        share: float,
    ) -> Iterator[Sequence[str]]:
        """Yield the variants to try to lease, a few at a time; without a limit, all at once.

        The free variants are read without a lock: locking all of them would hide them from other workers meanwhile.
        """
        if limit is None:
            yield batch
            return
        free = _free(connection, batch, states, campaign_id)
        few = max(1, min(limit, math.ceil(len(free) * share)))
        yield from batches((key for key in batch if key in free), few)

    @staticmethod
    def _lock_available(
        connection: Connection, batch: Sequence[str], states: Collection[str], campaign_id: str | None
    ) -> dict[str, str]:
        conditions = _is_free(states, campaign_id)
        return lock_variants(connection, batch, sorted(_leasable(states)), *conditions, wait=False)

    @staticmethod
    def _quarantine_exhausted(
        connection: Connection, locked: Mapping[str, str], adopted: Collection[str], cap: int
    ) -> dict[str, str]:
        counted = [key for key in locked if key not in adopted]
        query = select(variants.c.variant_id).where(variants.c.variant_id.in_(counted), variants.c.tries >= cap)
        exhausted = {key: locked[key] for key in connection.execute(query).scalars()}
        reason = (
            f"Leased {cap} times without a result. Check the workers' logs, then run "
            "`reelmill retry CAMPAIGN --failed`."
        )
        transition(connection, exhausted, State.QUARANTINED, SYSTEM, {"error": reason}, reason=reason)
        return exhausted

    def _lease(
        self,
        connection: Connection,
        locked: Mapping[str, str],
        adopted: Collection[str],
        owner: str,
        seconds: float,
        states: Collection[str],
    ) -> dict[str, Lease]:
        begun = {
            key: state for key, state in locked.items() if state in (State.PLANNED, State.LEASED) or state not in states
        }
        mine = variants.c.variant_id.in_(list(locked))
        connection.execute(
            update(variants)
            .where(mine)
            .values(
                state=case((variants.c.variant_id.in_(list(begun)), State.LEASED), else_=variants.c.state),
                lease_owner=owner,
                lease_expires=database_now() + seconds,
                attempt=variants.c.attempt + 1,
                tries=case((variants.c.variant_id.in_(list(adopted)), variants.c.tries), else_=variants.c.tries + 1)
                if adopted
                else variants.c.tries + 1,
            )
        )
        record_events(connection, begun, State.LEASED, owner)
        return {
            row.variant_id: Lease(row.variant_id, owner, row.attempt, variant_row(row), row.variant_id not in adopted)
            for row in connection.execute(select(variants).where(mine))
        }

    def owners(self) -> list[str]:
        """Return the owners of all leases, including expired ones."""
        query = select(variants.c.lease_owner).where(variants.c.lease_owner.is_not(None)).distinct()
        with self._db.reading() as connection:
            return sorted(connection.execute(query).scalars())

    def expired(self) -> list[ExpiredLease]:
        """Return expired leases that no other worker has acquired since."""
        with self._db.reading() as connection:
            return _expired(connection, None)

    def end_expired(self, most: int = BATCH) -> list[ExpiredLease]:
        """End up to ``most`` expired leases: leased variants become planned, others keep their state.

        Rows that another transaction has locked, such as a renewal by the owner, are left out.
        """
        with self._db.writing() as connection:
            ended = _expired(connection, most)
            end_leases(connection, {each.variant_id: each.state for each in ended}, SYSTEM, variants.c.tries)
        return ended

    def of_owner(self, owner: str) -> list[str]:
        """Return the ids of the variants that an owner has leased."""
        query = select(variants.c.variant_id).where(variants.c.lease_owner == owner).order_by(variants.c.variant_id)
        with self._db.reading() as connection:
            return list(connection.execute(query).scalars())


def _leasable(states: Collection[str]) -> set[str]:
    """Return the states from which ``acquire`` leases: work that was abandoned in one of ``states`` included."""
    return {*states, *((State.LEASED, State.RENDERED) if State.PLANNED in states else ())}


def _is_free(states: Collection[str], campaign_id: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions that a variant in one of the leasable states can be leased now."""
    return [
        or_(variants.c.lease_owner.is_(None), variants.c.lease_expires < database_now()),
        *([~undoable()] if State.APPROVED in states else []),
        *([is_active(campaign_id)] if campaign_id else []),
    ]


def _free(
    connection: Connection, batch: Sequence[str], states: Collection[str], campaign_id: str | None = None
) -> set[str]:
    query = select(variants.c.variant_id).where(
        variants.c.variant_id.in_(batch), variants.c.state.in_(_leasable(states)), *_is_free(states, campaign_id)
    )
    return set(connection.execute(query).scalars())


def _held_by(connection: Connection, owner: str) -> dict[str, str]:
    query = (
        select(variants.c.variant_id, variants.c.state)
        .where(variants.c.lease_owner == owner)
        .order_by(variants.c.variant_id)
        .with_for_update()
    )
    return {row.variant_id: row.state for row in connection.execute(query)}


def end_leases(connection: Connection, held: Mapping[str, str], actor: str, tries: object) -> None:
    """End leases: leased variants become planned, others keep their state."""
    if not held:
        return
    connection.execute(
        update(variants)
        .where(variants.c.variant_id.in_(list(held)))
        .values(
            state=case((variants.c.state == State.LEASED, State.PLANNED), else_=variants.c.state),
            lease_owner=None,
            lease_expires=None,
            tries=tries,
        )
    )
    record_events(
        connection,
        {key: state for key, state in held.items() if state == State.LEASED},
        State.PLANNED,
        actor,
        released=True,
    )


def is_active(campaign_id: str) -> ColumnElement[bool]:
    """Return the condition that the campaign's variants can be leased."""
    return (
        select(campaigns.c.campaign_id)
        .where(campaigns.c.campaign_id == campaign_id, campaigns.c.standing == ACTIVE)
        .exists()
    )


def lock_campaign_status(connection: Connection, campaign_id: str, *, alone: bool = False) -> None:
    """Lock a campaign's status until the transaction ends; ``alone`` takes an exclusive lock, to change it.

    Without the lock, PostgreSQL could commit a lease after the campaign was paused. It is an advisory lock, because
    a row lock would make every worker write to the row. SQLite allows one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        name = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        connection.execute(
            text(f"SELECT {name}(:space, hashtext(:campaign_id))"),
            {"space": _STATUS_LOCKS, "campaign_id": campaign_id},
        )


def _expired(connection: Connection, most: int | None) -> list[ExpiredLease]:
    """Return expired leases; lock them if ``most`` is given."""
    query = select(variants.c.variant_id, variants.c.state, variants.c.lease_owner).where(
        variants.c.lease_owner.is_not(None), variants.c.lease_expires < database_now()
    )
    if most is not None:
        query = query.limit(most).with_for_update(skip_locked=True)
    return [ExpiredLease(*row) for row in connection.execute(query)]
