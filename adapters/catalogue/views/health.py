"""Read-only health check of a database: nothing is created, migrated or written."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Float, cast, func, select, text

from adapters.catalogue.core.database import Database
from adapters.catalogue.core.engine import build_engine, catalogue_name, our_errors, sqlite_file, writing
from adapters.catalogue.core.log_mark import LogMark
from adapters.catalogue.core.schema import HEAD, may_decide, revision_of, role_problem
from adapters.catalogue.core.seals import AuditAccess, AuditKey
from adapters.catalogue.core.tables import audit, audit_head, campaigns, database_now, variants
from adapters.catalogue.log.log_end import LogEnd
from adapters.catalogue.log.sealing import STARTED_EMPTY, is_used, problem_of_key
from manifests.errors import CatalogueError, CatalogueUnreachableError
from manifests.states import State

PATIENCE_S = 5.0
LONG_PATIENCE_S = 30.0
"""For questions that commands ask, which other processes may delay."""


class CatalogueHealth(NamedTuple):
    """The state of a database.

    Attributes:
        engine: ``PostgreSQL 15.6`` or ``SQLite 3.40.1``.
        revision: revision of its tables; None if it has none yet.
        head: the newest revision of this version.
        now: its clock, seconds since 1970; ``asked_at``: this machine's clock in the middle of the query.
        answer_s: duration of one query in seconds.
        read_only: it rejects writes.
        administers: the role is a superuser of the PostgreSQL server.
        role_problem: that the role can only render, and what to do; empty if it can do everything.
    """

    engine: str
    revision: str | None
    head: str
    now: float
    asked_at: float
    answer_s: float
    read_only: bool
    administers: bool = False
    role_problem: str = ""


def check_health(url: str) -> CatalogueHealth | None:
    """Return the state of a catalogue's database; None if the SQLite file does not exist yet.

    Raises:
        CatalogueUnreachableError: it does not respond, or is locked for longer than PATIENCE_S.
        CatalogueError: the URL is invalid, or the database is not a catalogue.
    """
    engine = build_engine(url, PATIENCE_S)
    try:
        file = sqlite_file(engine.url) if engine.dialect.name == "sqlite" else None
        if file and not file.is_file():
            return None
        with our_errors(engine):
            revision = revision_of(engine)
            with writing(engine).connect() as connection:  # SQLite acquires and releases its write lock
                return _vitals(engine, connection, revision)
    finally:
        engine.dispose()


def count_published(url: str) -> int:
    """Return the number of published clips; 0 if there are no tables yet.

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


def is_emptied(url: str) -> bool:
    """Return whether a catalogue has neither a seal nor any content, as only an unused one has.

    Raises:
        CatalogueUnreachableError, CatalogueError: it does not respond, or is not a catalogue.
    """
    return _ask(url, lambda connection: not _is_sealed(connection) and not is_used(connection))


def has_no_campaign(url: str) -> bool:
    """Return whether a catalogue has no campaign, and nobody has confirmed that it is a new one.

    Raises:
        CatalogueUnreachableError, CatalogueError: it does not respond, or is not a catalogue.
    """
    return _ask(url, _has_no_campaign)


def _ask(url: str, question: Callable[[Connection], bool]) -> bool:
    """Return what holds for a catalogue: True without tables, False with those of another version."""
    engine = build_engine(url, LONG_PATIENCE_S)
    try:
        file = sqlite_file(engine.url) if engine.dialect.name == "sqlite" else None
        if file and not file.is_file():
            return True
        with our_errors(engine), engine.connect() as connection:
            revision = revision_of(engine)
            return question(connection) if revision == HEAD else revision is None
    finally:
        engine.dispose()


def _is_sealed(connection: Connection) -> bool:
    return connection.execute(select(audit_head.c.key_id).where(audit_head.c.head_id == 1)).scalar() is not None


def _has_no_campaign(connection: Connection) -> bool:
    first = select(campaigns.c.campaign_id).limit(1)
    confirmed = select(audit.c.audit_id).where(audit.c.subject == "catalogue", audit.c.action == STARTED_EMPTY).limit(1)
    return not any(connection.execute(query).first() for query in (first, confirmed))


def check_seal(url: str, audit_key: bytes, *, was_sealed: bool, seal_history: bool = True) -> str:
    """Return why this installation can neither decide nor deliver anything in a catalogue; empty if it can.

    Args:
        was_sealed: this installation has sealed the catalogue before.
        seal_history: it seals a catalogue that has a history and no seals.

    Raises:
        CatalogueUnreachableError, CatalogueError: as ``check_health``.
        SettingsError: the audit key is too short.
    """
    health = check_health(url)
    if health is None or health.revision != health.head:
        return ""  # it is sealed when it is created or migrated
    engine = build_engine(url, PATIENCE_S)
    try:
        with our_errors(engine), engine.connect() as connection:
            return problem_of_key(connection, AuditKey(audit_key), may_begin=seal_history, was_sealed=was_sealed)
    finally:
        engine.dispose()


def check_log(url: str, audit_key: bytes, log_marks: Path | None) -> str:
    """Return why the audit log is not complete, as deliveries check it; empty if it is or is not sealed yet.

    Call it after ``check_seal`` has found no problem. The whole log is read; nothing is remembered of it.

    Args:
        log_marks: folder that remembers the newest known entry of the log; None skips that check.

    Raises:
        CatalogueUnreachableError, CatalogueError: as ``check_health``.
    """
    health = check_health(url)
    if health is None or health.revision != health.head:
        return ""
    engine = build_engine(url, PATIENCE_S)
    try:
        known = LogMark(log_marks, catalogue_name(url)).read() if log_marks else None
        with Database(engine, AuditAccess(AuditKey(audit_key))).reading_snapshot() as connection:
            if _is_sealed(connection):
                LogEnd().check(connection, known)
    except CatalogueUnreachableError:
        raise
    except CatalogueError as error:
        return str(error)
    finally:
        engine.dispose()
    return ""


def _vitals(engine: Engine, connection: Connection, revision: str | None) -> CatalogueHealth:
    is_postgresql = engine.dialect.name == "postgresql"
    name = "PostgreSQL" if is_postgresql else "SQLite"
    version = connection.execute(text("SHOW server_version" if is_postgresql else "SELECT sqlite_version()")).scalar()
    began_at, began = time.time(), time.monotonic()
    now = connection.execute(select(cast(database_now(), Float))).scalar_one()
    took = time.monotonic() - began
    read_only = is_postgresql and connection.execute(text("SHOW transaction_read_only")).scalar() == "on"
    administers = is_postgresql and connection.execute(text("SHOW is_superuser")).scalar() == "on"
    return CatalogueHealth(
        engine=f"{name} {str(version).split()[0]}",
        revision=revision,
        head=HEAD,
        now=now,
        asked_at=began_at + took / 2,
        answer_s=took,
        read_only=read_only,
        administers=administers,
        role_problem="" if may_decide(connection) else role_problem(engine),
    )
