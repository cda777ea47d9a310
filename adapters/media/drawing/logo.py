"""Draw logos: PNG, JPEG, WebP or SVG at the size of their box."""

from pathlib import Path

import numpy as np
from PIL import Image

from adapters.media.drawing.pixels import trimmed
from adapters.media.drawing.svg import draw_svg, svg_ratio
from adapters.media.picture import InvalidPictureError, pixels_with_alpha
from manifests.errors import FinishError
from manifests.finish.asset import Asset
from manifests.finish.design.geometry import Size

SVG = "image/svg+xml"
MAX_ENLARGEMENT = 2.0
"""A PNG is not enlarged further, because it would be blurred."""
OVERSAMPLING = 2
"""An SVG is drawn at this multiple of its size, because its empty margins are cut off afterwards."""


def draw_logo(path: Path, asset: Asset, room: Size) -> np.ndarray:
    """Return a logo as large as fits into ``room``, in pixels, without its transparent margins.

    Raises:
        FinishError: the file is not a logo, or the room is too small.
    """
    if min(room) < 1:
        raise FinishError("has no room for the logo. Make its box larger.")
    try:
        data = path.read_bytes()
        source = _svg_pixels(data, room) if asset.media_type == SVG else trimmed(pixels_with_alpha(data))
    except (InvalidPictureError, OSError) as error:
        raise FinishError(f'the logo "{asset.name}" cannot be read: {error}') from error
    size = fitted(Size(source.shape[1], source.shape[0]), room, MAX_ENLARGEMENT)
    return _resized(source, size)


def fitted(size: Size, room: Size, most: float) -> Size:
    """Return a size of the same ratio that fits into the room, at most ``most`` times as large."""
    scale = min(room.width / size.width, room.height / size.height, most)
    return Size(
        max(1, min(room.width, round(size.width * scale))), max(1, min(room.height, round(size.height * scale)))
    )


def _svg_pixels(data: bytes, room: Size) -> np.ndarray:
    ratio = svg_ratio(data)
    drawn = trimmed(draw_svg(data, *_svg_size(ratio, room)))
    lost = max(drawn.shape[1] / room.width, drawn.shape[0] / room.height)
    if lost >= 1:
        return drawn
    wider = Size(min(8192, round(room.width / lost)), min(8192, round(room.height / lost)))
    return trimmed(draw_svg(data, *_svg_size(ratio, wider)))


def _svg_size(ratio: float, room: Size) -> Size:
    width = min(room.width, room.height * ratio) * OVERSAMPLING
    return Size(max(1, round(width)), max(1, round(width / ratio)))


def _resized(pixels: np.ndarray, size: Size) -> np.ndarray:
    """Resize with premultiplied alpha: the colour of transparent pixels must not leak into the edges."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    image = Image.fromarray(pixels, "RGBA").convert("RGBa").resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image.convert("RGBA"))
