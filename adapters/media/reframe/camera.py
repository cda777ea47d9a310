"""The path of the crop: as much of what matters as possible, moved as little and as smoothly as possible."""

from collections.abc import Sequence

import numpy as np

MAX_SPEED = 1.4
"""Fractions of the master's side per second."""
MOVING_COST = 0.1
"""Cost of moving over the whole side; seeing the subject for one sample is worth about 1."""
HASTE_COST = 0.05
"""Cost of moving with MAX_SPEED for one sample, above that of the distance; grows with the square of the speed."""
EDGE_LOSS = 0.6
"""How much less something counts at the edge of the window than in its middle."""
STILL_SHARE = 0.97
"""A crop that does not move is preferred if it shows this share of what a moving one shows."""
STILL_WINDOW = 0.92
"""Part of the window that counts for that, so that nothing is cut off closely."""
SMOOTHING_S = (1.5, 1.2, 0.9, 0.7, 0.5, 0.3)
"""Widths of the Hann filter in seconds: the first that shows SMOOTH_SHARE of what the path without it shows."""
SMOOTH_SHARE = 0.99
TOLERANCE = 0.003
"""Deviation, as a fraction of the side, up to which points are left out; doubled until there are few enough."""
POINTS_PER_S = 4


def camera_path(profiles: np.ndarray, seconds: Sequence[float], kept: float) -> np.ndarray:
    """Return the centre of the window for each sample of one shot, float64 (n,), as fractions of the side.

    Args:
        profiles: how much matters at each position, float32 (n, positions).
        seconds: times of the samples.
        kept: length of the window as a fraction of the side, 0..1.
    """
    positions = profiles.shape[1]
    length = min(max(round(kept * positions), 1), positions)
    values = profiles / max(float(profiles.sum(axis=1).mean()), 1e-6)
    inside = _sums(values, _tapered(length))
    starts = _best_starts(inside, seconds, positions)
    still = _still_start(values, length, starts)
    path = np.full(len(starts), still, float) if still is not None else _smoothest(starts, inside, seconds)
    centres: np.ndarray = (path + length / 2) / positions
    return np.asarray(np.clip(centres, kept / 2, 1 - kept / 2))


def simplified(seconds: Sequence[float], values: np.ndarray) -> list[int]:
    """Return the indices of the points that suffice for linear interpolation, at most POINTS_PER_S and two more."""
    tolerance, most = TOLERANCE, 2 + POINTS_PER_S * (seconds[-1] - seconds[0])
    while len(indices := _needed(np.asarray(seconds), values, tolerance)) > most:
        tolerance *= 2
    return indices


def _needed(seconds: np.ndarray, values: np.ndarray, tolerance: float) -> list[int]:
    """Return the indices without which a value would deviate by more than the tolerance (Douglas-Peucker)."""
    kept, spans = {0, len(values) - 1}, [(0, len(values) - 1)]
    while spans:
        ends = spans.pop()
        between = slice(ends[0] + 1, ends[1])
        errors = np.abs(values[between] - np.interp(seconds[between], seconds[list(ends)], values[list(ends)]))
        if len(errors) and errors.max() > tolerance:
            farthest = between.start + int(errors.argmax())
            kept.add(farthest)
            spans += [(ends[0], farthest), (farthest, ends[1])]
    return sorted(kept)


def _tapered(length: int) -> np.ndarray:
    """Return weights of the positions in a window: 1 in its middle, lower towards its edges."""
    places = np.linspace(-1, 1, length) if length > 1 else np.zeros(1)
    weights: np.ndarray = 1 - EDGE_LOSS * places**2
    return weights


def _sums(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum in each window, (n, starts)."""
    return np.stack([np.convolve(row, weights, "valid") for row in values])


def _best_starts(inside: np.ndarray, seconds: Sequence[float], positions: int) -> np.ndarray:
    """Return the starts of the windows with the highest value less the costs of moving (Viterbi)."""
    places = np.arange(inside.shape[1]) / positions
    distances = np.abs(places[:, None] - places[None])
    total, origins = inside[0].copy(), []
    for sample in range(1, len(inside)):
        reach = MAX_SPEED * max(seconds[sample] - seconds[sample - 1], 1e-3)
        cost = MOVING_COST * distances + HASTE_COST * (distances / reach) ** 2 + 1e6 * (distances > reach + 1e-9)
        gained = total[None] - cost
        origins.append(gained.argmax(axis=1))
        total = gained.max(axis=1) + inside[sample]
    path = [int(total.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return np.array(path[::-1])


def _still_start(values: np.ndarray, length: int, moving: np.ndarray) -> float | None:
    """Return the start of one window for the whole shot; None if a moving one shows clearly more."""
    inner = max(round(length * STILL_WINDOW), 1)
    margin = (length - inner) / 2
    inside = _sums(values, np.ones(inner))
    shown = inside.sum(axis=0)
    followed = inside[np.arange(len(values)), np.minimum((moving + round(margin)), inside.shape[1] - 1)].sum()
    if shown.max() < STILL_SHARE * followed:
        return None
    soft = _sums(values, _tapered(length)).sum(axis=0)
    starts = np.arange(len(soft))
    equal = shown[np.clip(starts + round(margin), 0, len(shown) - 1)] >= STILL_SHARE * followed
    return float(np.where(equal, soft, -1).argmax())


def _smoothest(starts: np.ndarray, inside: np.ndarray, seconds: Sequence[float]) -> np.ndarray:
    """Return the path with the widest filter that keeps the subject inside."""
    samples = np.arange(len(starts))
    least = SMOOTH_SHARE * inside[samples, starts].sum()
    for width_s in SMOOTHING_S:
        path = _smoothed(starts, seconds, width_s)
        if inside[samples, np.round(path).astype(int)].sum() >= least:
            break
    return path


def _smoothed(starts: np.ndarray, seconds: Sequence[float], width_s: float) -> np.ndarray:
    gap = (seconds[-1] - seconds[0]) / max(len(seconds) - 1, 1)
    half = max(round(width_s / max(gap, 1e-3) / 2), 1)
    weights = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(starts.astype(float), half, mode="edge")
    return np.convolve(padded, weights / weights.sum(), "valid")
