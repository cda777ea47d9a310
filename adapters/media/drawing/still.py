"""Draw layers on one picture, for previews."""

from collections.abc import Iterable

import numpy as np

from adapters.media.compose.layer import DrawnLayer
from adapters.media.drawing.pixels import paste


def still(picture: np.ndarray, layers: Iterable[DrawnLayer], second: float) -> np.ndarray:
    """Return a picture with the layers that are visible at some time.

    Layers that are sliding are shown at their final place.

    Args:
        picture: uint8 (height, width, 3), sRGB.
        second: from the start of the deliverable.

    Returns:
        uint8 (height, width, 3), sRGB.
    """
    canvas = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    for layer in layers:
        if layer.start_s <= second < layer.end_s:
            paste(canvas, _moving(layer, second), layer.x, layer.y)
    return canvas[..., :3]


def _moving(layer: DrawnLayer, second: float) -> np.ndarray:
    """Return the pixels of a layer that is fading or being uncovered."""
    entered = _share(second - layer.start_s, layer.enter.seconds)
    left = _share(layer.end_s - second, layer.leave.seconds)
    pixels = layer.pixels
    if layer.enter.kind == "wipe":
        pixels = pixels[:, : round(pixels.shape[1] * entered)]
    opacity = (entered if layer.enter.kind == "fade" else 1.0) * (left if layer.leave.kind == "fade" else 1.0)
    if opacity == 1:
        return pixels
    faded = pixels.copy()
    faded[..., 3] = np.rint(faded[..., 3] * opacity).astype(np.uint8)
    return faded


def _share(elapsed: float, seconds: float) -> float:
    return min(1.0, max(0.0, elapsed / seconds)) if seconds else 1.0
