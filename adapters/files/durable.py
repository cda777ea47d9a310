"""Write files so that they are complete or absent after a power failure."""

import os
from pathlib import Path

from adapters.files.umask import create_unfinished


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a temporary file next to the path, then rename it. Only one process may write a path at a time.

    The folder must be one that only this user can write to.

    Raises:
        OSError: the write failed; ``path`` is unchanged.
    """
    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)
    _write_and_rename(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), temporary, path, data)


def write_shared(path: Path, data: bytes) -> None:
    """Write a file as ``write_durably`` does, but into a folder that others use as well.

    They may read it, as far as the user's umask allows. What they have put under the names of the file or of the
    temporary file is neither followed nor opened. A symbolic link or a FIFO is replaced by the file.

    Raises:
        OSError: the write failed, for example because the path is a folder; ``path`` is unchanged.
    """
    temporary, handle = create_unfinished(path)
    _write_and_rename(handle, temporary, path, data)


def _write_and_rename(handle: int, temporary: Path, path: Path, data: bytes) -> None:
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that its entries survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
