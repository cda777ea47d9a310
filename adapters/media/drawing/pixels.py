"""Arrays of pixels: uint8 (height, width, 4), sRGB with straight alpha."""

import numpy as np
from PIL import Image, ImageFilter

from manifests.finish.design.colour import Colour

SHADOW_BLUR, SHADOW_STRENGTH = 0.16, 0.55
"""Radius of the shadow as a fraction of the font size, and its opacity."""


def solid(width: int, height: int, colour: Colour) -> np.ndarray:
    """Return a rectangle of one colour."""
    return np.full((height, width, 4), colour, np.uint8)


def gradient(width: int, height: int, colour: Colour, edge: str) -> np.ndarray:
    """Return a colour that becomes transparent from an edge to the opposite one.

    Args:
        edge: ``top`` or ``bottom``, where the colour is complete.
    """
    share = (np.arange(height) + 0.5) / height
    share = share if edge == "bottom" else share[::-1]
    share = 1 - (1 - share) ** 2  # most of the colour is reached in the middle, where texts are
    eased = share * share * (3 - 2 * share)  # without it, eyes see a line where a linear gradient begins
    pixels = solid(width, height, colour)
    pixels[..., 3] = np.rint(eased * colour.alpha).astype(np.uint8)[:, None]
    return pixels


def paste(below: np.ndarray, above: np.ndarray, x: int, y: int) -> None:
    """Draw pixels onto others, in place; what is outside is cut off."""
    left, top = max(0, x), max(0, y)
    right, bottom = min(below.shape[1], x + above.shape[1]), min(below.shape[0], y + above.shape[0])
    if right > left and bottom > top:
        part = below[top:bottom, left:right]
        part[:] = blended(part, above[top - y : bottom - y, left - x : right - x])


def blended(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return pixels over others of the same size."""
    top, base = above[..., 3:].astype(np.float32) / 255, below[..., 3:].astype(np.float32) / 255
    rest = base * (1 - top)
    alpha = top + rest
    colours = above[..., :3] * top + below[..., :3] * rest
    mixed = np.divide(colours, alpha, out=np.zeros_like(colours), where=alpha > 0)
    pixels: np.ndarray = np.rint(np.concatenate([mixed, alpha * 255], axis=2)).astype(np.uint8)
    return pixels


def with_shadow(pixels: np.ndarray, size: float) -> tuple[np.ndarray, int]:
    """Return pixels on a soft, dark shadow of their shapes, and how far it reaches beyond each side, in pixels.

    Args:
        size: of the font, in pixels.
    """
    blur = max(1.0, SHADOW_BLUR * size)
    reach = round(3 * blur)
    wide = np.pad(pixels, ((reach, reach), (reach, reach), (0, 0)))
    soft = Image.fromarray(wide[..., 3]).filter(ImageFilter.GaussianBlur(blur))
    shade = np.zeros_like(wide)
    shade[..., 3] = np.clip(np.asarray(soft) * (SHADOW_STRENGTH * 1.5), 0, 255 * SHADOW_STRENGTH).astype(np.uint8)
    return blended(shade, wide), reach


def trimmed(pixels: np.ndarray) -> np.ndarray:
    """Return pixels without transparent margins; unchanged if all of it is transparent."""
    rows, columns = np.flatnonzero(pixels[..., 3].any(1)), np.flatnonzero(pixels[..., 3].any(0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else pixels
