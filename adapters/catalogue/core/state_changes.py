"""Change a variant's state together with its event, within one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, update

from adapters.catalogue.core.row_locks import lock_rows
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.seals import sealed_events
from adapters.catalogue.core.tables import events, variants

SYSTEM = "system"


def record_events(
    connection: Connection, moved: Mapping[str, str | None], to_state: str, actor: str, **detail: Any
) -> None:
    """Write an event for each variant; ``moved`` maps its id to the previous state."""
    write_events(
        connection, [event_row(variant_id, source, to_state, actor, **detail) for variant_id, source in moved.items()]
    )


def event_row(variant_id: str, from_state: str | None, to_state: str, actor: str, **detail: Any) -> dict[str, Any]:
    """Return an event as a row of the table."""
    return {
        "variant_id": variant_id,
        "from_state": from_state,
        "to_state": to_state,
        "actor": clean(actor),
        "detail": to_text(detail),
    }


def write_events(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append events with the database's time; those of decisions and of delivery are sealed."""
    if rows:
        connection.execute(insert(events), sealed_events(connection, rows))


def lock_variants(
    connection: Connection, variant_ids: Iterable[str], states: Collection[str], *conditions: Any, wait: bool = True
) -> dict[str, str]:
    """Lock variants as ``lock_rows`` does, and return their states by id."""
    table = variants.c
    return lock_rows(connection, table.variant_id, table.state, variant_ids, states, *conditions, wait=wait)


def transition(
    connection: Connection,
    locked: Mapping[str, str],
    to_state: str,
    actor: str,
    values: Mapping[str, Any],
    **detail: Any,
) -> None:
    """Move locked variants to a state, each with its event, and end their leases."""
    if not locked:
        return
    connection.execute(
        update(variants)
        .where(variants.c.variant_id.in_(list(locked)))
        .values(state=to_state, lease_owner=None, lease_expires=None, **values)
    )
    record_events(connection, locked, to_state, actor, **detail)
