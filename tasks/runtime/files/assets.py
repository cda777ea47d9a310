"""Store logos, fonts, music and recordings by their hash, so that deliverables can be made after files were changed."""

import hashlib
import os
from pathlib import Path

from adapters.bucket import Bucket
from adapters.media.asset_kind import ENDINGS, MAX_BYTES, Use, media_type_of
from manifests.errors import FinishError
from manifests.finish.asset import Asset, InvalidAssetError
from tasks.runtime.files.content_folder import ContentFolder, is_sha256

PREFIX = "staging/assets"
"""In the bucket. The sweeper deletes masters under ``staging/`` only."""
MAX_NAME = 100


class AssetStore:
    """A folder of files, ``<sha256>.<ending>``, each written once; with a bucket, other hosts fetch them from it."""

    def __init__(self, root: Path, bucket: Bucket | None = None) -> None:
        self.root = root
        self._folder = ContentFolder(root, PREFIX, bucket)
        self._verified: set[str] = set()

    def add(self, path: Path, use: Use | None = None) -> Asset:
        """Check a file, store a copy, and return its asset.

        Args:
            use: ``logo``, ``font``, ``music`` or ``voice``; None to accept any of them.

        Raises:
            InvalidAssetError: it is missing, too large, or not what it should be.
            DiskFullError: the disk is full.
        """
        data = _content(path, MAX_BYTES[use] if use else max(MAX_BYTES.values()))
        try:
            media_type = media_type_of(data, use)
        except InvalidAssetError as error:
            raise InvalidAssetError(error.problem, f'"{path}"') from error
        asset = Asset(name=path.name[-MAX_NAME:], sha256=hashlib.sha256(data).hexdigest(), media_type=media_type)
        self._folder.add(asset.sha256, ENDINGS[media_type], data, media_type)
        return asset

    def path(self, asset: Asset) -> Path:
        """Return the path of a stored file.

        Raises:
            FinishError: it is missing or was changed.
        """
        ending = ENDINGS.get(asset.media_type)
        if not is_sha256(asset.sha256) or ending is None:
            raise FinishError(f'"{asset.name}" is not in the asset store. Run the sheet again.')
        kept = self._folder.find(asset.sha256, [ending])
        if kept is None:
            raise FinishError(
                f'The file "{asset.name}" ({asset.sha256[:12]}…) is not in {self.root}. Restore it by running a sheet '
                "that uses it, or copy the folder from the machine that has it."
            )
        self._check_unchanged(asset, kept)
        return kept

    def _check_unchanged(self, asset: Asset, kept: Path) -> None:
        """Compare the file with its hash, once in each process."""
        if asset.sha256 in self._verified:
            return
        if hashlib.sha256(kept.read_bytes()).hexdigest() != asset.sha256:
            raise FinishError(
                f'The file "{asset.name}" was changed after it was stored as {kept}. Delete it, then restore it by '
                "running a sheet that uses it."
            )
        self._verified.add(asset.sha256)


def _content(path: Path, most: int) -> bytes:
    """Return the content of a file of at most ``most`` bytes; pipes and devices are not opened."""
    name = f'"{path}"'
    try:
        if path.is_dir():
            raise InvalidAssetError("is a folder. Enter the path of a file in it.", name)
        size = path.stat().st_size
        if not path.is_file():
            raise InvalidAssetError("is not a file. Enter the path of a file.", name)
        if size > most:
            raise InvalidAssetError(f"is larger than {most // 2**20} MiB. Reduce its size.", name)
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            return file.read(most + 1)
    except FileNotFoundError as error:
        raise InvalidAssetError(
            f"does not exist in '{path.parent.absolute()}'. Enter its path relative to the folder of the file that "
            "names it, or its full path.",
            name,
        ) from error
    except (OSError, ValueError) as error:  # ValueError: the path contains a null character
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidAssetError(f"cannot be opened ({reason}). Check its name and its permissions.", name) from error
