"""Draw a text that fits into a box."""

import math
from typing import Any, NamedTuple

import numpy as np

from adapters.media.drawing.skia_library import load_skia
from adapters.media.drawing.typesetting.fitting import Fitted, Rgba, TextBlock, fit
from adapters.media.drawing.typesetting.font_choice import plain_lines
from adapters.media.drawing.typesetting.japanese import keep_small_kana
from manifests.errors import FinishError

__all__ = ["DrawnText", "TextBlock", "draw_text"]
_SHADOW = 0xB0000000


class DrawnText(NamedTuple):
    """A drawn text.

    Attributes:
        pixels: uint8 (height, width, 4), sRGB with straight alpha; not larger than the box.
        lines: number of lines.
        size_px: the font size that was used.
    """

    pixels: np.ndarray
    lines: int
    size_px: float


def draw_text(block: TextBlock) -> DrawnText:
    """Draw a text.

    It shrinks to ``min_size_px`` before it is wrapped. Wrapped text is as large as fits, its lines have about equal
    lengths, and words are broken at soft hyphens only.

    Raises:
        FinishError: no font has a character, or the text does not fit. The message names the text and the box.
    """
    text = keep_small_kana(plain_lines(block.text))
    try:
        return _drawn(block._replace(text=text))
    except FinishError as error:
        raise FinishError(f'The text "{_short(text)}" cannot be drawn: {error}') from error


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


def _drawn(block: TextBlock) -> DrawnText:
    if not block.text.strip():
        raise FinishError("it is empty. Fill in the cell, or remove the layer from the template.")
    limit = block.size_px
    while limit >= block.min_size_px:
        fitted = fit(block, limit)
        canvas = _Canvas(block, fitted)
        if canvas.fits:
            return DrawnText(canvas.pixels(), fitted.layout.lines, fitted.size)
        limit = fitted.size * 0.9
    box = f"{block.max_width_px} × {block.max_height_px}"
    raise FinishError(f"its letters reach out of the box of {box} pixels. Remove stacked accents, or enlarge the box.")


class _Canvas:
    """The picture of a fitted text.

    Letters may reach out of their lines: italics, or many accents. The text is painted once to measure that.
    """

    def __init__(self, block: TextBlock, fitted: Fitted) -> None:
        self._block, self._size, layout = block, fitted.size, fitted.layout
        self._scale = fitted.size / block.size_px
        across, down = block.margins(fitted.size)
        self._width = min(block.max_width_px, math.ceil(layout.longest_line + 2 * across))
        self._height = min(block.max_height_px, math.ceil(layout.height + 2 * down))
        align = _physical(block.align, fitted.script.is_right_to_left)
        self._paragraph = fitted.script.layout(fitted.size, layout.width, align, paint_of(block.colour)).paragraph
        spare = {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * (layout.width - layout.longest_line)
        self._x, self._y = across - spare, down
        self._left, self._top, self._right, self._bottom = self._ink()

    def _ink(self) -> tuple[int, int, int, int]:
        """Return the box of the letters, relative to the picture; None if they reach far out of it."""
        room = math.ceil(self._size)
        surface = load_skia().Surface(self._width + 2 * room, self._height + 2 * room)
        self._paragraph.paint(surface.getCanvas(), self._x + room, self._y + room)
        alpha = surface.makeImageSnapshot().toarray()[..., 3]
        rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
        if not len(rows):
            raise FinishError("it has no visible characters.")
        return int(columns[0]) - room, int(rows[0]) - room, int(columns[-1]) + 1 - room, int(rows[-1]) + 1 - room

    @property
    def fits(self) -> bool:
        """Whether all letters are inside the box."""
        room = math.ceil(self._size)
        is_cut = min(self._left, self._top) <= -room or (
            self._right >= self._width + room or self._bottom >= self._height + room
        )
        right, bottom = max(self._width, self._right), max(self._height, self._bottom)
        left, top = min(0, self._left), min(0, self._top)
        return not is_cut and right - left <= self._block.max_width_px and bottom - top <= self._block.max_height_px

    def pixels(self) -> np.ndarray:
        """Return the picture as uint8 (height, width, 4) with straight alpha."""
        skia = load_skia()
        left, top = min(0, self._left), min(0, self._top)
        width, height = max(self._width, self._right) - left, max(self._height, self._bottom) - top
        surface = skia.Surface(width, height)
        canvas = surface.getCanvas()
        if self._block.fill:
            radius = min(self._block.radius_px * self._scale, min(width, height) / 2)
            canvas.drawRoundRect(skia.Rect.MakeWH(width, height), radius, radius, paint_of(self._block.fill))
        if self._block.shadow:
            canvas.saveLayer(None, self._shadow())
        self._paragraph.paint(canvas, self._x - left, self._y - top)
        if self._block.shadow:
            canvas.restore()
        pixels: np.ndarray = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
        return pixels

    def _shadow(self) -> Any:
        skia = load_skia()
        blur = self._size * 0.07
        return skia.Paint(ImageFilter=skia.ImageFilters.DropShadow(0, self._size * 0.03, blur, blur, _SHADOW))


def _physical(align: str, is_right_to_left: bool) -> str:
    return {"left": "right", "right": "left"}.get(align, align) if is_right_to_left else align


def paint_of(colour: Rgba) -> Any:
    """Return the ``skia.Paint`` of a colour."""
    return load_skia().Paint(AntiAlias=True, Color=_colour(colour))


def _colour(rgba: Rgba) -> int:
    red, green, blue, alpha = rgba
    return alpha << 24 | red << 16 | green << 8 | blue
