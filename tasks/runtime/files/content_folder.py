"""A folder of files named by their hash, ``<sha256>.<ending>``, and shared through the bucket if there is one."""

import fcntl
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.bucket import Bucket
from adapters.files.durable import write_durably
from tasks.runtime.files.staging import disk_full_errors

_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Return whether a text is 64 hex digits; anything else could lead to another folder."""
    return bool(_SHA256.fullmatch(text))


class ContentFolder:
    """Files that are each written once. With a bucket, other hosts fetch them from it.

    Args:
        root: the folder; it is created with the first file.
        prefix: of the keys in the bucket, without a slash at the end.
    """

    def __init__(self, root: Path, prefix: str, bucket: Bucket | None = None) -> None:
        self.root = root
        self._prefix = prefix
        self._bucket = bucket

    def add(self, sha256: str, ending: str, data: bytes, media_type: str) -> Path:
        """Store a file and return its path. A file that was changed is replaced.

        Raises:
            BucketError: the file cannot be uploaded.
            DiskFullError: the disk is full.
        """
        kept = self.root / f"{sha256}.{ending}"
        with self._alone():
            if not (kept.is_file() and kept.read_bytes() == data):
                write_durably(kept, data)
        if self._bucket is not None:
            self._bucket.put_new(
                f"{self._prefix}/{kept.name}",
                kept,
                content_type=media_type,
                cache_control="private, no-store",
                sha256=sha256,
            )
        return kept

    def find(self, sha256: str, endings: Iterable[str]) -> Path | None:
        """Return the path of a file, which is fetched from the bucket if it is not in the folder; None if missing.

        Args:
            sha256: 64 hex digits; ``is_sha256`` must have accepted it.
        """
        names = [f"{sha256}.{ending}" for ending in endings]
        for name in names:
            if (self.root / name).is_file():
                return self.root / name
        fetched = (self._fetch(self._bucket, name) for name in names if self._bucket is not None)
        return next(filter(None, fetched), None)

    def _fetch(self, bucket: Bucket, name: str) -> Path | None:
        key = f"{self._prefix}/{name}"
        if bucket.head(key) is None:
            return None
        with self._alone():
            write_durably(self.root / name, bucket.read(key))
        return self.root / name

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Prevent other processes from writing the same file."""
        with disk_full_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with (self.root / ".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
