"""Store first frames by their hash, so that a campaign can resume after its pictures were moved or changed."""

import fcntl
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from adapters.bucket import Bucket
from adapters.files.durable import write_durably
from adapters.media.picture import InvalidPictureError, inspect_picture, picture_bytes, pixels_of
from manifests.errors import GenerationError, PlanError
from tasks.runtime.files.staging import disk_full_errors

PREFIX = "staging/first-frames"
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
MEDIA_TYPES = {f".{ending}": media_type for media_type, ending in ENDINGS.items()}
"""Media types by file extension."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FirstFrames:
    """A folder of pictures, ``<sha256>.<extension>``, each written once.

    With a bucket, pictures are also stored there under PREFIX, and other hosts fetch them from it.
    """

    def __init__(self, root: Path, bucket: Bucket | None = None) -> None:
        self.root = root
        self._bucket = bucket

    def add(self, path: Path) -> str:
        """Store a copy of a picture and return its SHA-256 in hex digits.

        Raises:
            PlanError: the picture is invalid or no longer exists.
            DiskFullError: the disk is full.
        """
        try:
            return self.add_content(picture_bytes(path), path)
        except InvalidPictureError as error:
            raise PlanError(f"The first frame '{path}' {error}") from error

    def add_content(self, data: bytes, path: Path = Path()) -> str:
        """Do the same with the content of a picture that was already read.

        Raises:
            InvalidPictureError: the picture is invalid.
            DiskFullError: the disk is full.
        """
        picture = inspect_picture(path, data)
        kept = self.root / f"{picture.sha256}.{ENDINGS[picture.media_type]}"
        with self._alone():
            if not (kept.is_file() and kept.read_bytes() == data):
                write_durably(kept, data)
        if self._bucket is not None:
            self._bucket.put_new(
                f"{PREFIX}/{kept.name}",
                kept,
                content_type=picture.media_type,
                cache_control="private, no-store",
                sha256=picture.sha256,
            )
        return picture.sha256

    def path(self, sha256: str) -> Path:
        """Return the path of a stored picture.

        Raises:
            GenerationError: it is missing or was changed.
        """
        kept = self._find(sha256)
        _unchanged(kept, sha256)
        return kept

    def pixels(self, sha256: str) -> np.ndarray:
        """Return the pixels of a picture: uint8 (height, width, 3), sRGB, upright, transparency on white.

        Raises:
            GenerationError: it is missing or was changed.
        """
        return pixels_of(_unchanged(self._find(sha256), sha256))

    def _find(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):  # it would lead to another folder
            raise GenerationError(f"{sha256[:80]!r} is not the hash of a first frame. Run the sheet again.")
        for ending in ENDINGS.values():
            kept = self.root / f"{sha256}.{ending}"
            if kept.is_file():
                return kept
        if self._bucket is not None and (fetched := self._fetch(self._bucket, sha256)):
            return fetched
        raise GenerationError(
            f"The first frame {sha256[:12]}… is not in {self.root}. Restore it by running a sheet that uses the "
            "picture, or copy the folder from the machine that has it."
        )

    def _fetch(self, bucket: Bucket, sha256: str) -> Path | None:
        for ending in ENDINGS.values():
            key = f"{PREFIX}/{sha256}.{ending}"
            if bucket.head(key) is not None:
                kept = self.root / f"{sha256}.{ending}"
                with self._alone():
                    write_durably(kept, bucket.read(key))
                return kept
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Prevent other processes from writing the same picture."""
        with disk_full_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with (self.root / ".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield


def _unchanged(kept: Path, sha256: str) -> bytes:
    data = kept.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise GenerationError(
            f"The first frame {kept} was changed after it was stored. Delete it, then restore it by running a sheet "
            "that uses the picture."
        )
    return data
