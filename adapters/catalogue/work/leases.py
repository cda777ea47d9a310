"""Leases: the right of one worker to work on a variant for a limited time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, or_, select, text, update

from adapters.catalogue.core.database import BATCH, CataloguePart, batches, relax_durability
from adapters.catalogue.core.rows import (
    Lease,
    variant_row,
)
from adapters.catalogue.core.state_changes import SYSTEM, lock_variants, record_events, transition
from adapters.catalogue.core.tables import campaigns, database_now, variants
from adapters.catalogue.review.reviews import undoable
from manifests.states import State

ACTIVE = "active"
"""Status of a campaign whose variants can be leased; see ``steering``."""


_LEASABLE = (State.LEASED, State.RENDERED, State.APPROVED, State.SIGNING)


_STATUS_LOCKS = 7_335_136
"""Namespace of PostgreSQL's advisory locks on the status of campaigns."""


class ExpiredLease(NamedTuple):
    """A lease that its owner did not renew in time."""

    variant_id: str
    state: str
    owner: str


class Leases(CataloguePart):
    """Acquire, renew and release leases."""

    def acquire(
        self,
        variant_ids: Sequence[str],
        owner: str,
        seconds: float,
        states: Collection[str] = (State.PLANNED,),
        *,
        attempts_cap: int,
        campaign_id: str | None = None,
    ) -> list[Lease]:
        """Lease the variants that are free or whose lease has expired.

        Planned variants become leased. Rendered, approved and signing variants keep their state if it is in
        ``states``, so that their work is resumed. If ``states`` includes planned, abandoned leased variants become
        leased again, and so do abandoned rendered variants whose own state is not in ``states``.

        Args:
            attempts_cap: a variant leased this many times without progress is quarantined instead.
            campaign_id: the campaign to work for; nothing is leased if it is paused or cancelled.
        """
        leased: dict[str, Lease] = {}
        for batch in batches(variant_ids):
            with self._db.writing() as connection:
                if campaign_id:
                    lock_campaign_status(connection, campaign_id)
                locked = self._lock_available(connection, batch, states, campaign_id)
                exhausted = self._quarantine_exhausted(connection, locked, attempts_cap)
                fresh = {key: state for key, state in locked.items() if key not in exhausted}
                leased.update(self._lease(connection, fresh, owner, seconds, states))
        return [leased[variant_id] for variant_id in dict.fromkeys(variant_ids) if variant_id in leased]

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
            begun: work had begun and failed, so the attempt counts.
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
                end_leases(connection, held, lease.owner, variants.c.tries - (0 if begun else 1))
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
    def _lock_available(
        connection: Connection, batch: Sequence[str], states: Collection[str], campaign_id: str | None
    ) -> dict[str, str]:
        wanted = {*states, *((State.LEASED, State.RENDERED) if State.PLANNED in states else ())}
        unheld = or_(variants.c.lease_owner.is_(None), variants.c.lease_expires < database_now())
        conditions = [
            unheld,
            *([~undoable()] if State.APPROVED in wanted else []),
            *([is_active(campaign_id)] if campaign_id else []),
        ]
        return lock_variants(connection, batch, sorted(wanted), *conditions, wait=False)

    @staticmethod
    def _quarantine_exhausted(connection: Connection, locked: Mapping[str, str], cap: int) -> dict[str, str]:
        query = select(variants.c.variant_id).where(variants.c.variant_id.in_(list(locked)), variants.c.tries >= cap)
        exhausted = {key: locked[key] for key in connection.execute(query).scalars()}
        reason = (
            f"Leased {cap} times without a result. Check the workers' logs, then run "
            "`reelmill retry CAMPAIGN --failed`."
        )
        transition(connection, exhausted, State.QUARANTINED, SYSTEM, {"error": reason}, reason=reason)
        return exhausted

    def _lease(
        self, connection: Connection, locked: Mapping[str, str], owner: str, seconds: float, states: Collection[str]
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
                tries=variants.c.tries + 1,
            )
        )
        record_events(connection, begun, State.LEASED, owner)
        return {
            row.variant_id: Lease(row.variant_id, owner, row.attempt, variant_row(row))
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
