"""What a package contains."""

from pathlib import Path
from typing import NamedTuple

from manifests.packages.item import LeftOut


class Package(NamedTuple):
    """A package that was written.

    Attributes:
        folder: that contains it.
        videos: number of video files.
        files: names of the sheets, timelines and texts.
        left_out: files that are not in it, and why.
        notes: what people should know, one sentence each.
    """

    folder: Path
    videos: int
    files: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
