"""Lock rows by their ids and states, for variants and for deliverables."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Column, Connection, select


def lock_rows(
    connection: Connection,
    key: Column[str],
    state: Column[str],
    ids: Iterable[str],
    states: Collection[str],
    *conditions: Any,
    wait: bool = True,
) -> dict[str, str]:
    """Lock the rows that are in one of the states and meet the conditions; return their states by id.

    Rows are locked in the order of their ids, so that transactions do not deadlock. Without ``wait``, rows that
    another transaction has locked are left out.

    Args:
        key, state: the columns of the id and of the state, of one table.
    """
    query = (
        select(key, state)
        .where(key.in_(list(ids)), state.in_(sorted(states)), *conditions)
        .order_by(key)
        .with_for_update(skip_locked=not wait)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
