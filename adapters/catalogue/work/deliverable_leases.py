"""Leases of deliverables: the right of one worker to finish, sign and publish them for a limited time."""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, or_, select, update

from adapters.catalogue.core.database import BATCH, CataloguePart, batches, relax_durability
from adapters.catalogue.core.deliverable_changes import ENDED, lock_deliverables, move_deliverables
from adapters.catalogue.core.deliverable_rows import DeliverableLease, deliverable_row
from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.core.tables import database_now, deliverables
from adapters.catalogue.work.leases import ExpiredLease, is_active, lock_campaign_status
from manifests.finish.deliverable import UNDELIVERED, DeliverableState

_row = deliverables.c


class DeliverableLeases(CataloguePart):
    """Acquire, renew and release leases of deliverables, by the rules of ``Leases``. A lease is no state change."""

    def acquire(
        self,
        deliverable_ids: Sequence[str],
        owner: str,
        seconds: float,
        *,
        attempts_cap: int,
        campaign_id: str,
        states: Collection[str] = UNDELIVERED,
    ) -> list[DeliverableLease]:
        """Lease the deliverables that are free or whose lease has expired; all keep their states.

        Args:
            attempts_cap: a deliverable leased this many times without progress fails instead.
            campaign_id: their campaign; nothing is leased if it is paused or cancelled.
        """
        leased: dict[str, DeliverableLease] = {}
        for batch in batches(deliverable_ids):
            with self._db.writing() as connection:
                lock_campaign_status(connection, campaign_id)
                locked = lock_deliverables(connection, batch, states, _is_free(), is_active(campaign_id), wait=False)
                exhausted = _fail_exhausted(connection, locked, attempts_cap)
                fresh = [key for key in locked if key not in exhausted]
                leased.update(_lease(connection, fresh, owner, seconds))
        return [leased[key] for key in dict.fromkeys(deliverable_ids) if key in leased]

    def renew(self, owner: str, seconds: float) -> int:
        """Extend the owner's leases to ``seconds`` from now; return how many there are."""
        with self._db.writing() as connection:
            relax_durability(connection)
            return connection.execute(
                update(deliverables).where(_row.lease_owner == owner).values(lease_expires=database_now() + seconds)
            ).rowcount

    def release(self, leases: Iterable[DeliverableLease], *, begun: bool = False) -> int:
        """Release leases; return how many were released.

        Args:
            begun: work had begun and failed, so the attempt counts; otherwise it does not.
        """
        released = 0
        ordered = sorted(leases, key=lambda lease: lease.deliverable_id)
        if not ordered:
            return released
        with self._db.writing() as connection:
            for lease in ordered:
                released += connection.execute(
                    update(deliverables)
                    .where(
                        _row.deliverable_id == lease.deliverable_id,
                        _row.lease_owner == lease.owner,
                        _row.attempt == lease.attempt,
                    )
                    .values(tries=_row.tries - (0 if begun else 1), **ENDED)
                ).rowcount
        return released

    def release_owner(self, owner: str) -> int:
        """End all leases of a process that has died; return how many there were."""
        with self._db.writing() as connection:
            return connection.execute(update(deliverables).where(_row.lease_owner == owner).values(**ENDED)).rowcount

    def owners(self) -> list[str]:
        """Return the owners of all leases, including expired ones."""
        query = select(_row.lease_owner).where(_row.lease_owner.is_not(None)).distinct()
        with self._db.reading() as connection:
            return sorted(connection.execute(query).scalars())

    def expired(self) -> list[ExpiredLease]:
        """Return expired leases that no other worker has acquired since."""
        with self._db.reading() as connection:
            return _expired(connection, None)

    def end_expired(self, most: int = BATCH) -> list[ExpiredLease]:
        """End up to ``most`` expired leases; rows that another transaction has locked are left out."""
        with self._db.writing() as connection:
            ended = _expired(connection, most)
            connection.execute(
                update(deliverables)
                .where(_row.deliverable_id.in_([lease.variant_id for lease in ended]))
                .values(**ENDED)
            )
        return ended

    def of_owner(self, owner: str) -> list[str]:
        """Return the ids of the deliverables that an owner has leased."""
        query = select(_row.deliverable_id).where(_row.lease_owner == owner).order_by(_row.deliverable_id)
        with self._db.reading() as connection:
            return list(connection.execute(query).scalars())


def _is_free() -> ColumnElement[bool]:
    return or_(_row.lease_owner.is_(None), _row.lease_expires < database_now())


def _fail_exhausted(connection: Connection, locked: dict[str, str], cap: int) -> set[str]:
    query = select(_row.deliverable_id).where(_row.deliverable_id.in_(list(locked)), _row.tries >= cap)
    exhausted = {key: locked[key] for key in connection.execute(query).scalars()}
    reason = (
        f"Leased {cap} times without a result. Check the logs of the run, then run `reelmill retry CAMPAIGN --failed`."
    )
    move_deliverables(connection, exhausted, DeliverableState.FAILED, SYSTEM, {"error": reason, **ENDED}, reason=reason)
    return set(exhausted)


def _lease(connection: Connection, ids: Sequence[str], owner: str, seconds: float) -> dict[str, DeliverableLease]:
    if not ids:
        return {}
    connection.execute(
        update(deliverables)
        .where(_row.deliverable_id.in_(ids))
        .values(
            lease_owner=owner,
            lease_expires=database_now() + seconds,
            attempt=_row.attempt + 1,
            tries=_row.tries + 1,
        )
    )
    rows = connection.execute(select(deliverables).where(_row.deliverable_id.in_(ids)))
    return {
        row.deliverable_id: DeliverableLease(row.deliverable_id, owner, row.attempt, deliverable_row(row))
        for row in rows
    }


def _expired(connection: Connection, most: int | None) -> list[ExpiredLease]:
    """Return expired leases; lock them if ``most`` is given."""
    query = select(_row.deliverable_id, _row.state, _row.lease_owner).where(
        _row.lease_owner.is_not(None), _row.lease_expires < database_now()
    )
    if most is not None:
        query = query.limit(most).with_for_update(skip_locked=True)
    return [ExpiredLease(*row) for row in connection.execute(query)]
