"""A folder as a bucket."""

import errno
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.bucket.base import (
    PIECE,
    Entry,
    Head,
    checked_key,
    checked_seconds,
    file_sha256,
    file_unreadable,
    hash_differs,
    key_missing,
)
from adapters.files.umask import make_shared_folders, reach
from manifests.errors import BucketError, BucketRefusedError, DiskFullError, KeyTakenError
from manifests.system_errors import DISK_FULL, TOO_MANY_FILES, system_error_text

_INCOMING = ".incoming"
_STALE_SECONDS = 24 * 3600
_CHUNK = 1 << 20


class LocalBucket:
    """Files in a folder. Content types are not stored; a web server derives them from the file extensions."""

    def __init__(self, folder: Path, public_url: str | None = None) -> None:
        self._root = folder.absolute()
        self._public_url = public_url.rstrip("/") if public_url else None

    @property
    def folder(self) -> Path:
        """The folder with the files; it may not exist yet."""
        return self._root

    def put_new(self, key: str, path: Path, *, content_type: str, cache_control: str, sha256: str) -> None:
        """Copy, sync, then link: the object appears complete or not at all."""
        target = self._path(key)
        with _our_errors(self._root):
            if os.path.lexists(target):
                return self._compare(key, target, sha256)
            self._make_folders(target.parent)
            temporary = self._copy(path, sha256)
            try:
                os.link(temporary, target)
                _sync_folder(target.parent)
            except FileExistsError:
                self._compare(key, target, sha256)
            finally:
                temporary.unlink(missing_ok=True)

    def head(self, key: str) -> Head | None:
        """Return size and hash, computed from the file."""
        path = self._path(key)
        with _our_errors(self._root):
            return Head(path.stat().st_size, file_sha256(path)) if path.is_file() else None

    def read(self, key: str) -> bytes:
        """Return the content of an object."""
        path = self._path(key)
        with _our_errors(self._root):
            if not path.is_file():
                raise key_missing(key, f"the folder {self._root}")
            return path.read_bytes()

    def size(self, key: str) -> int | None:
        """Return the size of the file."""
        path = self._path(key)
        with _our_errors(self._root):
            return path.stat().st_size if path.is_file() else None

    def read_pieces(self, key: str) -> Iterator[bytes]:
        """Yield the content of the file."""
        path = self._path(key)
        with _our_errors(self._root):
            if not path.is_file():
                raise key_missing(key, f"the folder {self._root}")
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece

    def url(self, key: str) -> str:
        """Return the public URL, or else a file URL."""
        path = self._path(key)
        return f"{self._public_url}/{key}" if self._public_url else path.as_uri()

    def presigned(self, key: str, seconds: int) -> str | None:
        """Return None: files are read directly."""
        checked_seconds(seconds)
        return None

    def local_path(self, key: str) -> Path | None:
        """Return the path of the file if it exists."""
        path = self._path(key)
        return path if path.is_file() else None

    def remove(self, key: str) -> None:
        """Unlink the file and sync its folder."""
        path = self._path(key)
        with _our_errors(self._root):
            if path.is_file():
                path.unlink(missing_ok=True)
                _sync_folder(path.parent)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys with a prefix, sorted."""
        keys = sorted(path.relative_to(self._root).as_posix() for path in self._files())
        return (key for key in keys if key.startswith(prefix))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Walk the folders that can contain the prefix, in the order of the keys."""
        folder, _, _ = prefix.rpartition("/")
        start = self._path(folder) if folder else self._root
        with _our_errors(self._root):
            for entry in _walk(start, f"{folder}/" if folder else ""):
                if entry.key.startswith(prefix):
                    yield entry

    def move(self, key: str, new_key: str) -> bool:
        """Link under the new key, then unlink the old one."""
        source, target = self._path(key), self._path(new_key)
        with _our_errors(self._root):
            if not source.is_file():
                return False
            self._make_folders(target.parent)
            try:
                _link(source, target)
            except FileNotFoundError:  # another process moved it first
                return False
            except FileExistsError:
                raise self._taken(new_key) from None
            _sync_folder(target.parent)
            source.unlink(missing_ok=True)
            _sync_folder(source.parent)
        return True

    def check(self) -> str:
        """Write, link and delete a test file, and remove leftovers of killed writers."""
        with _our_errors(self._root):
            self._sweep()
            with tempfile.NamedTemporaryFile(dir=self._incoming(), prefix="check-") as file:
                file.write(b"can be written")
                file.flush()
                os.fsync(file.fileno())
                self._check_links(Path(file.name))
        return f"The folder {self._root} is writable."

    def _check_links(self, file: Path) -> None:
        """Check that the file system has hard links, with which objects appear complete and never replace another."""
        link = file.with_name(f"{file.name}-link")
        try:
            os.link(file, link)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            raise BucketRefusedError(
                f"The folder {self._root} cannot be used as a bucket, because its file system does not support hard "
                "links. Use a folder on another disk, or an S3 bucket."
            ) from error
        link.unlink()

    def _path(self, key: str) -> Path:
        path = self._root / checked_key(key)
        if path.is_symlink() or not path.parent.resolve().is_relative_to(self._root.resolve()):
            raise self._link(key)
        return path

    def _link(self, name: str) -> BucketError:
        return BucketError(f"A symbolic link in {name!r} points outside the folder {self._root}. Remove the link.")

    def _files(self) -> Iterator[Path]:
        for path in self._root.rglob("*"):
            if path.is_file() and not path.is_symlink() and _INCOMING not in path.relative_to(self._root).parts:
                yield path

    def _compare(self, key: str, target: Path, sha256: str) -> None:
        if not target.is_file() or file_sha256(target) != sha256:  # a FIFO would block
            raise self._taken(key)
        _sync_folder(target.parent)

    def _taken(self, key: str) -> KeyTakenError:
        return KeyTakenError(
            f"The object {key} already exists with different content in the folder {self._root}. "
            "Move that file away, then run the command again."
        )

    def _copy(self, path: Path, sha256: str) -> Path:
        digest = hashlib.sha256()
        descriptor, name = tempfile.mkstemp(dir=self._incoming())
        try:
            with path.open("rb") as source, os.fdopen(descriptor, "wb") as copy:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fchmod(copy.fileno(), 0o644 & reach(self._root))
                os.fsync(copy.fileno())
            if digest.hexdigest() != sha256:
                raise hash_differs(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)

    def _incoming(self) -> Path:
        folder = self._root / _INCOMING
        if folder.is_symlink():  # old files behind it would be deleted
            raise self._link(_INCOMING)
        self._make_folders(folder)
        return folder

    def _make_folders(self, folder: Path) -> None:
        """Create missing folders and sync each to disk."""
        missing = [folder, *folder.parents]
        missing = missing[: next(i for i, path in enumerate(missing) if path.is_dir())]
        for path in reversed(missing):
            make_shared_folders(path)
            _sync_folder(path.parent)

    def _sweep(self) -> None:
        oldest = time.time() - _STALE_SECONDS
        for path in self._incoming().iterdir():
            if path.lstat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def _walk(folder: Path, prefix: str) -> Iterator[Entry]:
    """Yield the files below a folder, without links, sorted by key; a folder's name therefore sorts with its slash."""
    try:
        found = [
            (each.name + "/" if each.is_dir(follow_symlinks=False) else each.name, each)
            for each in os.scandir(folder)
            if each.name != _INCOMING
        ]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, each in sorted(found, key=lambda pair: pair[0]):
        if name.endswith("/"):
            yield from _walk(Path(each.path), prefix + name)
            continue
        try:
            facts = each.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(facts.st_mode):
            yield Entry(prefix + name, facts.st_size, facts.st_mtime)


def _link(source: Path, target: Path) -> None:
    """Link the source to the target; accept an existing target with the same content.

    Raises:
        FileNotFoundError: the source does not exist.
        FileExistsError: the target has different content.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        if file_sha256(target) != file_sha256(source):
            raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _our_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DiskFullError(
                f"The disk of the bucket {root} is full. Free some space (`df -h` and `df -i` show what is used), or "
                "move the folder to another disk and set REELMILL_BUCKET to its new path. Then run the command again."
            ) from error
        if error.errno in (errno.EROFS, *TOO_MANY_FILES):
            raise BucketRefusedError(
                f"The folder {root} cannot be used as a bucket. {system_error_text(error)}"
            ) from error
        if error.filename and not Path(error.filename).is_relative_to(root):
            raise file_unreadable(error.filename, error) from error
        raise BucketRefusedError(
            f"The folder {root} cannot be used as a bucket ({error.strerror}: {error.filename}). "
            "Check its permissions, or use another bucket."
        ) from error
