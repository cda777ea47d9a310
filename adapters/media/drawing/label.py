"""Draw labels of reports: text of a fixed size that is shortened instead of refused."""

import math
import unicodedata
from bisect import bisect_left

import numpy as np
import regex
from anyascii import anyascii

from adapters.media.drawing.skia_library import load_skia
from adapters.media.drawing.text import DrawnText, paint_of
from adapters.media.drawing.typesetting.fitting import Rgba
from adapters.media.drawing.typesetting.font_choice import choose_fonts, plain_lines
from adapters.media.drawing.typesetting.font_set import FontSet
from adapters.media.drawing.typesetting.paragraph import Layout, Script

_CLUSTER = regex.compile(r"\X")
_ELLIPSIS = "…"
_UNSEEN = frozenset({"Cf", "Mn", "Me", "Cc", "Cs"})
"""Categories of characters that people do not miss, such as joiners and accents."""


class Label:
    """A text of some lines, in the shipped fonts and those of the system.

    Characters that no font has are transliterated: a rare Chinese character becomes its reading in Latin letters.
    """

    def __init__(self, text: str, size_px: float) -> None:
        """Prepare a label.

        Args:
            text: line breaks become spaces.
            size_px: of the font, in pixels.
        """
        self._size, self._text = size_px, _legible(" ".join(plain_lines(text).split()))

    def width(self) -> int:
        """Return the width of the whole text on one line, in pixels."""
        return math.ceil(_script(self._text).layout(self._size, 1e6).unbroken) if self._text else 0

    def draw(self, width: int, max_lines: int, colour: Rgba) -> DrawnText:
        """Return the text without margins; no lines if nothing is visible.

        Text that needs more lines ends with an ellipsis.

        Args:
            width: of the lines, in pixels.
            max_lines: largest number of lines.
            colour: sRGB with alpha, 0 to 255 each.
        """
        if not self._text or width < self._size:
            return DrawnText(np.zeros((0, 0, 4), np.uint8), 0, self._size)
        shown = self._text if self._fits(self._text, width, max_lines) else self._shortened(width, max_lines)
        script = _script(shown)
        align = "right" if script.is_right_to_left else "left"
        layout = script.layout(self._size, width, align, paint_of(colour))
        return DrawnText(_painted(layout, align), layout.lines, self._size)

    def _shortened(self, width: int, max_lines: int) -> str:
        """Return as much of the beginning as fits, and an ellipsis."""
        clusters = _CLUSTER.findall(self._text)

        def beginning(number: int) -> str:
            return "".join(clusters[:number]).rstrip() + _ELLIPSIS

        numbers = range(len(clusters))
        end = bisect_left(numbers, True, key=lambda number: not self._fits(beginning(number), width, max_lines))
        return beginning(max(0, end - 1))

    def _fits(self, text: str, width: int, max_lines: int) -> bool:
        layout = _script(text).layout(self._size, width)
        return layout.lines <= max_lines and layout.longest_line <= width


def _painted(layout: Layout, align: str) -> np.ndarray:
    skia = load_skia()
    spare = layout.width - layout.longest_line if align == "right" else 0.0
    surface = skia.Surface(max(1, layout.longest_line), math.ceil(layout.height))
    layout.paragraph.paint(surface.getCanvas(), -spare, 0)
    pixels: np.ndarray = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
    return pixels


def _script(text: str) -> Script:
    return Script(text, FontSet(), "body", 400, "")


def _legible(text: str) -> str:
    """Return a text without characters that no font has."""
    return "".join(cluster if face else _transliterated(cluster) for cluster, face in choose_fonts(text, FontSet()))


def _transliterated(cluster: str) -> str:
    return "".join(anyascii(each) or "?" for each in cluster if unicodedata.category(each) not in _UNSEEN)
