"""Store first frames by their hash, so that a campaign can resume after its pictures were moved or changed."""

import hashlib
from pathlib import Path

import numpy as np

from adapters.bucket import Bucket
from adapters.media.picture import InvalidPictureError, inspect_picture, picture_bytes, pixels_of
from manifests.errors import GenerationError, PlanError
from tasks.runtime.files.content_folder import ContentFolder, is_sha256

PREFIX = "staging/first-frames"
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
MEDIA_TYPES = {f".{ending}": media_type for media_type, ending in ENDINGS.items()}
"""Media types by file extension."""


class FirstFrames:
    """A folder of pictures, ``<sha256>.<extension>``, each written once.

    With a bucket, pictures are also stored there under PREFIX, and other hosts fetch them from it.
    """

    def __init__(self, root: Path, bucket: Bucket | None = None) -> None:
        self.root = root
        self._folder = ContentFolder(root, PREFIX, bucket)

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
        self._folder.add(picture.sha256, ENDINGS[picture.media_type], data, picture.media_type)
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
        if not is_sha256(sha256):
            raise GenerationError(f"{sha256[:80]!r} is not the hash of a first frame. Run the sheet again.")
        if kept := self._folder.find(sha256, ENDINGS.values()):
            return kept
        raise GenerationError(
            f"The first frame {sha256[:12]}… is not in {self.root}. Restore it by running a sheet that uses the "
            "picture, or copy the folder from the machine that has it."
        )


def _unchanged(kept: Path, sha256: str) -> bytes:
    data = kept.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise GenerationError(
            f"The first frame {kept} was changed after it was stored. Delete it, then restore it by running a sheet "
            "that uses the picture."
        )
    return data
