"""Technical measurements of a clip's frames; the limits are in manifests/scoring/gate.py."""

from typing import NamedTuple

import numpy as np

from manifests.scoring.gate import LIMITS
from manifests.variant import Variant
from tasks.score.frame_source import FrameSource

LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
"""Luma weights of red, green and blue (ITU-R BT.709)."""
SAMPLED_SIDE = 96
"""Pixels sampled along the shorter side; larger frames are subsampled."""
CELL = 6
"""Side of the cells in which motion is measured, in sampled pixels: large enough to average out noise."""
TILES = 2
"""Tiles per side of the grid in which flicker is measured."""
MOST_MOVING_SHARE = 0.01
"""Share of the cells with the most motion."""
DEPENDENT = {
    "nan_share": ("luma_mean", "luma_spread", "frame_difference", "temporal_flickering"),
    "luma_mean": ("luma_spread", "frame_difference", "temporal_flickering"),
    "luma_spread": ("frame_difference",),
}
"""Measurements that become meaningless if a limit is exceeded: a black clip has no spread, a flat one no motion."""


class Tolerance(NamedTuple):
    """By how much a clip may differ from its variant.

    Attributes:
        pixels: in height and width.
        seconds: in length; None compares the numbers of frames, which must be equal.
    """

    pixels: int = 0
    seconds: float | None = None


EXACT = Tolerance()
"""For clips of local models, whose size and length are chosen by us."""


def measure(frames: FrameSource, nan_share: float, variant: Variant, tolerance: Tolerance = EXACT) -> dict[str, float]:
    """Return the measurements by name, without those made meaningless by another defect.

    ``nan_share``: share of the model's output values that were not finite, 0..1, as passed in.
    ``luma_mean``: mean of each pixel's brightest channel, 0..255, so that pure blue does not count as dark.
    ``luma_spread``: for each frame, the largest standard deviation of a channel; mean over the frames, 0..127. A
    red shape on blue, for example, has no spread in green.
    ``frame_difference``: for each small cell, the largest range of a channel over time; mean over the 1 % of cells
    with the largest range, 0..255. A mean over the whole frame would miss a small moving shape.
    ``temporal_flickering``: distance of a tile's brightness from the mean of its two neighbours in time, mean
    over tiles and frames, 0..255. Detects strobing, but not motion or slow pulsing.
    ``size_error``: deviation of height or width in pixels, the larger of the two; 0 within the tolerance.
    ``duration_error``: deviation of the length in seconds; 0 within the tolerance.

    Args:
        frames: read once, one frame at a time.
    """
    pictures = PictureChecks()
    for frame in frames:
        pictures.add(frame)
    values = {"nan_share": nan_share, **pictures.values()}
    values["size_error"] = float(_size_error(frames.size, variant, tolerance))
    values["duration_error"] = _duration_error(frames, variant, tolerance)
    for name in DEPENDENT:
        if name in values and LIMITS[name].broken_by(values[name]):
            values = {other: value for other, value in values.items() if other not in DEPENDENT[name]}
    return values


class PictureChecks:
    """Measurements of pictures, from one frame after the other: a clip need not be in memory."""

    def __init__(self) -> None:
        self._means: list[float] = []
        self._spreads: list[float] = []
        self._tiles: list[np.ndarray] = []
        self._lowest = self._highest = np.empty(0, np.float32)

    def add(self, frame: np.ndarray) -> None:
        """Add the next frame, uint8 (height, width, 3)."""
        if not frame.size:
            return
        planes = _planes(frame)
        self._means.append(float(planes.max(axis=0).mean(dtype=np.float64)))
        self._spreads.append(float(planes.std(axis=(1, 2)).max()))
        cells = _cells(planes, CELL, CELL)
        self._lowest = np.minimum(self._lowest, cells) if self._lowest.size else cells
        self._highest = np.maximum(self._highest, cells) if self._highest.size else cells
        luma = np.einsum("c,c...->...", LUMA, planes)[None]
        self._tiles.append(_cells(luma, *(max(1, side // TILES) for side in luma.shape[1:]))[0])

    def values(self) -> dict[str, float]:
        """Return the measurements of the frames so far; none without frames."""
        if not self._means:
            return {}
        return {
            "luma_mean": float(np.mean(self._means)),
            "luma_spread": float(np.mean(self._spreads)),
            "frame_difference": _most_motion(self._highest - self._lowest),
            "temporal_flickering": _flicker(np.stack(self._tiles)),
        }


def _planes(frame: np.ndarray) -> np.ndarray:
    """Return sampled pixels as float32 (3, rows, columns): numpy is six times faster on planes than on triples."""
    stride = max(1, min(frame.shape[:2]) // SAMPLED_SIDE)
    return np.ascontiguousarray(np.moveaxis(frame[::stride, ::stride], -1, 0)).astype(np.float32)


def _cells(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return means over cells of pixels, (planes, rows, columns), without incomplete cells at the edges."""
    number, *sides = planes.shape
    height, width = min(height, sides[0]), min(width, sides[1])
    rows, columns = sides[0] // height, sides[1] // width
    cut = planes[:, : rows * height, : columns * width]
    sums = cut.reshape(number, rows, height, -1).sum(axis=2)
    result: np.ndarray = sums.reshape(number, rows, columns, width).sum(axis=-1) / (height * width)
    return result


def _most_motion(ranges: np.ndarray) -> float:
    change = ranges.max(axis=0).ravel()
    number = max(1, round(change.size * MOST_MOVING_SHARE))
    return float(np.partition(change, -number)[-number:].mean())


def _flicker(tiles: np.ndarray) -> float:
    if len(tiles) < 3:
        return 0.0
    return float(np.abs(tiles[1:-1] - (tiles[:-2] + tiles[2:]) / 2).mean())


def _size_error(size: tuple[int, int], variant: Variant, tolerance: Tolerance) -> int:
    error = max(abs(size[0] - variant.height), abs(size[1] - variant.width))
    return error if error > tolerance.pixels else 0


def _duration_error(frames: FrameSource, variant: Variant, tolerance: Tolerance) -> float:
    if tolerance.seconds is None:
        return abs(frames.num_frames - variant.num_frames) / variant.fps
    error = abs(frames.duration_s - variant.num_frames / variant.fps)
    return error if error > tolerance.seconds else 0.0
