"""Database connections: durable SQLite, PostgreSQL through psycopg, and translation of driver errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from adapters.catalogue.core.file_trouble import DELETED, deleted_error, file_trouble
from manifests.errors import CatalogueError, CatalogueUnreachableError, DiskFullError, ReelmillError
from manifests.system_errors import full_disk_text

_WRITE = "BEGIN IMMEDIATE"
NO_PRIVILEGE = "42501"
"""PostgreSQL's code for a missing privilege, and for a row that a security policy forbids."""
_CONNECT_SECONDS = 5
_POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 40}
"""At most 45 connections, one for each of the dashboard's threads. Five stay open; the others are closed after use."""


def build_engine(url: str, patience: float) -> Engine:
    """Return an engine without connecting.

    Args:
        url: ``sqlite:///file`` or ``postgresql://…``.
        patience: seconds to wait for a lock that another process holds.

    Raises:
        CatalogueError: the URL is neither.
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


def forbid_new_file(engine: Engine) -> None:
    """Let later connections fail if the SQLite file was deleted; SQLite would create an empty one."""
    file = sqlite_file(engine.url) if engine.dialect.name == "sqlite" else None
    if file is not None:

        def check(*_: object) -> None:
            if not file.exists():
                raise deleted_error(file)

        event.listen(engine, "do_connect", check)
        event.listen(engine, "begin", check)  # an open connection would write to the deleted file


def sqlite_url(path: Path, driver: str = "sqlite") -> str:
    """Return the SQLAlchemy URL of an SQLite file.

    A URL with the plain path is easier to read, but there is none for a path that contains ``?``.
    """
    return f"{driver}:///file:{quote(str(path))}?uri=true" if "?" in str(path) else f"{driver}:///{path}"


@cache
def sqlite_path(url: str) -> Path | None:
    """Return the file of a catalogue URL; None if it names none, or is invalid."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    return sqlite_file(parsed) if parsed.get_backend_name() == "sqlite" else None


def catalogue_name(url: str) -> str:
    """Return what identifies a catalogue: its file, or its host and database, without user and password."""
    parsed = _parse(url)
    file = sqlite_file(parsed)
    return str(file.absolute()) if file else f"{parsed.host}:{parsed.port or 5432}/{parsed.database}"


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite URL; None if it names none."""
    name = str(url.database or "")
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:"))
        name = name.removeprefix("//localhost").removeprefix("//") if name.startswith("//") else name
    return Path(name) if name and name != ":memory:" else None


def writing(engine: Engine) -> Engine:
    """Return an engine for writing transactions: SQLite acquires its write lock at the start."""
    return engine.execution_options(reelmill_begin=_WRITE)


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Return whether SQLite is free of the WAL-reset bug (https://sqlite.org/wal.html#walresetbug)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


@contextmanager
def our_errors(engine: Engine) -> Iterator[None]:
    """Translate database errors into Reelmill's; other exceptions pass through."""
    try:
        yield
    except PoolTimeout as error:
        raise CatalogueUnreachableError(
            f"The catalogue {_name(engine)} has no free connection. Run fewer workers at a time."
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
        "Invalid catalogue URL. Use sqlite:///file or "
        "postgresql://user:password@host/database in REELMILL_CATALOGUE_URL."
    )


def _make_folder(url: URL) -> None:
    file = sqlite_file(url)
    if file is None:
        raise CatalogueError("The catalogue needs a file, because several processes share it. Use sqlite:///file.")
    if "mode" in url.query:
        return  # such as mode=ro: the file must exist
    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogueUnreachableError(
            f"Cannot create the catalogue's folder {folder} ({error.strerror}). Set REELMILL_HOME to another folder."
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None
    journal = "WAL" if wal_is_safe() else "TRUNCATE"
    # TRUNCATE with FULL syncs the emptied journal, so a commit survives a power failure.
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
        return DiskFullError(full_disk_text(f"the catalogue {where}"))
    if name in DELETED:
        return deleted_error(where)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")) and (found := file_trouble(Path(where))):
        return found
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return CatalogueUnreachableError(
            f"The catalogue {where} is locked by another process. Wait until it ends, then run the command again."
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return CatalogueUnreachableError(
            f"The catalogue {where} cannot be opened for writing. Check the permissions of the file and its folder."
        )
    if name.startswith("SQLITE_IOERR"):
        return CatalogueError(
            f"The catalogue {where} cannot be read or written ({_first_line(error.orig)}). Check its disk: the quota "
            "of the user, the permissions of the folder, and errors in `dmesg`. Then run the command again."
        )
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return CatalogueError(
            f"The file {where} is not a catalogue, or is damaged. "
            "Restore it from a backup, or set REELMILL_CATALOGUE_URL to another one."
        )
    return CatalogueError(f"The catalogue {where} failed: {_first_line(error.orig)}.")


def _translate_postgresql(engine: Engine, error: DBAPIError) -> ReelmillError:
    code = getattr(error.orig, "sqlstate", None) or ""
    where = _name(engine)
    if code == "53100":
        return DiskFullError(
            f"The disk of the catalogue {where} is full. Free some space there, then run the command again."
        )
    if code in ("55P03", "40P01", "40001"):
        return CatalogueUnreachableError(
            f"The catalogue {where} is locked by another process. Wait until it ends, then run the command again."
        )
    if code == NO_PRIVILEGE:
        return CatalogueError(
            f"The catalogue {where} does not allow this to the role {engine.url.username} ({_first_line(error.orig)}). "
            "If it is the role of the Ray workers, run infra/postgresql/renderer.sql as the owner of the tables after "
            "each upgrade. All other machines need the role of the owner in REELMILL_CATALOGUE_URL."
        )
    if isinstance(error, DataError):
        return CatalogueError(f"The catalogue {where} rejected a value: {_first_line(error.orig)}.")
    if code.startswith(("08", "57P", "53", "28", "3D")) or error.connection_invalidated or not code:
        return CatalogueUnreachableError(
            f"The catalogue {where} does not respond ({_first_line(error.orig)}). "
            "Check REELMILL_CATALOGUE_URL, and that the server is running."
        )
    return CatalogueError(f"The catalogue {where} failed: {_first_line(error.orig)}.")


def _name(engine: Engine) -> str:
    url = engine.url
    return str(sqlite_file(url)) if engine.dialect.name == "sqlite" else f"{url.host or 'local'}/{url.database}"


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
