"""Delete old files of the staging folder, and count their bytes."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from tasks.sweep.context import Sweep


def age_of(path: Path) -> float:
    """Return the seconds since the last write to a file or folder; 0 if it no longer exists."""
    try:
        return time.time() - max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    except FileNotFoundError:
        return 0.0


def remove(sweep: Sweep, kind: str, path: Path) -> None:
    """Delete a file or folder, unless this is a dry run, and add it to the report."""
    size = 0
    with suppress(FileNotFoundError):
        size = sum(each.lstat().st_size for each in (path, *path.rglob("*")) if each.is_file())
    if not sweep.options.dry_run:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    sweep.notes.add(kind, name_of(sweep, path))
    sweep.notes.count("bytes", size)


def name_of(sweep: Sweep, path: Path) -> str:
    """Return the name of a staged file below the staging folder."""
    return path.relative_to(sweep.resources.staging).as_posix()
