"""Deliverables: plan them, record their results, and list them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.deliverable_changes import (
    ENDED,
    lock_deliverables,
    move_deliverables,
    write_deliverable_events,
)
from adapters.catalogue.core.deliverable_rows import (
    DeliverableLease,
    DeliverableRow,
    PendingDeliverable,
    columns_of,
    deliverable_row,
)
from adapters.catalogue.core.rows import SignedFacts, clean, record_text
from adapters.catalogue.core.state_changes import SYSTEM, lock_variants
from adapters.catalogue.core.tables import campaigns, database_now, deliverable_events, deliverable_shots, deliverables
from adapters.catalogue.log.entries import append
from adapters.catalogue.log.logged_deliveries import DELIVERABLE_PUBLISHED, DELIVERABLE_WITHDRAWN, publication
from adapters.catalogue.review.signing_proof import signing_detail
from adapters.catalogue.work.leases import ACTIVE
from manifests.errors import LostLeaseError, NotFoundError
from manifests.finish.deliverable import UNDELIVERED, DeliverableState, FinishedFile
from manifests.finish.spec import DeliverableSpec
from manifests.states import State

_row = deliverables.c
_REPLACEABLE = (DeliverableState.PLANNED, DeliverableState.FINISHED, DeliverableState.FAILED)
REPLACED = "The sheet was submitted again with other texts, another template or another brand kit."
_REMOVABLE = [state for state in DeliverableState if state != DeliverableState.WITHDRAWN]


class Deliverables(CataloguePart):
    """Plan deliverables and record their results, each in one transaction with its event.

    Methods with a lease raise LostLeaseError if another worker has the deliverable, or if it was withdrawn.
    """

    def add(self, specs: Iterable[DeliverableSpec], actor: str = SYSTEM) -> list[str]:
        """Plan the deliverables that do not exist yet; return their ids.

        A deliverable whose clips are not all published is left out: it was withdrawn in the meantime.
        """
        added: list[str] = []
        for batch in batches(specs, 100):
            with self._db.writing() as connection:
                added += _add(connection, {spec.deliverable_id: spec for spec in batch}, actor)
        return added

    def mark_finished(self, lease: DeliverableLease, file: FinishedFile) -> None:
        """Planned → finished: the finished file is on the disk of ``file.machine``."""
        values = {"file": file.to_json(), "machine": file.machine, "made_at": database_now(), "tries": 0, "error": ""}
        self._step(
            lease,
            (DeliverableState.PLANNED,),
            DeliverableState.FINISHED,
            values,
            sha256=file.sha256,
            digest=file.digest,
        )

    def mark_signing(self, lease: DeliverableLease, facts: SignedFacts) -> None:
        """Finished or signing → signing: commit keys and hashes before any upload."""
        self._step(
            lease,
            (DeliverableState.FINISHED, DeliverableState.SIGNING),
            DeliverableState.SIGNING,
            {"signed": record_text(facts)},
            **signing_detail(facts),
        )

    def mark_published(self, lease: DeliverableLease, url: str) -> None:
        """Signing → published: all files are in the bucket; add an entry to the log, and end the lease."""
        with self._db.writing() as connection:
            values = {"url": clean(url), "tries": 0, **ENDED}
            _step(connection, lease, (DeliverableState.SIGNING,), DeliverableState.PUBLISHED, values, url=clean(url))
            signed = connection.execute(select(_row.signed).where(_row.deliverable_id == lease.deliverable_id)).scalar()
            append(connection, lease.owner, DELIVERABLE_PUBLISHED, [(lease.deliverable_id, publication(signed))])

    def requeue(self, lease: DeliverableLease, reason: str) -> None:
        """Finished or signing → planned, because its files are gone; keep the lease, so that it is made again now."""
        values = {"file": None, "signed": None, "machine": ""}
        sources = (DeliverableState.FINISHED, DeliverableState.SIGNING)
        self._step(lease, sources, DeliverableState.PLANNED, values, reason=clean(reason))

    def fail(self, lease: DeliverableLease, reason: str) -> None:
        """Fail a deliverable with a reason, and end the lease; ``retry`` plans it again."""
        values = {"error": clean(reason), **ENDED}
        self._step(lease, sorted(UNDELIVERED), DeliverableState.FAILED, values, reason=clean(reason))

    def fail_unproven(self, problems: Mapping[str, str], actor: str = SYSTEM) -> list[str]:
        """Fail deliverables of which something was changed outside Reelmill, even if they are leased."""
        failed: list[str] = []
        for deliverable_id, reason in problems.items():
            with self._db.writing() as connection:
                locked = lock_deliverables(connection, [deliverable_id], UNDELIVERED)
                values = {"error": clean(reason), "file": None, "signed": None, "machine": "", **ENDED}
                move_deliverables(connection, locked, DeliverableState.FAILED, actor, values, reason=clean(reason))
            failed += locked
        return failed

    def retry(self, campaign_id: str, actor: str = SYSTEM) -> int:
        """Plan the failed deliverables of a campaign again; return how many there were."""
        query = select(_row.deliverable_id).where(
            _row.campaign_id == campaign_id, _row.state == DeliverableState.FAILED
        )
        values = {"error": "", "tries": 0, "file": None, "signed": None, "machine": "", **ENDED}
        moved = 0
        with self._db.reading() as connection:
            failed = list(connection.execute(query).scalars())
        for batch in batches(failed):
            with self._db.writing() as connection:
                locked = lock_deliverables(connection, batch, (DeliverableState.FAILED,))
                move_deliverables(connection, locked, DeliverableState.PLANNED, actor, values, retried=True)
            moved += len(locked)
        return moved

    def withdraw(self, deliverable_ids: Iterable[str], actor: str, reason: str) -> list[str]:
        """Withdraw deliverables, with an entry in the log for each; return the ids of those that changed."""
        moved: list[str] = []
        for batch in batches(deliverable_ids):
            with self._db.writing() as connection:
                locked = lock_deliverables(connection, batch, _REMOVABLE)
                move_deliverables(connection, locked, DeliverableState.WITHDRAWN, actor, ENDED, reason=clean(reason))
                entries = [(key, {"from": state, "reason": clean(reason)}) for key, state in locked.items()]
                append(connection, actor, DELIVERABLE_WITHDRAWN, entries)
            moved += locked
        return moved

    def replace(self, campaign_id: str, variant_ids: Collection[str], current: Collection[str]) -> list[str]:
        """Withdraw deliverables that are no longer planned, because the sheet was submitted with other inputs.

        Signing and published ones stay, and so do those that a worker has leased.

        Args:
            variant_ids: the clips whose deliverables are known; deliverables with other clips stay.
            current: the ids of all deliverables of these clips.

        Returns:
            The ids of those that changed.
        """
        query = (
            select(_row.deliverable_id, deliverable_shots.c.variant_id)
            .join(deliverable_shots, deliverable_shots.c.deliverable_id == _row.deliverable_id)
            .where(_row.campaign_id == campaign_id, _row.state.in_(_REPLACEABLE), _row.lease_owner.is_(None))
        )
        known, shots = set(variant_ids), defaultdict[str, set[str]](set)
        with self._db.reading() as connection:
            for deliverable_id, variant_id in connection.execute(query):
                shots[deliverable_id].add(variant_id)
        stale = [key for key, mine in shots.items() if key not in current and mine <= known]
        moved: list[str] = []
        for batch in batches(stale):
            with self._db.writing() as connection:
                locked = lock_deliverables(connection, batch, _REPLACEABLE, _row.lease_owner.is_(None))
                move_deliverables(connection, locked, DeliverableState.WITHDRAWN, SYSTEM, ENDED, reason=REPLACED)
            moved += locked
        return moved

    def mark_removed(self, deliverable_id: str) -> None:
        """Clear the URL of a withdrawn deliverable after its files were deleted from the bucket."""
        with self._db.writing() as connection:
            connection.execute(
                deliverables.update()
                .where(_row.deliverable_id == deliverable_id, _row.state == DeliverableState.WITHDRAWN)
                .values(url=None)
            )

    def get(self, deliverable_id: str) -> DeliverableRow:
        """Return a deliverable.

        Raises:
            NotFoundError: there is none with this id.
        """
        with self._db.reading() as connection:
            row = connection.execute(select(deliverables).where(_row.deliverable_id == deliverable_id)).first()
        if row is None:
            raise NotFoundError(f"The catalogue has no deliverable {deliverable_id!r}.")
        return deliverable_row(row)

    def of_ids(self, deliverable_ids: Collection[str]) -> dict[str, DeliverableRow]:
        """Return the deliverables that exist, by id."""
        found: dict[str, DeliverableRow] = {}
        with self._db.reading() as connection:
            for batch in batches(deliverable_ids):
                for row in connection.execute(select(deliverables).where(_row.deliverable_id.in_(batch))):
                    found[row.deliverable_id] = deliverable_row(row)
        return found

    def of_campaign(self, campaign_id: str, states: Collection[str] | None = None) -> list[DeliverableRow]:
        """Return the deliverables of a campaign by brief, clip, placement and locale."""
        query = select(deliverables).where(_row.campaign_id == campaign_id)
        if states is not None:
            query = query.where(_row.state.in_(sorted(states)))
        return self._rows(query)

    def of_variant(self, variant_id: str, campaign_id: str | None = None) -> list[DeliverableRow]:
        """Return the deliverables that contain a clip, of all campaigns or of one."""
        mine = select(deliverable_shots.c.deliverable_id).where(deliverable_shots.c.variant_id == variant_id)
        query = select(deliverables).where(_row.deliverable_id.in_(mine))
        if campaign_id is not None:
            query = query.where(_row.campaign_id == campaign_id)
        return self._rows(query)

    def waiting(self, campaign_id: str, states: Collection[str] = UNDELIVERED) -> list[PendingDeliverable]:
        """Return the deliverables of a campaign that wait for a step, without reading their descriptions."""
        query = (
            select(_row.deliverable_id, _row.state, _row.lease_owner, _row.machine)
            .where(_row.campaign_id == campaign_id, _row.state.in_(sorted(states)))
            .order_by(_row.brief_id, _row.variant_id, _row.placement, _row.locale, _row.deliverable_id)
        )
        with self._db.reading() as connection:
            return [PendingDeliverable(*row) for row in connection.execute(query)]

    def campaigns_left(self) -> list[str]:
        """Return the active campaigns with deliverables that wait for a step, and that no worker has leased."""
        query = (
            select(_row.campaign_id)
            .distinct()
            .join(campaigns, campaigns.c.campaign_id == _row.campaign_id)
            .where(
                campaigns.c.standing == ACTIVE,
                _row.state.in_(sorted(UNDELIVERED)),
                or_(_row.lease_owner.is_(None), _row.lease_expires < database_now()),
            )
            .order_by(_row.campaign_id)
        )
        with self._db.reading() as connection:
            return list(connection.execute(query).scalars())

    def counts(self, campaign_id: str | None = None) -> dict[str, int]:
        """Return the number of deliverables by state, of a campaign or of all; states without any are left out."""
        query = select(_row.state, func.count()).group_by(_row.state)
        if campaign_id is not None:
            query = query.where(_row.campaign_id == campaign_id)
        with self._db.reading() as connection:
            return {state: number for state, number in connection.execute(query)}

    def counts_by_campaign(self) -> dict[str, Counter[str]]:
        """Return the number of deliverables by campaign and state."""
        found: dict[str, Counter[str]] = {}
        query = select(_row.campaign_id, _row.state, func.count()).group_by(_row.campaign_id, _row.state)
        with self._db.reading() as connection:
            for campaign_id, state, number in connection.execute(query):
                found.setdefault(campaign_id, Counter())[state] = number
        return found

    def events(self, deliverable_id: str) -> list[Mapping[str, Any]]:
        """Return the events of a deliverable, oldest first, as mappings by column."""
        query = (
            select(deliverable_events)
            .where(deliverable_events.c.deliverable_id == deliverable_id)
            .order_by(deliverable_events.c.event_id)
        )
        with self._db.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _rows(self, query: Any) -> list[DeliverableRow]:
        ordered = query.order_by(_row.brief_id, _row.variant_id, _row.placement, _row.locale, _row.deliverable_id)
        with self._db.reading() as connection:
            return [deliverable_row(row) for row in connection.execute(ordered)]

    def _step(
        self, lease: DeliverableLease, sources: Sequence[str], to_state: str, values: dict[str, Any], **detail: Any
    ) -> None:
        with self._db.writing() as connection:
            _step(connection, lease, sources, to_state, values, **detail)


def _add(connection: Connection, specs: Mapping[str, DeliverableSpec], actor: str) -> list[str]:
    """Insert those that are new; the lock on their clips keeps a withdrawal from missing them."""
    shots = {shot.variant_id for spec in specs.values() for shot in spec.shots}
    published = lock_variants(connection, sorted(shots), (State.PUBLISHED,))
    known = set(connection.execute(select(_row.deliverable_id).where(_row.deliverable_id.in_(list(specs)))).scalars())
    new = {
        key: spec
        for key, spec in specs.items()
        if key not in known and all(shot.variant_id in published for shot in spec.shots)
    }
    if not new:
        return []
    rows = [
        {"deliverable_id": key, "body": spec.to_json(), "state": DeliverableState.PLANNED, **columns_of(spec)}
        for key, spec in new.items()
    ]
    connection.execute(insert(deliverables), rows)
    masters = [
        {"deliverable_id": key, "variant_id": variant_id}
        for key, spec in new.items()
        for variant_id in dict.fromkeys(shot.variant_id for shot in spec.shots)
    ]
    connection.execute(insert(deliverable_shots), masters)
    write_deliverable_events(connection, dict.fromkeys(new), DeliverableState.PLANNED, actor)
    return list(new)


def _step(
    connection: Connection,
    lease: DeliverableLease,
    sources: Sequence[str],
    to_state: str,
    values: dict[str, Any],
    **detail: Any,
) -> None:
    held = lock_deliverables(
        connection, [lease.deliverable_id], sources, _row.lease_owner == lease.owner, _row.attempt == lease.attempt
    )
    if not held:
        raise LostLeaseError(
            f"Another worker has leased deliverable {lease.deliverable_id[:12]}, or it was withdrawn. It is skipped "
            "here."
        )
    move_deliverables(connection, held, to_state, lease.owner, values, **detail)
