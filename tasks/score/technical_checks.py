"""Technical measurements of a clip's frames; the limits are in manifests/gate.py."""

import numpy as np

from manifests.gate import LIMITS
from manifests.variant import Variant

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


def measure(frames: np.ndarray, nan_share: float, variant: Variant) -> dict[str, float]:
    """Return the measurements by name, without those made meaningless by another defect.

    ``nan_share``: share of the model's output values that were not finite, 0..1, as passed in.
    ``luma_mean``: mean of each pixel's brightest channel, 0..255, so that pure blue does not count as dark.
    ``luma_spread``: for each frame, the largest standard deviation of a channel; mean over the frames, 0..127. A
    red shape on blue, for example, has no spread in green.
    ``frame_difference``: for each small cell, the largest range of a channel over time; mean over the 1 % of cells
    with the largest range, 0..255. A mean over the whole frame would miss a small moving shape.
    ``temporal_flickering``: distance of a tile's brightness from the mean of its two neighbours in time, mean
    over tiles and frames, 0..255. Detects strobing, but not motion or slow pulsing.
    ``size_error``: deviation of height or width in pixels, the larger of the two.
    ``duration_error``: deviation of the length in seconds.

    Args:
        frames: uint8 (n, height, width, 3).
    """
    values = {"nan_share": nan_share}
    if frames.size:
        values |= _pictures(frames)
    values["size_error"] = float(_size_error(frames, variant))
    values["duration_error"] = abs(len(frames) - variant.num_frames) / variant.fps
    for name in DEPENDENT:
        if name in values and LIMITS[name].broken_by(values[name]):
            values = {other: value for other, value in values.items() if other not in DEPENDENT[name]}
    return values


def _pictures(frames: np.ndarray) -> dict[str, float]:
    planes = _planes(frames)
    return {
        "luma_mean": float(planes.max(axis=0).mean()),
        "luma_spread": float(planes.std(axis=(2, 3)).max(axis=0).mean()),
        "frame_difference": _most_motion(_cells(planes, CELL, CELL)),
        "temporal_flickering": _flicker(np.einsum("c,c...->...", LUMA, planes)[None]),
    }


def _planes(frames: np.ndarray) -> np.ndarray:
    """Return sampled pixels as float32 (3, n, rows, columns): numpy is six times faster on planes than on triples."""
    stride = max(1, min(frames.shape[1:3]) // SAMPLED_SIDE)
    return np.ascontiguousarray(np.moveaxis(frames[:, ::stride, ::stride], -1, 0)).astype(np.float32)


def _cells(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return means over cells of pixels, (planes, n, rows, columns), without incomplete cells at the edges."""
    number, num_frames, *sides = planes.shape
    height, width = min(height, sides[0]), min(width, sides[1])
    rows, columns = sides[0] // height, sides[1] // width
    cut = planes[:, :, : rows * height, : columns * width]
    sums = cut.reshape(number, num_frames, rows, height, -1).sum(axis=3)
    result: np.ndarray = sums.reshape(number, num_frames, rows, columns, width).sum(axis=-1) / (height * width)
    return result


def _most_motion(cells: np.ndarray) -> float:
    change = np.ptp(cells, axis=1).max(axis=0).ravel()
    number = max(1, round(change.size * MOST_MOVING_SHARE))
    return float(np.partition(change, -number)[-number:].mean())


def _flicker(luma: np.ndarray) -> float:
    height, width = (max(1, side // TILES) for side in luma.shape[2:])
    tiles = _cells(luma, height, width)[0]
    if len(tiles) < 3:
        return 0.0
    return float(np.abs(tiles[1:-1] - (tiles[:-2] + tiles[2:]) / 2).mean())


def _size_error(frames: np.ndarray, variant: Variant) -> int:
    height, width = frames.shape[1:3]
    result: int = max(abs(height - variant.height), abs(width - variant.width))
    return result
