"""How a database is, for whoever only wants to know: nothing is created, migrated or written."""

import time
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Float, cast, func, select, text

from adapters.catalogue.core.engine import build_engine, our_errors, writing
from adapters.catalogue.core.schema import HEAD, revision_of
from adapters.catalogue.core.tables import database_now, variants
from manifests.states import State

PATIENCE_S = 5.0


class CatalogueHealth(NamedTuple):
    """How a database is.

    Attributes:
        engine: ``PostgreSQL 15.6`` or ``SQLite 3.40.1``.
        revision: of its tables; None where it has none yet.
        head: the revision that this version knows.
        now: its clock, seconds since 1970; ``asked_at``: ours in the middle of asking.
        answer_s: seconds that one question took.
        read_only: it takes no writes.
    """

    engine: str
    revision: str | None
    head: str
    now: float
    asked_at: float
    answer_s: float
    read_only: bool


def check_health(url: str) -> CatalogueHealth | None:
    """Return how a catalogue's database is; None where SQLite's file is not there yet.

    Raises:
        CatalogueUnreachableError: it does not answer, or is locked for longer than PATIENCE_S.
        CatalogueError: the URL, or what lies there, is no catalogue.
    """
    engine = build_engine(url, PATIENCE_S)
    try:
        is_file = engine.dialect.name == "sqlite" and not str(engine.url.database).startswith("file:")
        if is_file and not Path(str(engine.url.database)).is_file():
            return None
        with our_errors(engine):
            revision = revision_of(engine)
            with writing(engine).connect() as connection:  # SQLite takes the lock of a writer, and gives it back
                return _vitals(engine, connection, revision)
    finally:
        engine.dispose()


def count_published(url: str) -> int:
    """Return how many clips a catalogue calls published; 0 where it has no tables yet.

    Raises:
        CatalogueUnreachableError, CatalogueError: as ``check_health``.
    """
    vitals = check_health(url)
    if vitals is None or vitals.revision is None:
        return 0
    engine = build_engine(url, PATIENCE_S)
    try:
        with our_errors(engine), engine.connect() as connection:
            return int(
                connection.execute(
                    select(func.count()).select_from(variants).where(variants.c.state == State.PUBLISHED)
                ).scalar_one()
            )
    finally:
        engine.dispose()


def _vitals(engine: Engine, connection: Connection, revision: str | None) -> CatalogueHealth:
    is_postgresql = engine.dialect.name == "postgresql"
    name = "PostgreSQL" if is_postgresql else "SQLite"
    version = connection.execute(text("SHOW server_version" if is_postgresql else "SELECT sqlite_version()")).scalar()
    began_at, began = time.time(), time.monotonic()
    now = connection.execute(select(cast(database_now(), Float))).scalar_one()
    took = time.monotonic() - began
    read_only = is_postgresql and connection.execute(text("SHOW transaction_read_only")).scalar() == "on"
    return CatalogueHealth(
        f"{name} {str(version).split()[0]}", revision, HEAD, now, began_at + took / 2, took, read_only
    )
