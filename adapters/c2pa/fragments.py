"""Fragmented videos (DASH, HLS): an initialization segment and fragments, each in a separate file.

The credential is in the initialization segment and contains a hash of each fragment. On its own, neither kind of file
can be verified.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from adapters.c2pa.manifest_store import StoreReading

Part = Literal["init", "fragment"]
MAX_BOXES = 10_000
"""Limit of top-level boxes that are looked at; a file of an hour in one-second fragments has about 10,000."""


class _Box(NamedTuple):
    """A box of an MP4: its type and the range of its content."""

    kind: bytes
    start: int
    end: int


def part_of(file: BinaryIO) -> Part | None:
    """Return which part of a fragmented video a file is; None for a whole video or another file."""
    kinds: set[bytes] = set()
    is_fragmented = False
    for number, box in enumerate(_boxes(file, 0, file.seek(0, 2))):
        kinds.add(box.kind)
        if box.kind == b"moov":
            is_fragmented = any(child.kind == b"mvex" for child in _boxes(file, box.start, box.end))
        if b"moof" in kinds or number >= MAX_BOXES:
            break
    file.seek(0)
    if b"moov" in kinds:
        return "init" if is_fragmented and not kinds & {b"moof", b"mdat"} else None
    return "fragment" if b"moof" in kinds else None


def part_of_file(path: Path) -> Part | None:
    """Do the same for a path; None if the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return part_of(file)
    except OSError:
        return None


def is_init_segment(file: BinaryIO, reading: StoreReading) -> bool:
    """Return whether a file is an initialization segment whose credential covers fragments in other files."""
    return part_of(file) == "init" and any(each.get("initHash") for each in reading.hard_binding.get("merkle") or ())


def fragment_count(reading: StoreReading) -> int | None:
    """Return the number of fragments that were signed; None if the credential covers several tracks."""
    maps = reading.hard_binding["merkle"]
    return int(maps[0]["count"]) if len(maps) == 1 else None


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes in a range; a damaged header ends the list."""
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = int.from_bytes(file.read(8), "big"), 16
        if size == 0:
            size = end - start
        if size < header or start + size > end:
            return
        yield _Box(kind, start + header, start + size)
        start += size
