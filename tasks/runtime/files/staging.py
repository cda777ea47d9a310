"""Local staging of files that are not published yet."""

import hashlib
import re
import shutil
from dataclasses import replace
from pathlib import Path

from adapters.files.disk_full import disk_full_errors
from manifests.clip import UNKNOWN, Clip
from manifests.errors import CatalogueError

__all__ = [
    "FETCHED",
    "MASTER",
    "ORIGINAL",
    "POSTER",
    "SIGNED",
    "SOUND",
    "Staging",
    "disk_full_errors",
    "is_intact",
    "is_own_file",
    "sha256_of",
]

SIGNED = "signed-"
MASTER, POSTER, SOUND = "master.mp4", "poster.jpg", "sound.flac"
FETCHED = "fetched.mp4"
"""A provider's file that was not judged yet; its name begins with the number of the attempt."""
ORIGINAL = "original"
"""A provider's file from which the master was transcoded, as it was downloaded."""
_ID = re.compile(r"[0-9a-f]{32}")
_SIGNED = re.compile(SIGNED + r"[0-9]{1,10}", re.ASCII)


class Staging:
    """A folder with a subfolder per variant, for its master, poster, sound and original, and a folder per signing.

    A worker whose lease has expired may still be signing when another worker starts. With separate folders, the files
    of two attempts never mix.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, variant_id: str) -> Path:
        """Return the path of a variant's folder, which may not exist.

        Raises:
            CatalogueError: the id is not one of Reelmill, so it could lead out of the staging folder.
        """
        if not _ID.fullmatch(variant_id):
            raise CatalogueError(
                f"The catalogue contains an invalid variant id, {variant_id[:80]!r}. It was written outside Reelmill: "
                "delete this row, then run `reelmill audit verify`."
            )
        return self.root / variant_id[:2] / variant_id

    def located(self, clip: Clip) -> Clip:
        """Return the clip with the paths that its files have here, whatever its own paths are.

        Everyone who can write to the database can write paths into it. If they were used, such a person could read
        any file of this machine through a clip.
        """
        folder = self.path_of(clip.variant_id)
        return replace(clip, path=folder / MASTER, poster=folder / POSTER)

    def sound_of(self, clip: Clip) -> Path | None:
        """Return the path that the sound of a clip has here; None if its model generates no sound."""
        return self.path_of(clip.variant_id) / SOUND if clip.sound_sha256 else None

    def original_of(self, clip: Clip) -> Path | None:
        """Return the path that the provider's file has here; None if the clip was not transcoded."""
        return self.path_of(clip.variant_id) / ORIGINAL if clip.original_sha256 else None

    def signed_file(self, variant_id: str, stored: Path | None) -> Path:
        """Return the path of a signed file; of the stored path, only the signing attempt is used."""
        name = stored.parent.name if stored else ""
        return self.path_of(variant_id) / name / "clip.mp4" if _SIGNED.fullmatch(name) else UNKNOWN

    def folder(self, variant_id: str) -> Path:
        """Return the folder of a variant; it is created if it is missing."""
        folder = self.path_of(variant_id)
        with disk_full_errors(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def signing_folder(self, variant_id: str, attempt: int) -> Path:
        """Return the folder for the signed files of one lease; it is created if it is missing."""
        folder = self.folder(variant_id) / f"{SIGNED}{attempt}"
        with disk_full_errors(self.root):
            folder.mkdir(exist_ok=True)
        return folder

    def drop_signed(self, variant_id: str) -> None:
        """Delete signed files after they were uploaded; master and poster are kept for reviewers."""
        for folder in self.folder(variant_id).glob(f"{SIGNED}*"):
            shutil.rmtree(folder, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_intact(path: Path, sha256: str) -> bool:
    """Return whether the file exists with this hash; a link is not a staged file."""
    return is_own_file(path) and sha256_of(path) == sha256


def is_own_file(path: Path) -> bool:
    """Return whether a path is a regular file and no link."""
    return path.is_file() and not path.is_symlink()
