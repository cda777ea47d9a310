"""Bringing a database to the tables of this version."""

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.catalogue.core.engine import our_errors, writing

HEAD = "0005"
"""The newest revision in `adapters/catalogue/migrations/versions`; kept here so that looking costs no import."""

_ADVISORY_LOCK = 7_335_135


def bring_to_head(engine: Engine) -> None:
    """Create or migrate the tables; several processes may do so at once.

    Raises:
        NewerCatalogueError: this version does not know the revision that it finds.
    """
    with our_errors(engine):
        if revision_of(engine) != HEAD:
            _migrate(engine)


def revision_of(engine: Engine) -> str | None:
    """Return the revision of a database's tables; None where it has none."""
    with engine.connect() as connection:
        try:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except (OperationalError, ProgrammingError) as error:
            if _table_is_missing(error):
                return None
            raise


def _table_is_missing(error: OperationalError | ProgrammingError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _migrate(engine: Engine) -> None:
    from adapters.catalogue.migrations import upgrade  # costs a quarter of a second, and is rarely needed

    with writing(engine).begin() as connection:
        _lock(connection)
        upgrade(connection)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
