"""The top-level boxes of MP4 files (ISO/IEC 14496-12)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAX_INDEX_BYTES = 64 * 2**20
"""Longest ``moov`` box that is searched for encrypted tracks."""
ENCRYPTED = (b"encv", b"enca")
"""Types of the sample entries of encrypted tracks (ISO/IEC 23001-7)."""


class Box(NamedTuple):
    """A box: its type, and where it starts and ends in the file, in bytes."""

    kind: bytes
    start: int
    end: int


class Mp4Boxes(NamedTuple):
    """What the top-level boxes of a file show; a file of another format has none.

    Attributes:
        brand: major brand, such as ``isom`` or ``qt  ``; empty if the file has no ``ftyp`` box.
        faststart: whether the index precedes the frames, so that playback starts immediately.
        is_truncated: whether a box ends after the end of the file.
        is_encrypted: whether a track is encrypted.
    """

    brand: str = ""
    faststart: bool = False
    is_truncated: bool = False
    is_encrypted: bool = False


def read_boxes(path: Path) -> Mp4Boxes:
    """Read the top-level boxes of a file.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        boxes = list(boxes_of(file))
        if not boxes or boxes[0].kind != b"ftyp":
            return Mp4Boxes()
        file.seek(boxes[0].start + 8)
        brand = file.read(4).decode("latin-1")
        kinds = [box.kind for box in boxes]
        order = [kind for kind in kinds if kind in (b"moov", b"mdat")]
        return Mp4Boxes(
            brand=brand,
            faststart=order[:1] == [b"moov"],
            is_truncated=any(box.end > length for box in boxes),
            is_encrypted=any(_names_encryption(file, box) for box in boxes if box.kind == b"moov"),
        )


def boxes_of(file: BinaryIO) -> Iterator[Box]:
    """Yield the top-level boxes of an open file; the last one may end after the end of the file."""
    start, length = 0, os.fstat(file.fileno()).st_size
    while start + 8 <= length:
        file.seek(start)
        header = file.read(8)
        size, kind = int.from_bytes(header[:4], "big"), header[4:]
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
        elif size == 0:
            size = length - start  # the last box extends to the end of the file
        if size < 8:
            return
        yield Box(kind, start, start + size)
        start += size


def _names_encryption(file: BinaryIO, box: Box) -> bool:
    file.seek(box.start)
    index = file.read(min(box.end - box.start, MAX_INDEX_BYTES))
    return any(kind in index for kind in ENCRYPTED)
