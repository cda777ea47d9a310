"""Text in boxes: shrinking, wrapping, direction, and no boxes in place of letters."""

from io import BytesIO
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.media.drawing.fonts import missing_glyphs
from adapters.media.drawing.skia_library import load_skia
from adapters.media.drawing.text import DrawnText, TextBlock, draw_text
from adapters.media.drawing.typesetting import paragraph
from adapters.media.drawing.typesetting.font_choice import Run
from adapters.media.drawing.typesetting.shipped_fonts import _coverage
from manifests.errors import FinishError
from tests.unit.test_fonts import SHIPPED, TEXTS

MAGENTA = (255, 0, 255)


SPECIAL = (
    *"\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufe0e\ufe0f\u20e3\u00ad\u034f",
    *"\u0301\u0308\u0336\u064b\u0651\u093c\u094d\u0e31\u0e49\u3099\u25cc\U0001f1e9\U0001f1ea\U0001f3fd\U000e0067\U000e007f",
    *"\n\t\r\u2028\u00a0\u2003\u3000 \u115f\u3164\ufffc\ufffd\ufff9\u0600\u06dd\ufdfa",
)


def hard_texts() -> st.SearchStrategy[str]:
    """Return texts of characters that the shipped fonts have, of characters with special rules, and of any others."""
    ranges = list(_coverage().values())
    covered = st.sampled_from(ranges).flatmap(
        lambda found: st.integers(0, len(found) // 2 - 1).flatmap(
            lambda index: st.integers(found[2 * index], found[2 * index + 1]).map(chr)
        )
    )
    return st.lists(st.one_of(covered, covered, st.sampled_from(SPECIAL), st.characters()), max_size=14).map("".join)


def block(text: str, language: str = "", **changes: Any) -> TextBlock:
    usual = TextBlock(text, language, SHIPPED, 48, 24, (0, 0, 0, 255), 480, 160)
    return usual._replace(**changes)


def draw(text: str, language: str = "", **changes: Any) -> DrawnText:
    return draw_text(block(text, language, **changes))


def last_resort() -> Any:
    """Return a typeface that draws a magenta square for every code point, as the last font that Skia asks."""
    pen = TTGlyphPen(None)
    for move, point in zip(
        ("moveTo", "lineTo", "lineTo", "lineTo"), ((0, 0), (0, 900), (900, 900), (900, 0)), strict=True
    ):
        getattr(pen, move)(point)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square", "layer"])
    builder.setupCharacterMap({0x20: "square"})
    square = pen.glyph()
    builder.setupGlyf({".notdef": square, "square": square, "layer": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0), "layer": (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Last resort", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.setupCOLR({"square": [("layer", 0)]})
    builder.setupCPAL([[(1.0, 0.0, 1.0, 1.0)]])
    everything = CmapSubtable.newSubtable(13)
    everything.platformID, everything.platEncID, everything.language = 3, 10, 0
    everything.cmap = {code: "square" for code in range(0x20, 0x110000)}
    builder.font["cmap"].tables = [everything]
    file = BytesIO()
    builder.font.save(file)
    skia = load_skia()
    return skia.Typeface.MakeFromData(skia.Data.MakeWithCopy(file.getvalue()))


def has_box(drawn: DrawnText) -> bool:
    opaque = drawn.pixels[drawn.pixels[..., 3] == 255]
    return bool((opaque[:, :3] == MAGENTA).all(axis=1).any())


@pytest.fixture(scope="module")
def boxes_are_magenta() -> Any:
    """Let Skia ask the last resort after all other fonts, so that a box cannot be missed."""
    original, square = paragraph.runs, last_resort()

    def with_last_resort(*arguments: Any) -> list[Run]:
        return [*original(*arguments), Run("", "last resort", square)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paragraph, "runs", with_last_resort)
        yield


@pytest.mark.usefixtures("boxes_are_magenta")
class TestNoBoxes:
    def test_a_box_would_be_seen(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(
            paragraph,
            "runs",
            lambda *_: [
                Run("\ue000", "NotoSans", paragraph.shipped_typeface("NotoSans", 400)),
                Run("", "last", last_resort()),
            ],
        )
        assert has_box(draw("\ue000"))

    @pytest.mark.parametrize(("language", "text"), TEXTS.items())
    @pytest.mark.parametrize("weight", [400, 700])
    def test_the_languages_of_the_launch(self, language: str, text: str, weight: int):
        assert not has_box(draw(text, language, weight=weight, max_lines=4, max_height_px=400, max_width_px=900))

    @settings(max_examples=120, deadline=None)
    @given(text=hard_texts(), language=st.sampled_from(["", "de", "ar", "hi", "ja", "zh", "ko", "th"]))
    def test_any_text_is_drawn_inside_its_box_or_refused(self, text: str, language: str):
        try:
            drawn = draw(text, language, max_lines=3)
        except FinishError:
            return
        assert not missing_glyphs(text.replace("\t", " "), SHIPPED, language=language)
        assert not has_box(drawn)
        assert drawn.pixels.shape[0] <= 160
        assert drawn.pixels.shape[1] <= 480
