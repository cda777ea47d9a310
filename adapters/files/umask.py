"""Who can read new files: only this user, except outside the home, where the umask of the user decides."""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o077
"""Umask that gives no permissions to other users."""
VARIABLE = "REELMILL_UMASK_OF_USER"
"""Passes the umask of the user on to children, which inherit PRIVATE."""

_of_user: int | None = None


def keep_private() -> None:
    """Give other users no permissions on what this process and its children create; may be called repeatedly.

    Libraries create most of the files: databases, logs, sockets. A folder is often opened up later, or copied to a
    place that is, so its own mode is not enough.
    """
    global _of_user
    current, inherited = os.umask(PRIVATE), os.environ.get(VARIABLE, "")
    if _of_user is None:
        is_inherited = current == PRIVATE and re.fullmatch("[0-7]{3}", inherited)
        _of_user = int(inherited, 8) if is_inherited else current
    os.environ[VARIABLE] = f"{_of_user:03o}"


def create_shared(path: Path) -> int:
    """Create a file that the user asked for, with the permissions that it would have without ``keep_private``.

    In a folder that other users cannot enter, the file gets no permissions for them either.

    Returns:
        A descriptor for writing.

    Raises:
        FileExistsError: the name is in use, if only by a symbolic link; links are never followed.
    """
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o666)
    if _of_user is not None:
        with suppress(PermissionError):  # on some mounts, modes are fixed
            os.fchmod(handle, 0o666 & ~_of_user & reach(path.parent))
    return handle


def create_unfinished(out: Path) -> tuple[Path, int]:
    """Create the temporary file that will be renamed to ``out``, under a name that nobody can guess."""
    path = out.with_name(f".reelmill-{secrets.token_hex(8)}")
    return path, create_shared(path)


def make_shared_folders(folder: Path) -> None:
    """Create a folder that the user asked for and its parents, as ``create_shared`` creates files."""
    if folder.is_dir():
        return
    make_shared_folders(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:  # another process created it
        if folder.is_dir():
            return
        raise
    if _of_user is not None:
        with suppress(PermissionError):
            folder.chmod(0o777 & ~_of_user & reach(folder.parent))


def reach(folder: Path) -> int:
    """Return the permissions that can matter in a folder: those of the users who can enter it."""
    mode = folder.stat().st_mode
    return 0o700 | (0o070 if mode & 0o010 else 0) | (0o007 if mode & 0o001 else 0)


def is_open_to_all(path: Path) -> bool:
    """Return whether every user of this machine can read or write a file; the permissions of its group do not count.

    Group permissions may be needed: Kubernetes gives a container access to its secrets through a group.

    Raises:
        OSError: the file or one of its folders cannot be examined.
    """
    file = path.resolve()
    return bool(file.stat().st_mode & 0o006) and all(folder.stat().st_mode & 0o001 for folder in file.parents)


def open_without_links(path: Path) -> int:
    """Open a private file for writing, create it if it is missing, and refuse symbolic links.

    Raises:
        OSError: the path is a symbolic link or cannot be written.
    """
    return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
