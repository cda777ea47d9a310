"""Local staging of files that are not published yet."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.errors import DiskFullError
from manifests.system_errors import DISK_FULL, full_disk_text

SIGNED = "signed-"


class Staging:
    """A folder with a subfolder per variant, for ``master.mp4``, ``poster.jpg`` and a folder per signing attempt.

    A worker whose lease has expired may still be signing when another worker starts. With separate folders, the files
    of two attempts never mix.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, variant_id: str) -> Path:
        """Return the folder of a variant; it is created if it is missing."""
        folder = self.root / variant_id[:2] / variant_id
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


@contextmanager
def disk_full_errors(place: Path) -> Iterator[None]:
    """Convert the system error for a full disk to DiskFullError."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise DiskFullError(full_disk_text(place)) from error


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_intact(path: Path, sha256: str) -> bool:
    """Return whether the file exists with this hash."""
    return path.is_file() and sha256_of(path) == sha256
