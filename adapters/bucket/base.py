"""The bucket protocol and the format of keys."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from manifests.errors import BucketError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}(/[A-Za-z0-9][A-Za-z0-9._-]{0,199})*")
_MAX_KEY_LENGTH = 900
CHECK_KEY = "reelmill-check"
"""Key of the object that ``check`` writes to a store."""
PRESIGNED_S = 300
"""Maximum lifetime of a presigned URL, in seconds."""
PIECE = 1 << 18
"""Bytes of an object that are read at once."""


class Head(NamedTuple):
    """Size in bytes and hex SHA-256 of an object."""

    size: int
    sha256: str


class Entry(NamedTuple):
    """An object in a listing: key, size in bytes and time of the last write, in seconds since 1970."""

    key: str
    size: int
    modified: float


class Bucket(Protocol):
    """An object store. Objects are never overwritten; those of a clip are deleted only when it is withdrawn."""

    def put_new(self, key: str, path: Path, *, content_type: str, cache_control: str, sha256: str) -> None:
        """Upload a file to a new key; succeed if the object already exists with the same content.

        Raises:
            KeyTakenError: the object already exists with different content.
            BucketError: the hash of the file differs from ``sha256``.
        """
        ...

    def head(self, key: str) -> Head | None:
        """Return size and hash of an object; None if it does not exist."""
        ...

    def read(self, key: str) -> bytes:
        """Return the content of an object.

        Raises:
            BucketError: the object does not exist.
        """
        ...

    def size(self, key: str) -> int | None:
        """Return the size of an object in bytes without reading it; None if it does not exist."""
        ...

    def read_pieces(self, key: str) -> Iterator[bytes]:
        """Yield the content of an object in pieces of at most PIECE bytes, for objects that do not fit into memory.

        Raises:
            BucketError: the object does not exist, or its store stopped responding.
        """
        ...

    def url(self, key: str) -> str:
        """Return the URL of an object for viewers."""
        ...

    def presigned(self, key: str, seconds: int) -> str | None:
        """Return a URL with which anyone can read the object for a limited time; None for a folder.

        Args:
            seconds: lifetime of the URL, at most PRESIGNED_S.

        Raises:
            ValueError: the lifetime is out of range.
        """
        ...

    def local_path(self, key: str) -> Path | None:
        """Return the object's file on this machine; None if the store is remote or the object does not exist."""
        ...

    def remove(self, key: str) -> None:
        """Delete an object with all its versions; succeed if it does not exist.

        Raises:
            BucketRefusedError: no permission to delete.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys with a prefix, sorted."""
        ...

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the objects with a prefix, sorted by key and listed lazily; their content is not read."""
        ...

    def move(self, key: str, new_key: str) -> bool:
        """Copy an object to a new key, then delete it; an existing copy with the same content is accepted.

        Returns:
            False if the object does not exist.

        Raises:
            KeyTakenError: the new key already exists with different content; nothing is changed.
            BucketRefusedError: no permission to write or to delete.
        """
        ...

    def check(self) -> str:
        """Test that the bucket is writable and return a sentence that confirms it.

        Raises:
            BucketError: the bucket is not writable.
        """
        ...


def checked_key(key: str) -> str:
    """Return a key that consists of plain path segments, such as slugs and hashes.

    Raises:
        BucketError: a file system or a URL could interpret the key differently.
    """
    if not is_key(key):
        raise BucketError(f"Invalid key {key[:80]!r}. Keys are slugs and hashes joined by '/'.")
    return key


def is_key(key: str) -> bool:
    """Return whether ``checked_key`` accepts the key; other programs may store objects with other keys."""
    return len(key) <= _MAX_KEY_LENGTH and bool(_KEY.fullmatch(key))


def checked_seconds(seconds: int) -> int:
    """Return the lifetime of a presigned URL if it is in range.

    Raises:
        ValueError: it is not.
    """
    if not 0 < seconds <= PRESIGNED_S:
        raise ValueError(f"the lifetime of a presigned URL must be 1 to {PRESIGNED_S} seconds, not {seconds}")
    return seconds


def file_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_unreadable(path: object, error: OSError) -> BucketError:
    """Return the error for a staged file that is missing or unreadable."""
    return BucketError(f"Cannot read {path} ({error.strerror}). It was not published; run the command again.")


def hash_differs(path: Path) -> BucketError:
    """Return the error for a staged file that changed after it was hashed."""
    return BucketError(f"The file {path} has changed since it was hashed. It was not published; run the command again.")


def key_missing(key: str, where: str) -> BucketError:
    """Return the error for an object that does not exist."""
    return BucketError(f"There is no object {key} in {where}. `reelmill status` lists the published clips.")
