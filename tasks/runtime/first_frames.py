"""First frames, kept by their hash: a campaign goes on though its pictures were moved or changed."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from adapters.bucket import Bucket
from adapters.files.durable import write_durably
from adapters.media.picture import InvalidPictureError, inspect_picture, picture_bytes, pixels_of
from manifests.errors import GenerationError, PlanError
from tasks.runtime.staging import full_disk_told

PREFIX = "staging/first-frames"
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
MEDIA_TYPES = {f".{ending}": media_type for media_type, ending in ENDINGS.items()}
"""By ending: of a kept picture's path."""


class FirstFrames:
    """A folder of pictures, ``<sha256>.<ending>``, each written once.

    With a ``shelf`` each lies in that bucket as well, under PREFIX, and is fetched from there by hosts that lack it.
    """

    def __init__(self, root: Path, shelf: Bucket | None = None) -> None:
        self.root = root
        self._shelf = shelf

    def add(self, path: Path) -> str:
        """Keep a copy of a picture and return the SHA-256 of its bytes, in hex digits.

        Raises:
            PlanError: it cannot be used (any more).
            DiskFullError: no room.
        """
        try:
            data = picture_bytes(path)
            picture = inspect_picture(path, data)
        except InvalidPictureError as error:
            raise PlanError(f"The first frame '{path}' {error}") from error
        kept = self.root / f"{picture.sha256}.{ENDINGS[picture.media_type]}"
        with self._alone():
            if not (kept.is_file() and kept.read_bytes() == data):
                write_durably(kept, data)
        if self._shelf is not None:
            self._shelf.put_new(
                f"{PREFIX}/{kept.name}",
                kept,
                content_type=picture.media_type,
                cache_control="private, no-store",
                sha256=picture.sha256,
            )
        return picture.sha256

    def path(self, sha256: str) -> Path:
        """Return where a picture is kept.

        Raises:
            GenerationError: it is not there, or is not what it was.
        """
        kept = self._find(sha256)
        _unchanged(kept, sha256)
        return kept

    def pixels(self, sha256: str) -> np.ndarray:
        """Return a picture's pixels: uint8 (height, width, 3), sRGB, upright, transparency on white.

        Raises:
            GenerationError: as ``path``.
        """
        return pixels_of(_unchanged(self._find(sha256), sha256))

    def _find(self, sha256: str) -> Path:
        for ending in ENDINGS.values():
            kept = self.root / f"{sha256}.{ending}"
            if kept.is_file():
                return kept
        if self._shelf is not None and (fetched := self._fetch(self._shelf, sha256)):
            return fetched
        raise GenerationError(
            f"The first frame {sha256[:12]}… is not in {self.root}; put it back by running a sheet "
            "that names the picture, or copy the folder from the machine that has it."
        )

    def _fetch(self, shelf: Bucket, sha256: str) -> Path | None:
        for ending in ENDINGS.values():
            key = f"{PREFIX}/{sha256}.{ending}"
            if shelf.head(key) is not None:
                kept = self.root / f"{sha256}.{ending}"
                with self._alone():
                    write_durably(kept, shelf.read(key))
                return kept
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from writing the same picture."""
        with full_disk_told(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with (self.root / ".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield


def _unchanged(kept: Path, sha256: str) -> bytes:
    data = kept.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise GenerationError(
            f"The first frame {kept} was changed since it was kept; delete it, and put it back by "
            "running a sheet that names the picture."
        )
    return data
