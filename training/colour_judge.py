"""Reads foreground and background from the pixels of a clip: counting, nothing learnt."""

import numpy as np

from training.scene import COLOURS, OBJECTS

BORDER = 5
TOLERANCE = 25.0
"""RGB distance from the palette at which a pixel still counts for six tenths."""
SYMMETRIC = ("gradient",)
"""Motifs on which foreground and background cannot be told apart."""


def shares(pixels: np.ndarray) -> np.ndarray:
    """How much of the pixels (n, 3) shows each palette colour. A blend of two colours counts for little."""
    palette = np.array(list(COLOURS.values()), dtype=np.float32)
    distances = ((pixels[:, None].astype(np.float32) - palette) ** 2).sum(-1)
    weights = np.exp(-distances.min(1) / (2 * TOLERANCE**2))
    return np.bincount(distances.argmin(1), weights, minlength=len(COLOURS)) / len(pixels)


def border(clip: np.ndarray) -> np.ndarray:
    """The pixels of a clip's outermost five rows and columns, (n, 3)."""
    edge = np.zeros(clip.shape[1:3], dtype=bool)
    edge[:BORDER], edge[-BORDER:], edge[:, :BORDER], edge[:, -BORDER:] = True, True, True, True
    return clip[:, edge].reshape(-1, 3)


def read_colours(clip: np.ndarray, motif: str) -> tuple[str, str]:
    """Foreground and background of a uint8 clip (frames, height, width, 3) that shows a known motif.

    Behind an object the background is what rings the frame; in a field it is what covers more.
    """
    names = list(COLOURS)
    whole = shares(clip[:, ::2, ::2].reshape(-1, 3))
    ground = int(shares(border(clip)).argmax() if motif in OBJECTS else whole.argmax())
    whole[ground] = 0
    return names[int(whole.argmax())], names[ground]


def colours_right(clip: np.ndarray, motif: str, foreground: str, background: str) -> bool:
    """Both colours as asked, and not swapped where a swap can be seen."""
    seen = read_colours(clip, motif)
    if motif in SYMMETRIC:
        return set(seen) == {foreground, background}
    return seen == (foreground, background)


def colours_swapped(clip: np.ndarray, motif: str, foreground: str, background: str) -> bool:
    return motif not in SYMMETRIC and read_colours(clip, motif) == (background, foreground)
