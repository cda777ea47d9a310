"""The folder of the local state: other users have no access to it."""

import logging
import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

from adapters.files.umask import PRIVATE, keep_private

log = logging.getLogger(__name__)
OURS = (
    ".doctor-",
    ".lock",
    "assets",
    "audit.key",
    "audit.marks",
    "audit.sealed",
    "brand.yaml",
    "bucket",
    "campaigns",
    "catalogue.sqlite",
    "finish",
    "first-frames",
    "jobs",
    "machine.id",
    "model-server",
    "placements",
    "prefect",
    "prompt.key",
    "signer",
    "speech",
    "staging",
    "up.lock",
    "uploads",
    "weight-digests.json",
)
"""How the names of our files and folders in a home begin."""


def prepare_home(home: Path) -> None:
    """Create the home if it is missing, and remove the permissions that other users have on it.

    A home that also contains files of another origin, or that belongs to another user, keeps its mode: it may be a
    folder such as /tmp, a project or a mount. Then each of our files and folders in it is made private.
    """
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    keep_private()
    if not home.stat().st_mode & PRIVATE:
        return
    if any([_tighten_entry(entry) for entry in sorted(home.iterdir()) if entry.name.startswith(OURS)]):
        log.warning("Other users could read files in %s. Now only your user can read Reelmill's files there.", home)
    if _is_only_ours(home):
        with suppress(PermissionError):  # on some mounts, modes are fixed
            home.chmod(stat.S_IMODE(home.stat().st_mode) & ~PRIVATE)
    if home.stat().st_mode & stat.S_IWOTH:
        _warn_of_writable(home)


def _is_only_ours(home: Path) -> bool:
    return (
        home.stat().st_uid == os.geteuid()
        and home != Path.home()
        and all(entry.name.startswith(OURS) for entry in home.iterdir())
    )


@cache
def _warn_of_writable(home: Path) -> None:
    log.warning(
        "All users of this machine can replace files in %s. Set REELMILL_HOME to a folder of your own, for example one "
        "in it.",
        home,
    )


def _tighten_entry(path: Path) -> bool:
    """Make a file, or a folder with everything in it, private; return whether it was not.

    Symbolic links, and files of other users or with several names, are left alone.
    """
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if not _is_open_to_others(os.fstat(handle)):
                return False
            os.fchmod(handle, stat.S_IMODE(os.fstat(handle).st_mode) & ~PRIVATE)
            about = os.fstat(handle)
        finally:
            os.close(handle)
        if about.st_mode & PRIVATE:
            return False  # on some mounts, such as those of Windows disks, modes are fixed
        if stat.S_ISDIR(about.st_mode):
            _tighten_tree(path)
        return True
    return False


def _is_open_to_others(about: os.stat_result) -> bool:
    is_ours = stat.S_ISDIR(about.st_mode) or (stat.S_ISREG(about.st_mode) and about.st_nlink == 1)
    return is_ours and about.st_uid == os.geteuid() and bool(about.st_mode & PRIVATE)


def _tighten_tree(top: Path) -> None:
    """Make a folder private before its content, so that nobody can replace a file by a link in the meantime."""
    for _, folders, files, handle in os.fwalk(top):
        about = os.fstat(handle)
        if about.st_uid != os.geteuid():
            folders.clear()
            continue
        os.fchmod(handle, stat.S_IMODE(about.st_mode) & ~PRIVATE)
        for name in files:
            found = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and found.st_uid == about.st_uid:
                os.chmod(name, stat.S_IMODE(found.st_mode) & ~PRIVATE, dir_fd=handle)
