"""Position, size and angle of a motif in each frame."""

from dataclasses import dataclass

import numpy as np

from training.scenes.scene import NUM_FRAMES

DIRECTIONS = {
    "drifting left": (-1.0, 0.0),
    "drifting right": (1.0, 0.0),
    "drifting up": (0.0, -1.0),
    "drifting down": (0.0, 1.0),
}
PULSE_FRAMES = 8


@dataclass(frozen=True)
class Path:
    """For each frame: shift right and down in short sides, scale, and clockwise angle in radians."""

    x: np.ndarray
    y: np.ndarray
    scale: np.ndarray
    angle: np.ndarray


def sample_path(motion: str, rng: np.random.Generator, num_frames: int = NUM_FRAMES) -> Path:
    """Return a path of `num_frames` steps that shows only `motion`."""
    time = np.linspace(0.0, 1.0, NUM_FRAMES)[:num_frames]
    x = np.full(num_frames, rng.uniform(-0.05, 0.05))
    y = np.full(num_frames, rng.uniform(-0.05, 0.05))
    scale = np.full(num_frames, rng.uniform(0.95, 1.08))
    angle = np.full(num_frames, np.radians(rng.uniform(-4, 4)))
    if motion in DIRECTIONS:
        distance = rng.uniform(0.42, 0.52) * (time - 0.5)
        x, y = x + DIRECTIONS[motion][0] * distance, y + DIRECTIONS[motion][1] * distance
    elif motion == "zooming in":
        scale = scale * np.exp(rng.uniform(0.75, 0.9) * (time - 0.55))
    elif motion == "zooming out":
        scale = scale * np.exp(rng.uniform(0.75, 0.9) * (0.45 - time))
    elif motion == "rotating":
        angle = angle + np.radians(rng.uniform(65, 90)) * time
    elif motion == "pulsing":
        frame = np.arange(num_frames)
        scale = scale * (1 + rng.uniform(0.2, 0.25) * np.sin(2 * np.pi * frame / PULSE_FRAMES))
    return Path(x, y, scale, angle)
