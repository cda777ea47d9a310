"""Draw single layers of a template."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.drawing.fonts import FontSet
from adapters.media.drawing.logo import draw_logo
from adapters.media.drawing.panel import on_panel, rounded
from adapters.media.drawing.pixels import gradient, paste, solid, with_shadow
from adapters.media.drawing.text import DrawnText, TextBlock
from adapters.media.drawing.text_fit import fitted_text
from manifests.errors import FinishError
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.colour import Colour, colour_of
from manifests.finish.design.frame import Frame
from manifests.finish.design.geometry import Rect, Size, shortest
from manifests.finish.design.template import LogoLayer, ProgressLayer, ScrimLayer, TextLayer
from manifests.finish.texts.words import filled

BAR_WIDTH, BAR_GAP = 0.14, 0.5
"""Width of the bar before a text, and the space after it, as fractions of the font size."""
BRAND_NAME_SIZE = 0.72
"""Font size of a brand's name that replaces its logo, as a fraction of the logo's height."""


class Element(NamedTuple):
    """A drawn logo or text.

    Attributes:
        bleed: by how many pixels a shadow reaches beyond each side of what counts for the layout.
    """

    pixels: np.ndarray
    bleed: int = 0

    @property
    def size(self) -> Size:
        """Size for the layout, in pixels."""
        return Size(self.pixels.shape[1] - 2 * self.bleed, self.pixels.shape[0] - 2 * self.bleed)


class Studio(NamedTuple):
    """What all layers of a deliverable are drawn with.

    Attributes:
        texts: values of the placeholders.
        safe: the part of the frame for logos and texts.
        is_mirrored: whether left and right are swapped.
        scale: of logos and texts, at most 1; texts stay at or above their ``min_size``.
        find_asset: returns the path of a stored file.
    """

    brand: BrandKit
    texts: Mapping[str, str]
    frame: Frame
    safe: Rect
    language: str
    is_mirrored: bool
    fonts: FontSet
    find_asset: Callable[[Asset], Path]
    scale: float = 1.0

    def colour(self, name: str) -> Colour:
        """Return a colour of the brand."""
        return colour_of(name, self.brand.colours)


def draw_text_layer(studio: Studio, layer: TextLayer, room: Size, scale: float = 1.0) -> Element | None:
    """Return a text that fits into ``room``; None if one of its placeholders is empty.

    Args:
        scale: of the font size, at most 1; the size stays at or above ``min_size``.

    Raises:
        FinishError: the text does not fit, or contains a character that no font has.
    """
    text = filled(layer.text, studio.texts)
    if not text:
        return None
    unit = shortest(studio.frame)
    least = layer.min_size * unit
    size = max(least, layer.size * unit * scale)
    across, down = _padding(layer, size)
    extra = round(size * (BAR_WIDTH + BAR_GAP)) if layer.bar else 0
    inner = Size(room.width - 2 * across - extra, room.height - 2 * down)
    if min(inner) < 1:
        raise FinishError("has no room for text. Make its box larger, or its padding smaller.")
    drawn = fitted_text(_block(studio, layer, text, inner, (size, least)), layer.fit == "wrap")
    return _decorated(studio, layer, drawn)


def draw_logo_layer(studio: Studio, layer: LogoLayer, room: Size) -> Element | None:
    """Return a logo, or the brand's name; None if the brand has neither.

    Raises:
        FinishError: the brand has other logos, or the file cannot be drawn.
    """
    asset = _logo_asset(studio.brand, layer.logo)
    padding = round(room.height * layer.padding / (1 + 2 * layer.padding)) if layer.fill else 0
    inner = Size(room.width - 2 * padding, room.height - 2 * padding)
    if asset:
        pixels = draw_logo(studio.find_asset(asset), asset, inner)
    elif studio.brand.name:
        pixels = _brand_name(studio, layer, inner)
    else:
        return None
    if not layer.fill:
        return Element(pixels)
    radius = round((pixels.shape[0] + 2 * padding) * layer.radius)
    return Element(on_panel(pixels, studio.colour(layer.fill), (padding, padding), radius))


def draw_scrim(studio: Studio, layer: ScrimLayer) -> tuple[np.ndarray, int]:
    """Return the pixels of a gradient and its top row in the frame.

    It ends at the edge of the frame. Behind the texts, which begin at the edge of the safe zone, it has most of its
    colour: it reaches at least as far into the safe zone as the margin is wide.
    """
    frame, safe = studio.frame, studio.safe
    margin = safe.y if layer.edge == "top" else frame.height - safe.bottom
    inside = min(safe.height, max(1, margin, round(layer.height * safe.height)))
    pixels = gradient(frame.width, inside + margin, studio.colour(layer.colour), layer.edge)
    return pixels, 0 if layer.edge == "top" else frame.height - pixels.shape[0]


def draw_progress(studio: Studio, layer: ProgressLayer) -> tuple[np.ndarray, int]:
    """Return the pixels of a complete progress bar and its top row in the frame."""
    frame = studio.frame
    height = max(2, round(layer.thickness * frame.height))
    return solid(frame.width, height, studio.colour(layer.colour)), 0 if layer.edge == "top" else frame.height - height


def _block(studio: Studio, layer: TextLayer, text: str, room: Size, sizes: tuple[float, float]) -> TextBlock:
    return TextBlock(
        text=text,
        language=studio.language,
        fonts=studio.fonts,
        role=layer.font,
        weight=layer.weight,
        size_px=sizes[0],
        min_size_px=sizes[1],
        colour=studio.colour(layer.colour),
        max_width_px=room.width,
        max_height_px=room.height,
        max_lines=layer.max_lines,
        align=layer.align,
    )


def _padding(layer: TextLayer, size: float) -> tuple[int, int]:
    """Return the space between text and background, across and down, in pixels; 0 without a background."""
    if not layer.fill:
        return 0, 0
    across = layer.padding if layer.padding_x is None else layer.padding_x
    return round(across * size), round(layer.padding * size)


def _decorated(studio: Studio, layer: TextLayer, drawn: DrawnText) -> Element:
    """Return a text with its bar, its background and its shadow."""
    pixels, size = drawn.pixels, drawn.size_px
    if layer.bar:
        pixels = _with_bar(studio, layer, drawn)
    if layer.fill:
        pixels = on_panel(pixels, studio.colour(layer.fill), _padding(layer, size), round(layer.radius * size))
    return Element(*with_shadow(pixels, size)) if layer.shadow else Element(pixels)


def _with_bar(studio: Studio, layer: TextLayer, drawn: DrawnText) -> np.ndarray:
    height, width = drawn.pixels.shape[:2]
    thick, gap = max(2, round(drawn.size_px * BAR_WIDTH)), round(drawn.size_px * BAR_GAP)
    wide = np.zeros((height, width + thick + gap, 4), np.uint8)
    bar = rounded(thick, height, studio.colour(layer.bar), thick // 2)
    paste(wide, bar, width + gap if studio.is_mirrored else 0, 0)
    paste(wide, drawn.pixels, 0 if studio.is_mirrored else thick + gap, 0)
    return wide


def _logo_asset(brand: BrandKit, name: str) -> Asset | None:
    """Return a logo; the only one for ``default``, whatever its name is."""
    if name in brand.logos:
        return brand.logos[name]
    if not brand.logos:
        return None
    if name == "default" and len(brand.logos) == 1:
        return next(iter(brand.logos.values()))
    raise FinishError(f'the brand kit has no logo "{name}". Add it, or use one of {", ".join(brand.logos)}.')


def _brand_name(studio: Studio, layer: LogoLayer, room: Size) -> np.ndarray:
    size = room.height * BRAND_NAME_SIZE
    block = TextBlock(
        text=studio.brand.name,
        language=studio.language,
        fonts=studio.fonts,
        role="heading",
        weight=700,
        size_px=size,
        min_size_px=size / 4,
        colour=studio.colour(layer.colour),
        max_width_px=room.width,
        max_height_px=room.height,
        max_lines=1,
        align="centre",
    )
    return fitted_text(block, wraps_first=False).pixels
