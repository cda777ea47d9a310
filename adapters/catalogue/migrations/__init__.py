"""Alembic's steps from one revision of the catalogue to the next."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from manifests.errors import NewerCatalogueError

_FOLDER = str(Path(__file__).parent)


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest revision, inside the connection's transaction.

    Raises:
        NewerCatalogueError: no step here leads to the revision that the database is at.
    """
    config = Config()
    config.set_main_option("script_location", _FOLDER.replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise NewerCatalogueError() from error


def head() -> str | None:
    """Return the newest revision that lies here."""
    return ScriptDirectory(_FOLDER).get_current_head()
