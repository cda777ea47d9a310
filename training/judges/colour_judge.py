"""Read foreground and background colour from the pixels of a clip, by counting and without a trained model."""

import numpy as np

from training.scenes.scene import COLOURS, OBJECTS

BORDER = 5
TOLERANCE = 25.0
"""RGB distance from the palette at which a pixel counts as 0.6."""
SYMMETRIC = ("gradient",)
"""Motifs without a difference between foreground and background."""


def shares(pixels: np.ndarray) -> np.ndarray:
    """Return the share of the pixels (n, 3) in each palette colour. Blends of two colours have a low weight."""
    palette = np.array(list(COLOURS.values()), dtype=np.float32)
    distances = ((pixels[:, None].astype(np.float32) - palette) ** 2).sum(-1)
    weights = np.exp(-distances.min(1) / (2 * TOLERANCE**2))
    return np.bincount(distances.argmin(1), weights, minlength=len(COLOURS)) / len(pixels)


def border(clip: np.ndarray) -> np.ndarray:
    """Return the pixels of the outermost five rows and columns of a clip, (n, 3)."""
    edge = np.zeros(clip.shape[1:3], dtype=bool)
    edge[:BORDER], edge[-BORDER:], edge[:, :BORDER], edge[:, -BORDER:] = True, True, True, True
    return clip[:, edge].reshape(-1, 3)


def read_colours(clip: np.ndarray, motif: str) -> tuple[str, str]:
    """Return foreground and background of a uint8 clip (frames, height, width, 3) with a known motif.

    For an object, the background is the colour of the border. For a field, it is the colour that covers more.
    """
    names = list(COLOURS)
    whole = shares(clip[:, ::2, ::2].reshape(-1, 3))
    ground = int(shares(border(clip)).argmax() if motif in OBJECTS else whole.argmax())
    whole[ground] = 0
    return names[int(whole.argmax())], names[ground]


def colours_right(clip: np.ndarray, motif: str, foreground: str, background: str) -> bool:
    """Return True if both colours are right and, unless the motif is symmetric, not swapped."""
    seen = read_colours(clip, motif)
    if motif in SYMMETRIC:
        return set(seen) == {foreground, background}
    return seen == (foreground, background)


def colours_swapped(clip: np.ndarray, motif: str, foreground: str, background: str) -> bool:
    return motif not in SYMMETRIC and read_colours(clip, motif) == (background, foreground)
