"""What every bucket can do, and what every key looks like."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from manifests.errors import BucketError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}(/[A-Za-z0-9][A-Za-z0-9._-]{0,199})*")
_LONGEST_KEY = 900
PRESIGNED_S = 300
"""Seconds for which a presigned URL holds at most."""


class Head(NamedTuple):
    """What lies under a key: bytes and the hex SHA-256 of them."""

    size: int
    sha256: str


class Entry(NamedTuple):
    """An object as a listing tells of it: bytes, and when it was last written, seconds since 1970."""

    key: str
    size: int
    modified: float


class Bucket(Protocol):
    """An object store to which files are added, never changed; they go only when a clip is withdrawn."""

    def put_new(self, key: str, path: Path, *, content_type: str, cache_control: str, sha256: str) -> None:
        """Put the file there; the same bytes being there already is success.

        Raises:
            KeyTakenError: other bytes lie under the key.
            BucketError: the file's bytes have another hash than ``sha256``.
        """
        ...

    def head(self, key: str) -> Head | None:
        """Return what lies under the key, None where nothing does."""
        ...

    def read(self, key: str) -> bytes:
        """Return the bytes under the key; BucketError where nothing lies there."""
        ...

    def url(self, key: str) -> str:
        """Return where a viewer finds it."""
        ...

    def presigned(self, key: str, seconds: int) -> str | None:
        """Return a URL that lets anyone read the object for so long, at most PRESIGNED_S; None from a folder.

        Raises:
            ValueError: longer.
        """
        ...

    def local_path(self, key: str) -> Path | None:
        """Return where the object lies on this machine; None where it is elsewhere, or not there."""
        ...

    def remove(self, key: str) -> None:
        """Take the object away, with its earlier versions; nothing being there is success.

        Raises:
            BucketRefusedError: the right to delete is missing.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with the prefix, sorted."""
        ...

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the same with size and time, read as they are asked for; no bytes are read."""
        ...

    def move(self, key: str, new_key: str) -> bool:
        """Copy, then remove; the same bytes being under the new key already is success.

        Returns:
            False where nothing lies under the key (any more).

        Raises:
            KeyTakenError: other bytes lie under the new key; nothing is changed.
            BucketRefusedError: the right to write or to delete is missing.
        """
        ...

    def check(self) -> str:
        """Say in one sentence that the bucket can be written; raise where it cannot."""
        ...


def checked_key(key: str) -> str:
    """Return the key where it is made of plain path segments, as slugs and hashes are.

    Raises:
        BucketError: anything that a file system or a URL could read in another way.
    """
    if not is_key(key):
        raise BucketError(f"{key[:80]!r} cannot be a key; keys are slugs and hashes joined by '/'.")
    return key


def is_key(key: str) -> bool:
    """True where ``checked_key`` takes it; a listing may hold other programs' objects that are called otherwise."""
    return len(key) <= _LONGEST_KEY and bool(_KEY.fullmatch(key))


def checked_seconds(seconds: int) -> int:
    """Return the life of a presigned URL where it is short enough."""
    if not 0 < seconds <= PRESIGNED_S:
        raise ValueError(f"a presigned URL holds 1 to {PRESIGNED_S} seconds, not {seconds}")
    return seconds


def file_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_unreadable(path: object, error: OSError) -> BucketError:
    """Return the error for a staged file that is gone or closed to us."""
    return BucketError(f"The file {path} cannot be read ({error.strerror}); it is not published, run again.")


def hash_differs(path: Path) -> BucketError:
    """Return the error for a staged file that is not what it was when it was hashed."""
    return BucketError(f"The file {path} has changed since it was hashed; it is not published, run again.")


def key_missing(key: str, where: str) -> BucketError:
    """Return the error for a key under which nothing lies."""
    return BucketError(f"Nothing lies under {key} in {where}; `reelmill status` lists what was published.")
