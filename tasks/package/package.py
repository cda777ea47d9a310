"""Make the package of a campaign for one agency, platform or editing program."""

import difflib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from adapters.bucket import Bucket
from adapters.catalogue import Catalogue
from manifests.packages.agencies import REFUSALS, check_accepts
from manifests.packages.errors import PackageError
from manifests.packages.upload_sheet import PLATFORMS
from tasks.package.editor_package import write_editor_package
from tasks.package.items import Published, published_items
from tasks.package.platform_package import write_platform_package
from tasks.package.result import Package
from tasks.package.stock_package import write_stock_package

ADOBE_STOCK, EDITORS = "adobe-stock", "editors"
TARGETS = (ADOBE_STOCK, *PLATFORMS, EDITORS)


def make_package(
    catalogue: Catalogue, bucket: Bucket, campaign_id: str, target: str, folder: Path, presets: Mapping[str, str]
) -> Package:
    """Write a package to a new or empty folder.

    Args:
        target: one of TARGETS.
        presets: names of placement presets by channel.

    Raises:
        PackageError: the target is not known or refuses AI-generated clips, the folder is not empty, or nothing of the
            campaign fits.
        BucketError: a file is missing from the bucket, or the bucket does not respond.
    """
    check_target(target)
    _check_folder(folder)
    published = published_items(catalogue, campaign_id, presets)
    folder.mkdir(parents=True, exist_ok=True)
    with _emptied_on_failure(folder):
        return _written(bucket, published, target, folder)


def _written(bucket: Bucket, published: Published, target: str, folder: Path) -> Package:
    if target == ADOBE_STOCK:
        return write_stock_package(bucket, published.clips, folder)
    if target == EDITORS:
        return write_editor_package(bucket, published, folder)
    return write_platform_package(bucket, published, target, PLATFORMS[target], folder)


@contextmanager
def _emptied_on_failure(folder: Path) -> Iterator[None]:
    """Remove an unfinished package, so that nobody uploads it and the same command can be run again."""
    try:
        yield
    except BaseException:
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        folder.rmdir()
        raise


def check_target(target: str) -> None:
    """Check that packages for a target can be made.

    Raises:
        PackageError: the target is not known, or refuses AI-generated clips.
    """
    check_accepts(target)
    if target not in TARGETS:
        near = difflib.get_close_matches(target, [*TARGETS, *REFUSALS], n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(TARGETS)}."
        raise PackageError(f"No package can be made for {target!r}. {hint}")


def _check_folder(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PackageError(f"{folder} exists and is not an empty folder. Choose another folder with --out.")
