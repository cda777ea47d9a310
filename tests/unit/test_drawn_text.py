"""Text in boxes: shrinking, wrapping, direction, and no boxes in place of letters."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
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
from adapters.media.drawing.typesetting.paragraph import Script, reads_right_to_left
from adapters.media.drawing.typesetting.phrases import with_whole_phrases
from adapters.media.drawing.typesetting.shipped_fonts import _coverage
from manifests.errors import FinishError
from tests.unit.test_fonts import SHIPPED, TEXTS

MAGENTA = (255, 0, 255)


SPECIAL = (
    *"\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufe0e\ufe0f\u20e3\u2060\u00ad\u034f",
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


def columns(drawn: DrawnText, rows: slice = slice(None)) -> list[int]:
    """Return the columns that have ink."""
    return np.flatnonzero(drawn.pixels[rows, :, 3].any(axis=0)).tolist()


def ink_width(drawn: DrawnText) -> int:
    found = columns(drawn)
    return found[-1] - found[0] + 1


def edges(drawn: DrawnText) -> list[tuple[int, int]]:
    """Return the first and last column with ink of each line."""
    height = drawn.pixels.shape[0] // drawn.lines
    lines = [columns(drawn, slice(number * height, (number + 1) * height)) for number in range(drawn.lines)]
    return [(line[0], line[-1]) for line in lines]


class TestFitting:
    def test_text_that_fits_keeps_its_size(self):
        assert draw("Shop now")[1:] == (1, 48)

    def test_longer_text_shrinks_on_one_line(self):
        drawn = draw("Fresh coffee every morning")
        assert drawn.lines == 1
        assert 24 <= drawn.size_px < 48
        assert ink_width(drawn) > 440  # no smaller than needed

    def test_text_that_is_too_long_at_its_smallest_size_is_wrapped_as_large_as_fits(self):
        drawn = draw("Fresh coffee every morning, ground when you order it")
        assert drawn.lines == 2
        assert drawn.size_px > 24

    def test_lines_have_about_equal_lengths(self):
        (left, right), (second_left, second_right) = edges(draw("Fresh coffee every morning, ground when you order it"))
        assert abs((right - left) - (second_right - second_left)) < 100

    def test_newlines_are_kept(self):
        assert draw("Fresh\ncoffee").lines == 2
        with pytest.raises(FinishError, match=r"it has 3 lines, but at most 2 are allowed\. Remove line breaks\."):
            draw("a\nb\nc")

    def test_the_error_names_the_text_and_the_box(self):
        message = r'The text "(word ){11}wo\.\.\." cannot .* the box of 480 × 160 pixels in 2 lines at its smallest'
        with pytest.raises(FinishError, match=message):
            draw("word " * 80)
        with pytest.raises(FinishError, match=r"cannot be drawn: it does not fit .* in 2 lines"):
            draw("新鮮なコーヒーを毎朝お届けします。" * 4, "ja")  # no words, so none is too wide
        with pytest.raises(FinishError, match="Fill in the cell"):
            draw(" \n ")
        with pytest.raises(FinishError, match="no visible characters"):
            draw("\u200b")

    def test_words_are_broken_at_soft_hyphens_only(self):
        word = "Rindfleischetikettierungsüberwachungs"
        with pytest.raises(FinishError, match=f'the word "{word}" is wider than the box of 300 .* Put soft hyphens'):
            draw(word, "de", max_width_px=300, min_size_px=30)
        breakable = "Rindfleisch\u00adetikettierungs\u00adüberwachungs"
        assert draw(breakable, "de", max_width_px=300, max_lines=3).lines == 3
        assert draw("Kaf\u00adfee", "de").pixels.tolist() == draw("Kaffee", "de").pixels.tolist()

    def test_many_accents_do_not_leave_the_box(self):
        with pytest.raises(FinishError, match="letters reach out of the box"):
            draw("a" + "\u0301" * 60, max_height_px=66)

    @settings(max_examples=60, deadline=None)
    @given(
        words=st.lists(st.text("abcdefgäöü", min_size=1, max_size=12), min_size=1, max_size=8),
        width=st.integers(60, 500),
        height=st.integers(20, 200),
        shadow=st.booleans(),
        fill=st.booleans(),
    )
    def test_sizes_lines_and_pixels_stay_within_the_limits(
        self, words: list[str], width: int, height: int, shadow: bool, fill: bool
    ):
        changes = {"shadow": shadow, "fill": (1, 2, 3, 255) if fill else None, "padding_px": 20.0 * fill}
        try:
            drawn = draw(" ".join(words), max_width_px=width, max_height_px=height, **changes)
        except FinishError:
            return
        assert drawn.pixels.shape[0] <= height
        assert drawn.pixels.shape[1] <= width
        assert 24 <= drawn.size_px <= 48
        assert drawn.lines <= 2


class TestScripts:
    @pytest.mark.parametrize(
        ("text", "language", "is_right_to_left"),
        [
            ("قهوة", "", True),
            ("Reelmill قهوة", "ar", True),  # an Arabic text that begins with the name of a brand
            ("Reelmill قهوة", "de", False),
            ("قهوة coffee", "de", True),
            ("Reelmill 50 %", "ar-EG", False),
            ("50 %", "he", False),
            ("123 שלום", "", True),
        ],
    )
    def test_direction(self, text: str, language: str, is_right_to_left: bool):
        assert reads_right_to_left(text, language) is is_right_to_left

    def test_final_marks_are_at_the_left_of_right_to_left_text(self):
        found = columns(draw("ששש!", "he"))
        first_gap = next(index for index, (a, b) in enumerate(pairwise(found)) if b - a > 1)
        assert first_gap < 10  # the narrow exclamation mark, not a letter

    def test_left_aligned_text_begins_at_the_right_in_right_to_left_languages(self):
        begins = [right for _, right in edges(draw("קפה טרי כל בוקר רק היום " * 2, "he", align="left"))]
        ends = [left for left, _ in edges(draw("Fresh coffee every morning only this one day", "en", align="left"))]
        assert len(begins) == len(ends) == 2
        assert max(begins) - min(begins) <= 4
        assert max(ends) - min(ends) <= 6

    def test_arabic_letters_are_joined_and_hindi_has_conjuncts(self):
        assert ink_width(draw("سلام", "ar")) < 0.9 * ink_width(draw("\u200c".join("سلام"), "ar"))
        assert ink_width(draw("क्ष", "hi")) < 0.8 * ink_width(draw("क्\u200cष", "hi"))

    def test_japanese_lines_do_not_begin_with_a_full_stop(self):
        assert Script("あああ。", SHIPPED, "body", 400, "ja").layout(40, 125).longest_line == pytest.approx(80, abs=1)

    def test_japanese_lines_end_after_phrases(self):
        joined = with_whole_phrases("新鮮なコーヒーを毎朝焙煎。今日だけ20%オフ！").replace("\N{WORD JOINER}", "_")
        assert joined == "新_鮮_なコ_ー_ヒ_ー_を毎_朝_焙_煎。今_日_だ_け2_0%_オ_フ！"
        polite = with_whole_phrases("毎朝お届けします").replace("\N{WORD JOINER}", "_")
        assert polite == "毎_朝お_届_け_し_ま_す"
        assert with_whole_phrases("新鲜咖啡豆, fresh") == "新鲜咖啡豆, fresh"  # Chinese phrases are not known
        width = Script("新鮮なコーヒーを", SHIPPED, "body", 400, "ja").layout(40, 1000).longest_line
        fitted = Script(with_whole_phrases("新鮮なコーヒーを毎朝焙煎。"), SHIPPED, "body", 400, "ja").layout(
            40, width + 50
        )
        assert (fitted.lines, fitted.longest_line) == (2, pytest.approx(width, abs=1))

    def test_phrases_are_broken_if_the_text_would_become_much_smaller(self):
        long_word = "コーヒーコーヒーコーヒーコーヒーコーヒーコーヒー"
        assert draw(long_word, "ja", max_width_px=300, max_height_px=300, min_size_px=20).size_px > 20

    def test_an_emoji_of_several_code_points_is_one_picture(self):
        assert ink_width(draw("👨‍👩‍👧‍👦")) == pytest.approx(ink_width(draw("👨")), abs=12)
        red, green, blue = draw("❤️").pixels[..., :3].max(axis=(0, 1))
        assert red > 200 > max(green, blue)


class TestLook:
    def test_the_background_has_its_exact_colour_and_round_corners(self):
        pixels = draw("Shop now", fill=(229, 50, 45, 128), padding_px=20, radius_px=20).pixels
        assert pixels[0, 0, 3] == 0
        assert np.abs(pixels[pixels.shape[0] // 2, 4].astype(int) - (229, 50, 45, 128)).max() <= 1

    def test_letters_have_their_exact_colour(self):
        pixels = draw("Shop", colour=(29, 63, 216, 255), weight=700).pixels
        assert (pixels[pixels[..., 3] == 255][:, :3] == (29, 63, 216)).all()

    def test_a_shadow_is_soft_and_dark(self):
        plain, shadowed = draw("Shop"), draw("Shop", colour=(255, 255, 255, 255), shadow=True)
        faint = shadowed.pixels[(shadowed.pixels[..., 3] > 0) & (shadowed.pixels[..., 3] < 100)]
        assert len(faint) > 3 * (plain.pixels[..., 3] > 0).sum() / 4
        assert faint[:, :3].max() < 255


def test_threads_draw_the_same():
    def drawn(item: tuple[str, str]) -> bytes:
        return draw(item[1], item[0], max_lines=4, max_height_px=400, max_width_px=900).pixels.tobytes()

    expected = [drawn(item) for item in TEXTS.items()]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(drawn, list(TEXTS.items()) * 5)) == expected * 5


def test_ocr_reads_what_was_drawn():
    read = pytest.importorskip("rapidocr").RapidOCR(params={"Global.log_level": "error"})
    for text, weight in (("Shop now", 700), ("Jetzt entdecken", 400)):
        pixels = draw(text, fill=(255, 255, 255, 255), padding_px=30, weight=weight).pixels
        assert " ".join(read(np.ascontiguousarray(pixels[..., 2::-1])).txts) == text
