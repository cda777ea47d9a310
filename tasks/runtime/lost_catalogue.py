"""Notice a catalogue that was deleted while its clips remain, before an empty one takes its place."""

from contextlib import suppress
from pathlib import Path

from adapters.catalogue import sqlite_path
from manifests.errors import CatalogueError


def check_not_lost(catalogue_url: str, staging: Path) -> None:
    """Check that a catalogue exists if there are staged clips, all of which it must have recorded.

    With an empty catalogue, every clip would be generated and published again, under other keys.

    Raises:
        CatalogueError: the SQLite file is missing.
    """
    file = sqlite_path(catalogue_url)
    if file is None or file.exists() or not _has_entries(staging):
        return
    raise CatalogueError(
        f"The catalogue {file} is missing, although {staging} contains clips that it recorded: it was deleted or "
        "moved, or its disk is not mounted. Put it back or restore it from a backup (docs/operations.md). To begin "
        f"with an empty catalogue instead, move {staging} to another place first."
    )


def _has_entries(folder: Path) -> bool:
    with suppress(OSError):
        return any(folder.iterdir())
    return False
