"""Files that are made but not published: written whole or not at all."""

import errno
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.errors import DiskFullError

SIGNED = "signed-"


class Staging:
    """A folder with one place a variant: ``master.mp4``, ``poster.jpg``, and a folder a signing.

    A worker that slept through its lease may still be signing when another does, so each attempt
    has a folder of its own: two credentials of one clip never mix.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, variant_id: str) -> Path:
        """Return the variant's folder, made where it is missing."""
        folder = self.root / variant_id[:2] / variant_id
        with full_disk_told(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def signing_folder(self, variant_id: str, attempt: int) -> Path:
        """Return the folder for the signed files of one lease, made where it is missing."""
        folder = self.folder(variant_id) / f"{SIGNED}{attempt}"
        with full_disk_told(self.root):
            folder.mkdir(exist_ok=True)
        return folder

    def drop_signed(self, variant_id: str) -> None:
        """Remove what the bucket now holds; master and poster stay for reviewers."""
        for folder in self.folder(variant_id).glob(f"{SIGNED}*"):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def full_disk_told(place: Path) -> Iterator[None]:
    """Turn the system's error for a full disk into ours."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError(
            f"The disk that holds {place} is full; free some space, or move REELMILL_HOME, and run again."
        ) from error


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_intact(path: Path, sha256: str) -> bool:
    """True where the file is there with these bytes."""
    return path.is_file() and sha256_of(path) == sha256
