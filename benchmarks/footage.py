"""Frames to measure with: what a model would make, without one."""

import numpy as np

HEIGHT, WIDTH, FPS = 480, 832, 16
"""480p as Wan 2.1 makes it."""


def drifting(num_frames: int, seed: int = 0) -> np.ndarray:
    """A drifting pattern under a little grain: uint8 (num_frames, HEIGHT, WIDTH, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) / HEIGHT
    grain = rng.normal(0, 2, (HEIGHT, WIDTH, 3)).astype(np.float32)
    phases = rng.uniform(0, 6, 3)
    frames = np.empty((num_frames, HEIGHT, WIDTH, 3), np.uint8)
    for index in range(num_frames):
        waves = [np.sin(9 * x + 0.05 * index + phase) * np.cos(7 * y - 0.03 * index) for phase in phases]
        frames[index] = np.clip(128 + 80 * np.stack(waves, axis=-1) + grain, 0, 255)
    return frames


def as_floats(frames: np.ndarray) -> np.ndarray:
    """As a diffusers pipeline returns them: float32 in 0..1."""
    return frames.astype(np.float32) / 255
