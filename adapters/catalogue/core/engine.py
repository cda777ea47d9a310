"""Connections: SQLite made durable, PostgreSQL by psycopg, and the drivers' errors in our words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from manifests.errors import CatalogueError, CatalogueUnreachableError, DiskFullError, ReelmillError

_WRITE = "BEGIN IMMEDIATE"
_CONNECT_SECONDS = 5
_POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 40}
"""As many at once as the dashboard has threads; all but a few are closed after use."""


def build_engine(url: str, patience: float) -> Engine:
    """Return an engine; nothing is connected yet.

    Args:
        url: ``sqlite:///file`` or ``postgresql://…``.
        patience: seconds to wait for a lock that another process holds.

    Raises:
        CatalogueError: the URL is none of the two.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed,
            pool_pre_ping=True,
            **_POOL,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "options": f"-c lock_timeout={int(patience * 1000)} -c synchronous_commit=on",
            },
        )
    engine = create_engine(parsed, **_POOL, connect_args={"timeout": patience})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write: SQLite takes its lock at once, or waits for it."""
    return engine.execution_options(reelmill_begin=_WRITE)


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """True where the library is free of the WAL-reset bug (https://sqlite.org/wal.html#walresetbug)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


@contextmanager
def our_errors(engine: Engine) -> Iterator[None]:
    """Turn the database's errors into ours; everything else goes through."""
    try:
        yield
    except PoolTimeout as error:
        raise CatalogueUnreachableError(
            f"The catalogue {_name(engine)} has no connection free; run fewer workers at once."
        ) from error
    except DBAPIError as error:
        raise _translate(engine, error) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise _unknown_url() from error
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise _unknown_url()
    _make_folder(parsed)
    return parsed


def _unknown_url() -> CatalogueError:
    return CatalogueError(
        "The catalogue's URL is not understood; use sqlite:///file or "
        "postgresql://user:password@host/database in REELMILL_CATALOGUE_URL."
    )


def _make_folder(url: URL) -> None:
    if not url.database or url.database == ":memory:":
        raise CatalogueError(
            "The catalogue needs a file, since several processes share it; name one as sqlite:///file."
        )
    if url.database.startswith("file:"):
        return  # a URI names its file in SQLite's own way
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogueUnreachableError(
            f"The catalogue's folder {folder} cannot be made ({error.strerror}); move it by REELMILL_HOME."
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None
    journal = "WAL" if wal_is_safe() else "TRUNCATE"
    # TRUNCATE with FULL syncs the emptied journal, so that a commit survives a power cut.
    for pragma in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("reelmill_begin", "BEGIN"))


def _translate(engine: Engine, error: DBAPIError) -> ReelmillError:
    if engine.dialect.name == "sqlite":
        return _translate_sqlite(engine, error)
    return _translate_postgresql(engine, error)


def _translate_sqlite(engine: Engine, error: DBAPIError) -> ReelmillError:
    name = getattr(error.orig, "sqlite_errorname", "")
    where = _name(engine)
    if name.startswith("SQLITE_FULL"):
        return DiskFullError(
            f"The disk that holds the catalogue {where} is full; free some space, or move REELMILL_HOME, and run again."
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return CatalogueUnreachableError(
            f"The catalogue {where} is locked by another process; wait for it to end, then run again."
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return CatalogueUnreachableError(
            f"The catalogue {where} cannot be opened for writing; check the rights of the file and its folder."
        )
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return CatalogueError(
            f"The file {where} is not a catalogue, or is damaged; "
            "restore it, or name another by REELMILL_CATALOGUE_URL."
        )
    return CatalogueError(f"The catalogue {where} failed: {_first_line(error.orig)}.")


def _translate_postgresql(engine: Engine, error: DBAPIError) -> ReelmillError:
    code = getattr(error.orig, "sqlstate", None) or ""
    where = _name(engine)
    if code == "53100":
        return DiskFullError(f"The disk of the catalogue {where} is full; free some space there and run again.")
    if code in ("55P03", "40P01", "40001"):
        return CatalogueUnreachableError(
            f"The catalogue {where} is locked by another process; wait for it to end, then run again."
        )
    if isinstance(error, DataError):
        return CatalogueError(f"The catalogue {where} does not take this value: {_first_line(error.orig)}.")
    if code.startswith(("08", "57P", "53", "28", "3D")) or error.connection_invalidated or not code:
        return CatalogueUnreachableError(
            f"The catalogue {where} does not answer ({_first_line(error.orig)}); "
            "check REELMILL_CATALOGUE_URL and that it runs."
        )
    return CatalogueError(f"The catalogue {where} failed: {_first_line(error.orig)}.")


def _name(engine: Engine) -> str:
    url = engine.url
    return str(url.database) if engine.dialect.name == "sqlite" else f"{url.host or 'local'}/{url.database}"


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
