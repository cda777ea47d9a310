"""Store the clips that other clips continue, by their hash, next to the first frames."""

import re
from pathlib import Path

import numpy as np

from adapters.bucket import Bucket
from adapters.files.durable import write_durably
from adapters.media.video_frames import last_frames
from manifests.errors import EncodingError, GenerationError, PlanError
from tasks.runtime.files.first_frames import PREFIX
from tasks.runtime.files.staging import disk_full_errors, is_intact, sha256_of

MOST_FRAMES = 99
"""Frames that a model sees of an earlier clip: the three chunks of 33 that Helios remembers."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class EarlierClips:
    """A folder of clips, ``<sha256>.mp4``, each written once; with a bucket, other hosts fetch them from it."""

    def __init__(self, root: Path, bucket: Bucket | None = None) -> None:
        self._root = root
        self._bucket = bucket

    def add(self, path: Path, sha256: str) -> None:
        """Store a copy of a clip.

        Raises:
            PlanError: the file was changed or deleted since it was checked.
            DiskFullError: the disk is full.
        """
        kept = self._path(sha256)
        if not is_intact(kept, sha256):
            if not is_intact(path, sha256):
                raise PlanError(f"The clip '{path}' was changed while the sheet was being read. Run the command again.")
            with disk_full_errors(self._root):
                self._root.mkdir(parents=True, exist_ok=True)
                write_durably(kept, path.read_bytes())
        if self._bucket is not None:
            self._bucket.put_new(
                _key(sha256), kept, content_type="video/mp4", cache_control="private, no-store", sha256=sha256
            )

    def frames(self, sha256: str) -> np.ndarray:
        """Return the last frames of a clip: uint8 (at most MOST_FRAMES, height, width, 3), RGB.

        Raises:
            GenerationError: it is missing or was changed.
        """
        kept = self._path(sha256)
        if not kept.is_file() and self._bucket is not None and self._bucket.head(_key(sha256)) is not None:
            with disk_full_errors(self._root):
                self._root.mkdir(parents=True, exist_ok=True)
                write_durably(kept, self._bucket.read(_key(sha256)))
        if not kept.is_file() or sha256_of(kept) != sha256:
            raise GenerationError(
                f"The clip {sha256[:12]}… that this one continues is not in {self._root}, or was changed there. "
                "Delete the changed file, then run a sheet that continues the clip, or copy the clip from the machine "
                "that has it."
            )
        try:
            return last_frames(kept, MOST_FRAMES)
        except EncodingError as error:
            raise GenerationError(str(error)) from error

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):  # it would lead to another folder
            raise GenerationError(f"{sha256[:80]!r} is not the hash of a clip. Run the sheet again.")
        return self._root / f"{sha256}.mp4"


def _key(sha256: str) -> str:
    return f"{PREFIX}/{sha256}.mp4"
