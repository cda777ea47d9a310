"""Fit texts into a box: shrunk before they are wrapped, or wrapped before they shrink."""

import math
from bisect import bisect_left

from adapters.media.drawing.text import DrawnText, TextBlock, draw_text
from manifests.errors import FinishError

FEWER_LINES = 0.88
"""A text has one line less if it can keep this part of its size."""
STEP = 0.94
"""Each step in which a wrapped text is made smaller, as a factor."""


def fitted_text(block: TextBlock, wraps_first: bool) -> DrawnText:
    """Draw a text as large as it fits.

    Args:
        wraps_first: whether a long text is wrapped before it is made smaller.

    Raises:
        FinishError: it does not fit at its smallest size, or contains a character that no font has.
    """
    if wraps_first:
        return _largest(block)
    try:
        return draw_text(block)
    except FinishError:
        return _largest(block)


def _largest(block: TextBlock) -> DrawnText:
    """Draw a text as large as it fits, or in one line less if it need only be slightly smaller for that."""
    drawn = _largest_in(block)
    if drawn.lines == 1:
        return drawn
    try:
        fewer = _largest_in(block._replace(max_lines=drawn.lines - 1))
    except FinishError:
        return drawn
    return fewer if fewer.size_px >= FEWER_LINES * drawn.size_px else drawn


def _largest_in(block: TextBlock) -> DrawnText:
    sizes = _sizes(block)
    found = bisect_left(sizes, True, key=lambda size: _drawn(block, size) is not None)
    drawn = _drawn(block, sizes[found]) if found < len(sizes) else None
    return drawn or draw_text(block._replace(size_px=block.min_size_px))


def _sizes(block: TextBlock) -> list[float]:
    """Return font sizes from the largest to the smallest."""
    steps = math.floor(math.log(block.min_size_px / block.size_px) / math.log(STEP))
    return [*(block.size_px * STEP**step for step in range(steps + 1)), block.min_size_px]


def _drawn(block: TextBlock, size: float) -> DrawnText | None:
    try:
        return draw_text(block._replace(size_px=size, min_size_px=size))
    except FinishError:
        return None
