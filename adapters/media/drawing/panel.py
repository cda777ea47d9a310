"""Backgrounds of texts and logos: rounded rectangles."""

import numpy as np

from adapters.media.drawing.pixels import paste, solid
from adapters.media.drawing.skia_library import load_skia
from manifests.finish.design.colour import Colour


def on_panel(
    content: np.ndarray, colour: Colour, padding: tuple[int, int], radius: int, least_width: int = 0
) -> np.ndarray:
    """Return content centred on a rounded rectangle.

    Args:
        padding: to the left and right, and above and below, in pixels.
        radius: of the corners in pixels; at most half of the shorter side is used.
        least_width: of the rectangle in pixels.
    """
    height, width = content.shape[0] + 2 * padding[1], max(content.shape[1] + 2 * padding[0], least_width)
    panel = rounded(width, height, colour, radius)
    paste(panel, content, (width - content.shape[1]) // 2, padding[1])
    return panel


def rounded(width: int, height: int, colour: Colour, radius: int) -> np.ndarray:
    """Return a rectangle with round, smooth corners."""
    panel = solid(width, height, colour)
    radius = min(radius, width // 2, height // 2)
    if radius > 0:
        panel[..., 3] = np.rint(_coverage(width, height, radius) * (colour.alpha / 255)).astype(np.uint8)
    return panel


def _coverage(width: int, height: int, radius: int) -> np.ndarray:
    """Return how much of each pixel is inside, 0 to 255."""
    skia = load_skia()
    surface = skia.Surface(width, height)
    paint = skia.Paint(AntiAlias=True, Color=skia.ColorWHITE)
    surface.getCanvas().drawRoundRect(skia.Rect.MakeWH(width, height), radius, radius, paint)
    return np.asarray(surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType))[..., 3]
