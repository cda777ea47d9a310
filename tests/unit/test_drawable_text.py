"""Text in the contact sheet: no character becomes a box."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import ImageFont

from app.report.drawable_text import drawable, shortened, wrapped

FONT = ImageFont.load_default(size=12)


def picture(character: str) -> tuple[object, bytes]:
    mask = FONT.getmask(character)
    return mask.size, bytes(mask)


BOX = picture("\uffff")


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("a red circle 红色圆圈", "a red circle HongSeYuanQuan"),
        ("a blue cup كوب أزرق", "a blue cup kwb 'zrq"),
        ("a bottle 👨‍👩‍👧‍👦", "a bottle :man::woman::girl::boy:"),
        ("🔥 hot", ":fire: hot"),
        ("café, cafe\u0301, Straße", "cafe, cafe, Strasse"),
        ("plain text, 16:9 ‘…’", "plain text, 16:9 ‘…’"),
        ("a\u200bb\ufe0f", "ab"),
        ("\U000f0000", "?"),
    ],
)
def test_other_scripts_and_emoji_are_transliterated(text, drawn):
    assert drawable(text, FONT) == drawn


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
@example("日本語 한국어 שלום हिन्दी ไทย Ελλάδα Привет")
def test_no_character_is_drawn_as_a_box(text):
    drawn = drawable(text, FONT)
    assert not [character for character in drawn if character not in " \n" and picture(character) == BOX]
    assert text.isascii() is False or all(c in drawn for c in text if c.isprintable())
    assert unicodedata.is_normalized("NFC", drawn)


@given(st.text(st.characters(codec="ascii", categories=("L", "P", "Zs")), max_size=200), st.integers(40, 400))
def test_lines_fit_and_keep_the_words_in_order(text, width):
    lines = wrapped(text, FONT, width, 2)
    assert len(lines) <= 2
    assert all(FONT.getlength(line) <= width for line in lines)
    kept = "".join(lines).removesuffix("...").replace(" ", "")
    assert "".join(text.split()).startswith(kept) or lines[-1] == "..."


def test_text_that_fits_is_not_shortened():
    assert shortened("no movement", FONT, 400) == "no movement"
    assert shortened("no movement " * 20, FONT, 100).endswith("...")
    assert wrapped("", FONT, 100, 2) == []
