"""Check the disks that a run writes to, before it starts."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from manifests.errors import DiskFullError
from manifests.variant import Variant

MIN_FREE_BYTES = 100_000_000
"""Space for Prefect's embedded state and a few clips."""
COMPANION_BYTES = 30_000
"""Least size of a clip's poster, record and Content Credential, and of its container."""
BYTES_PER_PIXEL = 0.01
"""Least size of an encoded pixel of a frame; videos of plain shapes need this much, others several times as much."""


class DiskUse(NamedTuple):
    """A folder that a run writes to, which may not exist yet.

    Attributes:
        setting: name of the setting that moves it.
        size: bytes that the run needs there at least, besides MIN_FREE_BYTES on each disk.
    """

    setting: str
    folder: Path
    size: int = 0


def least_bytes(variants: Iterable[Variant]) -> int:
    """Return the least space that the clips of these variants need."""
    return sum(COMPANION_BYTES + int(BYTES_PER_PIXEL * each.height * each.width * each.num_frames) for each in variants)


def check_space(uses: Iterable[DiskUse]) -> None:
    """Check that the disks have enough free space; folders on the same disk share its space.

    Raises:
        DiskFullError: a disk has not enough space.
    """
    needed: dict[int, int] = {}
    for setting, folder, size in uses:
        there = existing(folder)
        device = there.stat().st_dev
        needed[device] = needed.get(device, MIN_FREE_BYTES) + size
        free = shutil.disk_usage(there).free
        if free < needed[device]:
            raise DiskFullError(
                f"The disk of {folder} has {free / 1e6:,.0f} MB free, but a run needs at least "
                f"{needed[device] / 1e6:,.0f} MB. Free some space or set {setting} to a folder on another disk, then "
                "run the command again."
            )


def existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())
