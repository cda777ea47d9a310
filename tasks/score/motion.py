"""Motion and drift of clips whose models were distilled for few steps: many of them move slowly, some change colour."""

import itertools

import numpy as np

from models.card_parts import Distilled
from tasks.score.frame_source import FrameSource
from tasks.score.technical_checks import LUMA

PAIRS_A_SECOND = 8
"""Frames are compared 1/8 s apart, as in VBench's dynamic degree."""
MAX_PAIRS = 12
SIDES = (96, 48)
"""Pixels along the shorter side in which motion is searched; the second for motion beyond the reach of the first."""
BLOCK = 8
"""Side of the blocks whose motion is searched, in sampled pixels."""
REACH = 6
"""Longest shift that is searched, in sampled pixels."""
FASTEST_SHARE = 0.05
"""Share of the blocks with the fastest motion, as in VBench's dynamic degree."""
PAIRS_SHARE = 0.25
"""Share of the pairs that must reach a speed, as in VBench's dynamic degree."""
LEAST_CONTRAST = 4.0
"""Standard deviation in a block, of 255, below which its motion is not visible."""
REST = 0.3
"""A block moves if a shift leaves at most this share of its change unexplained."""
AGREEMENT = 1.0
"""A block moves only if the shift of a neighbour differs by less than this many sampled pixels: single blocks at the
edges of things match elsewhere by chance, which would make slow things seem fast."""
PENALTY = 4.0
"""Squared levels a pixel that a shift must gain for each pixel of its length: the shortest of equal shifts is found."""
END_SHARE = 0.15
"""Share of the frames at the start and at the end that are compared, as in FramePack's start-end contrast."""


def few_step_checks(frames: FrameSource, fps: float, limits: Distilled) -> dict[str, float]:
    """Return the measurements that clips of models with few steps must pass in addition to all others.

    ``motion_share``: speed of the motion as a share of the card's ``min_motion``; from 1 a clip passes.
    ``drift_share``: change of the colours as a share of the card's ``max_drift``; up to 1 a clip passes.

    Args:
        frames: at least one.
    """
    return {
        "motion_share": motion_speed(frames, fps) / limits.min_motion,
        "drift_share": colour_drift(frames) / limits.max_drift,
    }


def motion_speed(frames: FrameSource, fps: float) -> float:
    """Return the speed of the fastest areas, in percent of the frame's shorter side per second.

    VBench's dynamic degree uses the mean optical flow of the fastest 5 % of the pixels, between frames at 8 fps,
    and calls a clip dynamic if a quarter of the pairs exceed 6 of 256 pixels, or 18.75 % per second. This is the
    speed that a quarter of the pairs reach, from block matching instead of a neural network: no motion in flat
    areas, and at most 100 % per second.
    """
    step = max(1, round(fps / PAIRS_A_SECOND))
    if frames.num_frames <= step or min(frames.size) < BLOCK:
        return 0.0
    starts = np.unique(np.linspace(0, frames.num_frames - 1 - step, MAX_PAIRS).round().astype(int))
    before, after = np.split(frames.at([*starts, *(starts + step)]), 2)
    fine, coarse = (_speeds(before, after, side) * fps / step for side in SIDES)
    beyond = 100 * REACH / SIDES[0] * fps / step
    return float(np.quantile(np.where(coarse > beyond, coarse, fine), 1 - PAIRS_SHARE))


def colour_drift(frames: FrameSource) -> float:
    """Return how much the colours of the whole picture change from the start to the end of a clip, 0..255.

    It is the median change over blocks of the picture, of the channel that changes most. Things that move, grow or
    appear change fewer than half of the blocks, and a moving camera makes as many brighter as darker.
    """
    number = max(1, round(frames.num_frames * END_SHARE))
    sums = [np.zeros((*frames.size, 3), np.float32) for _ in range(2)]
    for index, frame in enumerate(frames):
        if index < number:
            sums[0] += frame
        if index >= frames.num_frames - number:
            sums[1] += frame
    start, end = (_blocks(each / number) for each in sums)
    return float(np.abs(np.median(end - start, axis=0)).max())


def _blocks(picture: np.ndarray) -> np.ndarray:
    """Return the mean colours of blocks of a picture (height, width, 3), float32 (blocks, 3)."""
    side = max(1, min(picture.shape[:2]) // SIDES[0]) * BLOCK
    rows, columns = (max(1, length // side) for length in picture.shape[:2])
    cut = picture[: rows * side, : columns * side]
    height, width = cut.shape[0] // rows, cut.shape[1] // columns
    blocks = cut[: rows * height, : columns * width].reshape(rows, height, columns, width, 3)
    result: np.ndarray = blocks.mean(axis=(1, 3)).reshape(-1, 3)
    return result


def _speeds(before: np.ndarray, after: np.ndarray, side: int) -> np.ndarray:
    """Return the shift of each pair's fastest blocks, in percent of the shorter side."""
    pictures = _sampled(before, side)
    result: np.ndarray = 100 * _fastest_shift(pictures, _sampled(after, side)) / min(pictures.shape[1:])
    return result


def _sampled(frames: np.ndarray, side: int) -> np.ndarray:
    """Return the luma, float32 (n, rows, columns), with about ``side`` on the shorter side.

    Larger frames are reduced to means over 2x2 samples, because single samples of fine texture cannot be followed.
    """
    stride = max(1, min(frames.shape[1:3]) // side)
    if stride == 1:
        small: np.ndarray = np.einsum("nhwc,c->nhw", frames.astype(np.float32), LUMA)
        return small
    luma = frames[:, :: stride // 2, :: stride // 2].astype(np.float32) @ LUMA
    rows, columns = luma.shape[1] // 2, luma.shape[2] // 2
    result: np.ndarray = luma[:, : rows * 2, : columns * 2].reshape(len(frames), rows, 2, columns, 2).mean(axis=(2, 4))
    return result


def _fastest_shift(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the mean shift of the fastest blocks of each pair, in sampled pixels."""
    shifts = _block_shifts(before, after).reshape(len(before), -1)
    number = max(1, round(shifts.shape[1] * FASTEST_SHARE))
    result: np.ndarray = np.partition(shifts, -number, axis=1)[:, -number:].mean(axis=1)
    return result


def _block_shifts(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the length of each block's shift, (pairs, rows, columns) of blocks; 0 if it does not move visibly."""
    height, width = (length // BLOCK * BLOCK for length in before.shape[1:])
    before, after = before[:, :height, :width], after[:, :height, :width]
    around = np.pad(after, ((0, 0), (REACH, REACH), (REACH, REACH)), mode="edge")
    span = 2 * REACH + 1
    costs = np.empty((span, span, len(before), height // BLOCK, width // BLOCK), np.float32)
    for down in range(span):
        for right in range(span):
            costs[down, right] = _block_means((before - around[:, down : down + height, right : right + width]) ** 2)
    lengths = np.hypot(*np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1])
    penalised = costs + (PENALTY * lengths.astype(np.float32))[..., None, None, None]
    down, right = np.unravel_index(penalised.reshape(span * span, -1).argmin(axis=0), (span, span))
    flat = costs.reshape(span, span, -1)
    contrast = _block_means(before**2) - _block_means(before) ** 2
    best = flat[down, right, np.arange(flat.shape[2])]
    moves = (best < REST * flat[REACH, REACH]) & (contrast.ravel() > LEAST_CONTRAST**2)
    shifts = np.stack([_refined(flat, down, right, axis).reshape(contrast.shape) for axis in (0, 1)])
    moves = _agreeing(moves.reshape(contrast.shape), shifts)
    return np.where(moves, np.hypot(*shifts), 0.0)


def _agreeing(moves: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return which of the moving blocks have a moving neighbour with about the same shift."""
    rows, columns = moves.shape[1:]
    around, others = np.pad(moves, ((0, 0), (1, 1), (1, 1))), np.pad(shifts, ((0, 0), (0, 0), (1, 1), (1, 1)))
    agree = np.zeros_like(moves)
    for down, right in itertools.product(range(3), range(3)):
        if (down, right) != (1, 1):
            near = (..., slice(down, down + rows), slice(right, right + columns))
            agree |= around[near] & (np.hypot(*(others[near] - shifts)) < AGREEMENT)
    result: np.ndarray = moves & agree
    return result


def _block_means(pictures: np.ndarray) -> np.ndarray:
    number, height, width = pictures.shape
    result: np.ndarray = pictures.reshape(number, height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(2, 4))
    return result


def _refined(costs: np.ndarray, down: np.ndarray, right: np.ndarray, axis: int) -> np.ndarray:
    """Return the shift along one axis with fractions: the lowest point of the parabola through three costs."""
    best = (down, right)[axis]
    each = np.arange(costs.shape[2])
    middle = np.clip(best, 1, costs.shape[0] - 2)
    lower, centre, upper = (
        costs[(at, right, each) if axis == 0 else (down, at, each)] for at in (middle - 1, middle, middle + 1)
    )
    bend = lower - 2 * centre + upper
    offset = np.where(bend > 0, (lower - upper) / (2 * np.maximum(bend, 1e-6)), 0.0)
    is_inside = (best == middle) & (np.abs(offset) <= 1)
    return best - REACH + np.where(is_inside, offset, 0.0)
