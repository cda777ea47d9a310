"""Lay out and paint a text with Skia: shaping, line breaks, and the direction of each line."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import regex

from adapters.media.drawing.skia_library import load_skia
from adapters.media.drawing.typesetting.font_choice import Run, runs
from adapters.media.drawing.typesetting.font_set import FontSet
from adapters.media.drawing.typesetting.shipped_fonts import shipped_typeface
from manifests.finish.design.geometry import is_right_to_left

_STRONG = regex.compile(r"[\p{Bidi_Class=L}\p{Bidi_Class=R}\p{Bidi_Class=AL}]")
_RIGHT = regex.compile(r"[\p{Bidi_Class=R}\p{Bidi_Class=AL}]")
_RIGHT_TO_LEFT = ("\N{RIGHT-TO-LEFT EMBEDDING}", "\N{POP DIRECTIONAL FORMATTING}")
_STRUT = "reelmill strut"


def reads_right_to_left(text: str, language: str) -> bool:
    """Return the direction of a text.

    In a right-to-left language, that of a text with any right-to-left letter, because it may begin with the Latin
    name of a brand; otherwise that of the first letter.
    """
    if is_right_to_left(language):
        return bool(_RIGHT.search(text))
    first = _STRONG.search(text)
    return bool(first and _RIGHT.match(first.group()))


@dataclass(frozen=True)
class Script:
    """A text with its fonts; sizes may be tried out cheaply.

    Attributes:
        text: with newlines between lines, without tabs (``plain_lines``).
    """

    text: str
    fonts: FontSet
    role: str
    weight: int
    language: str

    @property
    def is_right_to_left(self) -> bool:
        """Whether lines begin at the right."""
        return reads_right_to_left(self.text, self.language)

    @cached_property
    def runs(self) -> list[Run]:
        """The parts of the text, each with its font."""
        opening, closing = _RIGHT_TO_LEFT if self.is_right_to_left else ("", "")
        # An embedding ends with its line. Skia has no other way to set the base direction.
        embedded = "\n".join(f"{opening}{line}{closing}" for line in self.text.split("\n"))
        return runs(embedded, self.fonts, self.role, self.weight, self.language)

    @cached_property
    def collection(self) -> Any:
        """The ``skia.textlayout.FontCollection`` with the fonts of this text only."""
        skia = load_skia()
        provider = skia.textlayout.TypefaceFontProvider()
        provider.registerTypeface(shipped_typeface("NotoSans", 400), skia.String(_STRUT))
        for font, typeface in {run.font: run.typeface for run in self.runs}.items():
            provider.registerTypeface(typeface, skia.String(font))
        collection = skia.textlayout.FontCollection()
        collection.setDefaultFontManager(provider)
        return collection

    def layout(self, size: float, width: float, align: str = "left", paint: Any = None) -> "Layout":
        """Lay the text out in lines.

        Args:
            size: of the font, in pixels.
            width: of the lines, in pixels.
            align: ``left``, ``centre`` or ``right``.
            paint: ``skia.Paint`` of the letters.
        """
        skia = load_skia()
        builder = skia.textlayout.ParagraphBuilder.make(
            self._style(skia, size, align), self.collection, skia.Unicodes.ICU.Make()
        )
        for run in self.runs:
            builder.pushStyle(self._text_style(skia, run.font, size, paint))
            builder.addText(run.text)
            builder.pop()
        paragraph = builder.Build()
        paragraph.layout(width)
        return Layout(paragraph, self._line_height(size), width)

    def _line_height(self, size: float) -> float:
        """Return the height of one line in pixels: Skia rounds it, and does not return the number of lines."""
        skia = load_skia()
        builder = skia.textlayout.ParagraphBuilder.make(
            self._style(skia, size, "left"), self.collection, skia.Unicodes.ICU.Make()
        )
        builder.addText("x")
        paragraph = builder.Build()
        paragraph.layout(size * 10)
        return float(paragraph.Height)

    def _style(self, skia: Any, size: float, align: str) -> Any:
        """Return the paragraph style. A forced strut gives all lines the same height."""
        strut = skia.textlayout.StrutStyle()
        strut.setStrutEnabled(True)
        strut.setForceStrutHeight(True)
        strut.setFontFamilies([skia.String(_STRUT)])
        strut.setFontSize(size)
        style = skia.textlayout.ParagraphStyle()
        style.setStrutStyle(strut)
        aligns = skia.textlayout.TextAlign
        style.setTextAlign({"left": aligns.kLeft, "centre": aligns.kCenter, "right": aligns.kRight}[align])
        style.setTextStyle(self._text_style(skia, _STRUT, size, None))
        return style

    def _text_style(self, skia: Any, font: str, size: float, paint: Any) -> Any:
        style = skia.textlayout.TextStyle()
        style.setFontFamilies([skia.String(font), *(skia.String(run.font) for run in self.runs if run.font != font)])
        style.setFontSize(size)
        style.setFontStyle(skia.FontStyle(self.weight, 5, skia.FontStyle.kUpright_Slant))
        if self.language:
            style.setLocale(skia.String(self.language))
        if paint is not None:
            style.setForegroundPaint(paint)
        return style


@dataclass(frozen=True)
class Layout:
    """A text in lines. All measures are in pixels."""

    paragraph: Any
    line_height: float
    width: float

    @property
    def lines(self) -> int:
        """Number of lines."""
        return max(1, round(self.height / self.line_height))

    @property
    def height(self) -> float:
        """Height of all lines."""
        return float(self.paragraph.Height)

    @property
    def longest_line(self) -> float:
        """Width of the longest line."""
        return math.ceil(max(0.0, float(self.paragraph.LongestLine)))  # negative without any letter

    @property
    def unbroken(self) -> float:
        """Width of the longest line if lines are broken at newlines only."""
        return math.ceil(float(self.paragraph.MaxIntrinsicWidth))

    @property
    def widest_word(self) -> float:
        """Width of the widest part that cannot be broken."""
        return float(self.paragraph.MinIntrinsicWidth)
