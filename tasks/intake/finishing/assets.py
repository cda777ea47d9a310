"""Share the files of a campaign's finishing with other hosts."""

from collections.abc import Iterator

from manifests.finish.asset import Asset
from manifests.finish.kit import FinishKit
from tasks.runtime.files.assets import AssetStore


def keep_assets(store: AssetStore, kit: FinishKit) -> None:
    """Add all files of a kit to the store, which uploads them if hosts share files through the bucket.

    Raises:
        FinishError: a file was deleted since the sheet was checked.
        BucketError: a file cannot be uploaded.
        DiskFullError: the disk is full.
    """
    for asset in dict.fromkeys(_assets(kit)):
        store.add(store.path(asset))


def _assets(kit: FinishKit) -> Iterator[Asset]:
    yield from kit.assets.values()
    yield from kit.brand.logos.values()
    yield from kit.brand.music.values()
    for fonts in kit.brand.fonts.values():
        yield from fonts
