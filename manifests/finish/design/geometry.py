"""Positions of boxes in a frame: pure functions from fractions to pixels.

All boxes are inside the safe zone of the placement: anchors are points of the safe zone, and sizes and distances are
fractions of it. So boxes that do not overlap in one placement do not overlap in any. The edges of the safe zone are
rounded to its inside and distances from them down, so that positions are exact to less than a pixel.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from manifests.finish.design.frame import Frame
from manifests.finish.design.template import Anchor, Box, Motion

_MIRRORED: dict[Anchor, Anchor] = {
    "top-left": "top-right",
    "top-right": "top-left",
    "left": "right",
    "right": "left",
    "bottom-left": "bottom-right",
    "bottom-right": "bottom-left",
}
_MIRRORED_MOTIONS = {"slide-left": "slide-right", "slide-right": "slide-left"}
RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"})
"""Languages that are written from right to left."""


class Size(NamedTuple):
    """Size in pixels."""

    width: int
    height: int


class Rect(NamedTuple):
    """A rectangle in the frame, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to its right."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below it."""
        return self.y + self.height

    def contains(self, other: "Rect") -> bool:
        """Return whether another rectangle is completely inside this one."""
        return self.x <= other.x and self.y <= other.y and self.right >= other.right and self.bottom >= other.bottom

    def overlap(self, other: "Rect") -> Size:
        """Return the size of the common part; 0 × 0 if there is none."""
        width = min(self.right, other.right) - max(self.x, other.x)
        height = min(self.bottom, other.bottom) - max(self.y, other.y)
        return Size(width, height) if width > 0 and height > 0 else Size(0, 0)


def is_right_to_left(language: str) -> bool:
    """Return whether a language such as ``ar-EG`` is written from right to left."""
    return language.replace("_", "-").partition("-")[0].casefold() in RIGHT_TO_LEFT


def mirrored(box: Box) -> Box:
    """Return a box with left and right swapped."""
    return box.model_copy(update={"anchor": _MIRRORED.get(box.anchor, box.anchor)})


def mirrored_motion(motion: Motion) -> Motion:
    """Return a movement with left and right swapped."""
    return motion.model_copy(update={"kind": _MIRRORED_MOTIONS.get(motion.kind, motion.kind)})


def safe_rect(frame: Frame, margin: float = 0.0) -> Rect:
    """Return the part of the frame for logos and texts.

    Args:
        margin: smallest distance from each edge, as a fraction of the frame's shorter side.
    """
    zone, least = frame.safe_zone, math.ceil(margin * min(frame.width, frame.height))
    left, top = max(least, math.ceil(zone.left * frame.width)), max(least, math.ceil(zone.top * frame.height))
    right = frame.width - max(least, math.ceil(zone.right * frame.width))
    bottom = frame.height - max(least, math.ceil(zone.bottom * frame.height))
    return Rect(left, top, max(0, right - left), max(0, bottom - top))


def largest_size(box: Box, safe: Rect) -> Size:
    """Return the largest size of what is put into a box: its own size, or less if the safe zone has less room."""
    across = 0.0 if _is_centred_across(box.anchor) else box.x
    down = 0.0 if _is_centred_down(box.anchor) else box.y
    room_width, room_height = safe.width - int(across * safe.width), safe.height - int(down * safe.height)
    return Size(min(int(box.width * safe.width), room_width), min(int(box.height * safe.height), room_height))


def place(box: Box, size: Size, safe: Rect) -> Rect:
    """Return the rectangle of something of this size in a box.

    What is not larger than ``largest_size`` lies completely in the safe zone. Offsets of centred anchors, which are
    to the right and down, are limited so that it stays there.
    """
    x = _along(_across(box.anchor), safe.x, safe.width, size.width, int(box.x * safe.width))
    y = _along(_down(box.anchor), safe.y, safe.height, size.height, int(box.y * safe.height))
    return Rect(x, y, size.width, size.height)


def stacked(box: Box, sizes: Sequence[Size], gap: int, safe: Rect) -> list[Rect]:
    """Return the rectangles of a column: one below another, aligned to the side of the box's anchor."""
    height = stack_height(sizes, gap)
    column = place(box, Size(max((size.width for size in sizes), default=0), height), safe)
    rects, y = [], column.y
    for size in sizes:
        x = _along(_across(box.anchor), column.x, column.width, size.width, 0)
        rects.append(Rect(x, y, size.width, size.height))
        y += size.height + gap
    return rects


def stack_height(sizes: Sequence[Size], gap: int) -> int:
    """Return the height of a column in pixels."""
    return sum(size.height for size in sizes) + gap * max(0, len(sizes) - 1)


def shortest(frame: Frame) -> int:
    """Return the shorter side of the frame, the unit of font sizes."""
    return min(frame.width, frame.height)


def _along(side: str, start: int, room: int, length: int, offset: int) -> int:
    """Return where something begins along one axis: at the start, the end or the centre of the room."""
    spare = max(0, room - length)
    if side == "start":
        return start + min(offset, spare)
    if side == "end":
        return start + spare - min(offset, spare)
    return start + min(spare // 2 + offset, spare)


def _across(anchor: Anchor) -> str:
    return "start" if anchor.endswith("left") else "end" if anchor.endswith("right") else "centre"


def _down(anchor: Anchor) -> str:
    return "start" if anchor.startswith("top") else "end" if anchor.startswith("bottom") else "centre"


def _is_centred_across(anchor: Anchor) -> bool:
    return _across(anchor) == "centre"


def _is_centred_down(anchor: Anchor) -> bool:
    return _down(anchor) == "centre"
