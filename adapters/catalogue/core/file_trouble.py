"""Find out why SQLite cannot use its file; its own errors only name a symptom."""

import os
from pathlib import Path

from manifests.errors import CatalogueError, CatalogueUnreachableError, DiskFullError, ReelmillError
from manifests.system_errors import TOO_MANY_FILES, full_disk_text, read_only_text, too_many_files_text

DELETED = ("SQLITE_READONLY_DBMOVED",)
"""Error of a write through a connection that is older than the deletion or replacement of its file."""


class CatalogueDeletedError(CatalogueError):
    """The catalogue's file was deleted, moved or replaced while a process used it."""


def deleted_error(file: Path | str) -> CatalogueDeletedError:
    """Return the error for a file that was deleted, moved or replaced while it was in use."""
    return CatalogueDeletedError(
        f"The catalogue {file} was deleted, moved or replaced while Reelmill was using it. Stop all processes of "
        "Reelmill, put the file back or restore it from a backup (docs/operations.md), then run the command again. "
        "Clips in the bucket and in staging were not changed."
    )


def file_trouble(file: Path) -> ReelmillError | None:
    """Return what is wrong with the disk or the process; None if the permissions are the likely cause."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno in TOO_MANY_FILES:
            return CatalogueUnreachableError(f"The catalogue {file} cannot be opened. {too_many_files_text()}")
    try:
        disk = os.statvfs(file.parent)
    except OSError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        return CatalogueUnreachableError(read_only_text(f"The catalogue {file}"))
    if disk.f_bavail == 0 or (disk.f_files and disk.f_favail == 0):
        return DiskFullError(full_disk_text(f"the catalogue {file}"))
    return None
