"""Japanese lines do not begin with a small kana or a sound mark."""

import numpy as np
import pytest

from adapters.media.drawing.fonts import FontSet
from adapters.media.drawing.text import TextBlock, draw_text
from adapters.media.drawing.typesetting.japanese import keep_small_kana

pytest.importorskip("skia")


def drawn(text: str, width: int) -> np.ndarray:
    black = (0, 0, 0, 255)
    return draw_text(
        TextBlock(text, "ja", FontSet(system=False), 20, 20, black, width, 400, max_lines=9, align="left")
    ).pixels


def test_sound_marks_and_small_kana_stay_with_the_kana_before_them():
    assert keep_small_kana("コーヒーをちょっと、ー") == "コ\u2060ーヒ\u2060ーをち\u2060ょ\u2060っと、ー"
    assert keep_small_kana("Coffee 珈琲") == "Coffee 珈琲"


def test_a_joiner_is_invisible_and_moves_the_break():
    assert drawn("コーヒー", 200).shape[1] == pytest.approx(80, abs=4)
    lines = drawn("いいコーヒー", 65)  # three letters fit: the break would be before the mark
    first, second = (lines[rows, :, 3].any(0).nonzero()[0].max() for rows in (slice(0, 26), slice(28, 54)))
    assert first < 45 < second
