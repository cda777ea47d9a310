"""Find the aspect ratio of a placement that a picture has."""

from collections.abc import Iterable

RATIO_TOLERANCE = 0.01
"""Relative: sizes that are rounded to even pixels differ by less, and the bars that a player adds are not visible."""


def quotient(ratio: str) -> float:
    """Return ``16:9`` as 1.778."""
    width, _, height = ratio.partition(":")
    return int(width) / int(height)


def ratio_of(display_ratio: float, ratios: Iterable[str], tolerance: float = RATIO_TOLERANCE) -> str | None:
    """Return the ratio that a picture has, or None if it differs by more than ``tolerance`` from all of them."""
    near = [ratio for ratio in ratios if abs(display_ratio / quotient(ratio) - 1) <= tolerance]
    return min(near, key=lambda ratio: abs(display_ratio - quotient(ratio)), default=None)


def nearest_ratio(display_ratio: float, ratios: Iterable[str]) -> str:
    """Return the ratio that loses least of a picture when it is cropped or padded to it."""
    return max(ratios, key=lambda ratio: min(display_ratio, quotient(ratio)) / max(display_ratio, quotient(ratio)))
