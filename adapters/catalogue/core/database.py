"""A database connection pool, its transactions, and the base of the catalogue's parts."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Engine, text

from adapters.catalogue.core.engine import our_errors, writing
from adapters.catalogue.core.group_commit import GroupCommit
from adapters.catalogue.core.log_mark import KnownEntry, LogMark
from adapters.catalogue.core.seals import NO_KEY, AuditAccess, with_access
from manifests.errors import ReelmillError

BATCH = 1000
"""Rows per statement; SQLite allows 32,766 bound values."""

_LOG_END = "reelmill_log_end"

log = logging.getLogger(__name__)
T = TypeVar("T")


class Database:
    """An engine with its transactions. Threads may share one; each process opens its own."""

    def __init__(self, engine: Engine, access: AuditAccess = NO_KEY) -> None:
        self.access = access
        self.engine = with_access(engine, access)
        self._writer = writing(self.engine)
        self._together = GroupCommit(self.writing)
        # SQLite has one writer. A thread that finds the database locked sleeps up to 0.1 s between two tries, so that
        # the threads of a process take turns here instead.
        self._turns: AbstractContextManager[object] = threading.RLock() if self.dialect == "sqlite" else nullcontext()

    @property
    def url(self) -> str:
        """The URL with its password, for a worker process that opens its own connection."""
        return self.engine.url.render_as_string(hide_password=False)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with our_errors(self.engine), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def reading_snapshot(self) -> Iterator[Connection]:
        """Open a transaction whose queries all see the same state; SQLite's transactions always do."""
        engine = self.engine
        if self.dialect == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with our_errors(engine), engine.connect() as connection:
            yield connection

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """Open a connection on which each statement commits itself (PostgreSQL only)."""
        engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with our_errors(engine), engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes, and commit it at the end; then remember the new end of the log."""
        with self._turns, our_errors(self.engine), self._writer.begin() as connection:
            connection.info.pop(_LOG_END, None)
            yield connection
            end = connection.info.pop(_LOG_END, None)
        if end and self.access.mark:
            remember(self.access.mark, end)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return the result of a short transaction; on SQLite, it may be committed with those of other threads.

        Args:
            work: changes nothing but the database, since it may be called twice, and adds no entry to the log.
        """
        if self.dialect == "sqlite":
            return self._together(work)
        with self.writing() as connection:
            return work(connection)


class CataloguePart:
    """One part of the catalogue, working on a shared database."""

    def __init__(self, database: Database) -> None:
        self._db = database


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Split items into lists of ``size``; the last one may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def remember(mark: LogMark, entry: KnownEntry) -> None:
    """Remember an entry of the log, if it is newer than the known one. A failure is logged."""
    try:
        mark.advance(entry)
    except (ReelmillError, OSError) as error:
        log.warning("The newest entry of the audit log could not be remembered: %s", error)


def note_log_end(connection: Connection, entry: KnownEntry) -> None:
    """Note the last entry of the log that this transaction writes."""
    connection.info[_LOG_END] = entry


def relax_durability(connection: Connection) -> None:
    """Let PostgreSQL commit this transaction before it reaches the disk; only for data that a crash may lose."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL synchronous_commit TO off"))
