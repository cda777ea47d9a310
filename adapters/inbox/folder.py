"""A watched folder."""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.files.durable import write_shared
from adapters.inbox.base import InboxFile
from manifests.errors import BucketRefusedError, BucketUnreachableError, DiskFullError, ReelmillError
from manifests.system_errors import DISK_FULL, system_error_text


class FolderInbox:
    """A local or mounted folder. Symbolic links are not followed, because they can point to any file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.place = str(folder)

    def list_files(self) -> list[InboxFile]:
        """Return the regular files."""
        with self._our_errors("listed"), os.scandir(self._folder) as entries:
            return sorted(_files_in(entries, time.time()))

    def fetch(self, name: str, most: int) -> bytes | None:
        """Return the bytes of a regular file, and no bytes for everything else, such as a link, folder or FIFO."""
        with self._our_errors("read", name):
            try:
                handle = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                self._folder.stat()  # raises if the folder itself does not exist
                return None
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENXIO):  # a symbolic link, a socket
                    return b""
                raise
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    return b""
                with open(handle, "rb", closefd=False) as file:
                    return file.read(most + 1)
            finally:
                os.close(handle)

    def write(self, name: str, data: bytes) -> None:
        """Write to a temporary file, then rename it, which replaces a link and not the file that it names."""
        with self._our_errors("written", name):
            write_shared(self._path(name), data)

    def is_own(self, name: str) -> bool:
        """Return whether a file belongs to this user, and no one else may write to it."""
        with suppress(OSError):
            about = self._path(name).lstat()
            return stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid() and not about.st_mode & 0o022
        return False

    def _path(self, name: str) -> Path:
        if "/" in name or name in ("", ".", ".."):
            raise BucketRefusedError(f"{name[:80]!r} is not a valid file name in the watched folder {self._folder}.")
        return self._folder / name

    @contextmanager
    def _our_errors(self, done: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if name and self._folder.is_dir():
                raise _file_error(self._folder, name, done, error) from error
            raise BucketUnreachableError(
                f"The watched folder {self._folder} cannot be {done} ({error.strerror}). "
                "Check that it exists and check its permissions."
            ) from error


def _file_error(folder: Path, name: str, done: str, error: OSError) -> ReelmillError:
    """Return the error for one file of a folder that exists, with a fix for the most frequent causes."""
    what = f"{folder / name} cannot be {done}"
    if error.errno in DISK_FULL:
        return DiskFullError(
            f"{what}: the disk of the watched folder is full. Free some space there (`df -h` and `df -i` show what is "
            "used); the sheet is then processed automatically."
        )
    if error.errno in (errno.EISDIR, errno.ELOOP, errno.ENOTDIR):
        kind = "symbolic link" if (folder / name).is_symlink() else "folder"
        return BucketUnreachableError(f"{what}, because there is a {kind} with this name. Move or delete it.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BucketUnreachableError(
            f"{what} ({error.strerror}). Give the user who runs Reelmill permission to create and replace files in "
            f"{folder}, or watch another folder."
        )
    return BucketUnreachableError(f"{what}. {system_error_text(error, folder / name)}")


def _files_in(entries: Iterable[os.DirEntry[str]], now: float) -> Iterator[InboxFile]:
    for entry in entries:
        if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
            continue
        with suppress(FileNotFoundError):  # deleted since the folder was listed
            about = entry.stat(follow_symlinks=False)
            # ctime counts too, because copying programs may set mtime to that of the original.
            yield InboxFile(
                entry.name,
                about.st_size,
                f"{about.st_size}-{about.st_mtime_ns}-{about.st_ino}",
                now - max(about.st_mtime, about.st_ctime),
            )
