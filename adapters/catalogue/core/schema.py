"""Create and migrate the tables."""

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.catalogue.core.engine import our_errors, writing
from manifests.errors import CatalogueError

HEAD = "0015"
"""The newest revision in `adapters/catalogue/migrations/versions`; repeated here so that a check costs no import."""

_MAY_DECIDE = """
SELECT CASE WHEN to_regclass('audit_head') IS NULL THEN has_schema_privilege(current_schema(), 'CREATE')
ELSE has_table_privilege('audit_head', 'UPDATE') END
"""
_ADVISORY_LOCK = 7_335_135


def migrate_to_head(engine: Engine) -> None:
    """Create or migrate the tables; safe if several processes do so at the same time.

    Raises:
        NewerCatalogueError: the database has a revision that this version does not know.
        CatalogueError: the role may not change the tables, as that of the renderers.
    """
    with our_errors(engine):
        revision = revision_of(engine)
        if revision == HEAD:
            return
        if not _may_migrate(engine):
            raise CatalogueError(
                f"The catalogue has {f'the tables of revision {revision}' if revision else 'no tables'}, but this "
                f"version of Reelmill needs revision {HEAD}, and the role {engine.url.username} may not change tables. "
                "Install the same version of Reelmill on all machines, then run `reelmill status` with the role of "
                "the owner, and infra/postgresql/renderer.sql."
            )
        _migrate(engine)


def check_role(engine: Engine) -> None:
    """Check that the role may decide and publish, and not only render.

    Raises:
        CatalogueError: it is the role of the Ray workers, or another one that may not write to the audit log.
    """
    with our_errors(engine), engine.connect() as connection:
        if not may_decide(connection):
            raise CatalogueError(role_problem(engine))


def may_decide(connection: Connection) -> bool:
    """Return whether the role may write to the audit log, or create it; only that of the Ray workers may not."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(text(_MAY_DECIDE)).scalar())


def role_problem(engine: Engine) -> str:
    """Return what is wrong with a role that may not decide, and how to fix it."""
    return (
        f"The database role {engine.url.username} in REELMILL_CATALOGUE_URL is for Ray workers, which only generate "
        "clips: it may not write to the audit log. On all other machines, use the role that owns the catalogue: "
        "`reelmill`, if infra/postgresql/roles.sql created it."
    )


def revision_of(engine: Engine) -> str | None:
    """Return the revision of a database's tables; None if there are no tables."""
    with engine.connect() as connection:
        try:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except (OperationalError, ProgrammingError) as error:
            if _table_is_missing(error):
                return None
            raise


def _table_is_missing(error: OperationalError | ProgrammingError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _may_migrate(engine: Engine) -> bool:
    """Return whether the role can create tables; on PostgreSQL, only the owner of the database can."""
    if engine.dialect.name != "postgresql":
        return True
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT has_schema_privilege(current_schema(), 'CREATE')")).scalar())


def _migrate(engine: Engine) -> None:
    from adapters.catalogue.migrations import upgrade  # takes a quarter of a second and is rarely needed

    with writing(engine).begin() as connection:
        _lock(connection)
        upgrade(connection)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
