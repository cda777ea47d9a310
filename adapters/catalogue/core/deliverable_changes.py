"""Change a deliverable's state together with its event, within one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from adapters.catalogue.core.row_locks import lock_rows
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.seals import DELIVERABLE, AuditKey, key_for_writing
from adapters.catalogue.core.tables import deliverable_events, deliverable_shots, deliverables
from manifests.finish.deliverable import DELIVERABLE_TRANSITIONS, DeliverableState

ENDED = {"lease_owner": None, "lease_expires": None}
_event = deliverable_events.c


def lock_deliverables(
    connection: Connection, ids: Iterable[str], states: Collection[str], *conditions: Any, wait: bool = True
) -> dict[str, str]:
    """Lock deliverables as ``lock_rows`` does, and return their states by id."""
    table = deliverables.c
    return lock_rows(connection, table.deliverable_id, table.state, ids, states, *conditions, wait=wait)


def move_deliverables(
    connection: Connection,
    locked: Mapping[str, str],
    to_state: str,
    actor: str,
    values: Mapping[str, Any],
    **detail: Any,
) -> None:
    """Move locked deliverables to a state, each with its event."""
    if not locked:
        return
    connection.execute(
        update(deliverables).where(deliverables.c.deliverable_id.in_(list(locked))).values(state=to_state, **values)
    )
    write_deliverable_events(connection, locked, to_state, actor, **detail)


def write_deliverable_events(
    connection: Connection, moved: Mapping[str, str | None], to_state: str, actor: str, **detail: Any
) -> None:
    """Write a sealed event for each deliverable; ``moved`` maps its id to the previous state."""
    key = key_for_writing(connection)
    before = _last_events(connection, moved)
    rows = [
        {
            "deliverable_id": deliverable_id,
            "from_state": source,
            "to_state": str(to_state),
            "actor": clean(actor),
            "detail": to_text(detail),
        }
        for deliverable_id, source in moved.items()
    ]
    sealed = [{**row, "seal": _seal(key, row, before.get(str(row["deliverable_id"]), 0))} for row in rows]
    if sealed:
        connection.execute(insert(deliverable_events), sealed)


def deliverable_event_fields(row: Any, after: int) -> tuple[Any, ...]:
    """Return what the seal of an event covers; ``after`` is the number of the deliverable's event before it."""
    names = ("deliverable_id", "actor", "from_state", "to_state", "detail")
    return DELIVERABLE, after, *(row[name] for name in names)


def deliverable_history_problem(history: Sequence[Any], key: AuditKey | None) -> str:
    """Return what is wrong with the events of a deliverable, in their order; empty if nothing is."""
    before: Any = None
    for row in history:
        allowed = DELIVERABLE_TRANSITIONS.get(before.to_state, ()) if before else (DeliverableState.PLANNED,)
        if row.from_state != (before.to_state if before else None) or row.to_state not in allowed:
            return f"its event {row.event_id} ({row.to_state}) does not follow the event before it"
        fields = deliverable_event_fields(row._mapping, before.event_id if before else 0)
        if key and not key.matches(row.seal, *fields):
            return f"its event {row.event_id} ({row.to_state}) was written or changed outside Reelmill"
        before = row
    return "" if history else "it has no event"


def withdraw_deliverables_of(
    connection: Connection, variant_ids: Collection[str], actor: str, reason: str
) -> list[str]:
    """Withdraw all deliverables that contain one of the clips, even if they are leased; return their ids.

    It happens in the transaction that withdraws the clips, so that no deliverable of a withdrawn clip is published.
    """
    if not variant_ids:
        return []
    query = select(deliverable_shots.c.deliverable_id).where(deliverable_shots.c.variant_id.in_(list(variant_ids)))
    ids = set(connection.execute(query).scalars())
    states = [state for state in DeliverableState if state != DeliverableState.WITHDRAWN]
    locked = lock_deliverables(connection, ids, states) if ids else {}
    move_deliverables(connection, locked, DeliverableState.WITHDRAWN, actor, ENDED, reason=clean(reason))
    return sorted(locked)


def _seal(key: AuditKey | None, row: Mapping[str, Any], after: int) -> str | None:
    return key.seal(*deliverable_event_fields(row, after)) if key else None


def _last_events(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    query = (
        select(_event.deliverable_id, func.max(_event.event_id))
        .where(_event.deliverable_id.in_(list(ids)))
        .group_by(_event.deliverable_id)
    )
    return {deliverable_id: number for deliverable_id, number in connection.execute(query)}
