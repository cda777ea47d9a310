"""Cuts between shots."""

from collections import deque

import numpy as np

CUT_SIDE = 32
"""Longest side of the frames in which cuts are found, in pixels."""
LEAST_CHANGE = 18.0
"""Mean difference of pixels, 0..255, from which a change may be a cut."""
USUAL_FACTOR = 2.5
"""How many times larger it is than the usual one in the frames before."""
USUAL_FRAMES = 8
COLOUR_CHANGE = 0.2
"""Share of the pixels whose colour did not occur in the other frame."""


class Cuts:
    """Finds cuts while the frames of a video pass by.

    At a cut, positions and colours change much more than in the frames before. A fast subject changes only positions,
    and a fade changes little at a time.

    Attributes:
        frames: number of frames so far.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._before: np.ndarray | None = None
        self._differences: deque[float] = deque(maxlen=USUAL_FRAMES)

    def is_cut(self, pixels: np.ndarray) -> bool:
        """Take the next frame, uint8 (height, width, 3), and return whether a shot starts with it."""
        before, self._before = self._before, pixels
        self.frames += 1
        if before is None:
            return False
        difference = _difference(before, pixels)
        usual = float(np.median(self._differences)) if self._differences else 0.0
        if difference > max(LEAST_CHANGE, USUAL_FACTOR * usual) and _new_colours(before, pixels) > COLOUR_CHANGE:
            self._differences.clear()
            return True
        self._differences.append(difference)
        return False


def looks_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two frames can belong to one shot, uint8 (height, width, 3)."""
    return _difference(one, other) < LEAST_CHANGE


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def _new_colours(before: np.ndarray, after: np.ndarray) -> float:
    """Return the share of pixels, 0..1, whose colour is missing in the other frame."""
    shares = [np.bincount(_bins(pixels), minlength=512) / (pixels.size // 3) for pixels in (before, after)]
    return float(1 - np.minimum(*shares).sum())


def _bins(pixels: np.ndarray) -> np.ndarray:
    bins: np.ndarray = (pixels // 32).astype(np.int64).reshape(-1, 3) @ np.array([64, 8, 1])
    return bins
