"""Alembic migrations of the catalogue."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from manifests.errors import NewerCatalogueError

_FOLDER = str(Path(__file__).parent)


def upgrade(connection: Connection) -> None:
    """Migrate the tables to the newest revision, within the connection's transaction.

    Raises:
        NewerCatalogueError: the database has a revision that is not in this folder.
    """
    config = Config()
    config.set_main_option("script_location", _FOLDER.replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise NewerCatalogueError() from error


def head() -> str | None:
    """Return the newest revision in this folder."""
    return ScriptDirectory(_FOLDER).get_current_head()
