"""Name the motion of a clip from its optical flow, by least squares and without a trained model.

The flow between two frames is modelled as a shift, a growth and a rotation around the centre of the drawing
(Lucas and Kanade, 1981, with a similarity as the motion model).
"""

from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional as F

from training.scenes.motion import PULSE_FRAMES

BLUR = 2.0
"""Pixels. Wide enough that a step of three pixels stays within the linear range."""
WEIGHTS = {"shift": 1.0, "growth": 1.6, "turn": 1.6, "pulse": 1.0}
RIDGE = 0.05
"""Suppresses shifts along bands, which are invisible."""
STILL = 0.15
"""Pixels per frame below which a clip has no motion."""


def blur(clip: np.ndarray) -> np.ndarray:
    """Return a uint8 clip (frames, height, width, 3) as blurred floats of the same shape."""
    reach = int(3 * BLUR)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / BLUR) ** 2)
    weights /= weights.sum()
    frames = torch.from_numpy(clip).permute(0, 3, 1, 2).float()
    frames = F.pad(frames, (reach,) * 4, mode="replicate").flatten(0, 1)[:, None]
    frames = F.conv2d(F.conv2d(frames, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
    return frames.unflatten(0, (len(clip), 3))[:, :, 0].permute(0, 2, 3, 1).numpy()


def flow(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, float]:
    """Return shift right and down, growth and clockwise rotation between two frames, and the radius of the drawing.

    Shift and radius are in pixels, growth and rotation per frame.

    Args:
        before, after: Blurred float images (height, width, 3).
    """
    middle = (before + after) / 2
    down, right = np.gradient(middle, axis=(0, 1))
    energy = (down**2 + right**2).sum(-1)
    total = energy.sum() + 1e-6
    y, x = np.mgrid[: before.shape[0], : before.shape[1]].astype(np.float32)
    x, y = x - (x * energy).sum() / total, y - (y * energy).sum() / total
    x3, y3 = x[..., None], y[..., None]
    columns = np.stack([right, down, right * x3 + down * y3, down * x3 - right * y3], axis=-1).reshape(-1, 4)
    change = (before - after).reshape(-1)
    normal = columns.T @ columns
    normal[[0, 1], [0, 1]] += RIDGE * (normal[0, 0] + normal[1, 1])
    radius = float(np.sqrt(((x * x + y * y) * energy).sum() / total))
    return np.linalg.solve(normal, columns.T @ change), radius


def series(clip: np.ndarray) -> np.ndarray:
    """Return shift right, shift down, growth and rotation of each frame pair, in pixels at the drawing's radius."""
    blurred = blur(clip)
    pairs = [flow(before, after) for before, after in pairwise(blurred)]
    return np.array([solution * (1, 1, radius, radius) for solution, radius in pairs])


def strengths(steps: np.ndarray) -> dict[str, float]:
    """Return the strength of each of the eight motions, in weighted pixels per frame."""
    right, down, growth, turn = np.median(steps, axis=0)
    phase = np.exp(2j * np.pi * (np.arange(len(steps)) + 0.5) / PULSE_FRAMES)
    steady = steps[:, 2] - steps[:, 2].mean()
    pulse = 2 * abs((steady * phase).mean())
    return {
        "drifting left": -right * WEIGHTS["shift"],
        "drifting right": right * WEIGHTS["shift"],
        "drifting up": -down * WEIGHTS["shift"],
        "drifting down": down * WEIGHTS["shift"],
        "zooming in": growth * WEIGHTS["growth"],
        "zooming out": -growth * WEIGHTS["growth"],
        "rotating": abs(turn) * WEIGHTS["turn"],
        "pulsing": pulse * WEIGHTS["pulse"],
    }


def read_motion(clip: np.ndarray) -> str | None:
    """Return the motion of a uint8 clip (frames, height, width, 3), or `None` if it hardly moves."""
    scores = strengths(series(clip))
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > STILL else None
