"""The ground under the catalogue's methods: transactions, batches, events."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, insert, select, text, update

from adapters.catalogue.core.engine import our_errors, writing
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.tables import events, variants

SYSTEM = "system"
BATCH = 1000
"""Rows a statement; SQLite takes 32,766 bound values."""

T = TypeVar("T")


class Store:
    """An engine, and the two kinds of transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    @property
    def url(self) -> str:
        """The URL with its password, for a worker process that opens its own."""
        return self._engine.url.render_as_string(hide_password=False)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with our_errors(self._engine), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _reading_at_once(self) -> Iterator[Connection]:
        """Let several queries see one state of the database; SQLite's transactions always do."""
        engine = self._engine
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with our_errors(engine), engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with our_errors(self._engine), self._writer.begin() as connection:
            yield connection


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Cut into lists of ``size``, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def log(connection: Connection, moved: Mapping[str, str | None], to_state: str, actor: str, **detail: Any) -> None:
    """Write an event for each variant id, which came from the state it maps to."""
    write_events(
        connection, [event_row(variant_id, source, to_state, actor, **detail) for variant_id, source in moved.items()]
    )


def event_row(variant_id: str, from_state: str | None, to_state: str, actor: str, **detail: Any) -> dict[str, Any]:
    """Return an event as the table takes it."""
    return {
        "variant_id": variant_id,
        "from_state": from_state,
        "to_state": to_state,
        "actor": clean(actor),
        "detail": to_text(detail),
    }


def write_events(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append events; their time is the database's."""
    if rows:
        connection.execute(insert(events), rows)


def pick(
    connection: Connection, variant_ids: Iterable[str], states: Collection[str], *conditions: Any, wait: bool = True
) -> dict[str, str]:
    """Lock those of the variants that are in one of the states and meet the conditions.

    In the order of their ids, so that no two transactions wait for each other. Without
    ``wait``, rows that another transaction holds are left out.
    """
    query = (
        select(variants.c.variant_id, variants.c.state)
        .where(variants.c.variant_id.in_(list(variant_ids)), variants.c.state.in_(states), *conditions)
        .order_by(variants.c.variant_id)
        .with_for_update(skip_locked=not wait)
    )
    return {row.variant_id: row.state for row in connection.execute(query)}


def move(
    connection: Connection,
    picked: Mapping[str, str],
    to_state: str,
    actor: str,
    values: Mapping[str, Any],
    **detail: Any,
) -> None:
    """Bring picked variants to a state, each with its event, and end their leases."""
    if not picked:
        return
    connection.execute(
        update(variants)
        .where(variants.c.variant_id.in_(list(picked)))
        .values(state=to_state, lease_owner=None, lease_expires=None, **values)
    )
    log(connection, picked, to_state, actor, **detail)


def do_not_wait_for_the_disk(connection: Connection) -> None:
    """Let PostgreSQL commit this transaction before it is on the disk; only for what a crash may forget."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL synchronous_commit TO off"))
