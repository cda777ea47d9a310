"""A word that is nearly as wide as its line stays whole."""

import pytest

from adapters.media.drawing.fonts import FontSet
from adapters.media.drawing.typesetting.fitting import TextBlock, fit

pytest.importorskip("skia")
FONTS = FontSet(system=False)


@pytest.mark.parametrize("width", range(435, 442))
@pytest.mark.parametrize(
    "words", ["Wohnungstür Typografie Verfassungsgericht Tagung", "Ein Verfassungs\u00adgericht tagt"]
)
def test_the_widest_word_is_on_one_line(words: str, width: int):
    block = TextBlock(words, "de", FONTS, 90, 20, (255,) * 4, width, 600, role="heading", weight=700, max_lines=4)
    layout = fit(block, block.size_px).layout
    assert layout.longest_line >= layout.widest_word
    assert layout.longest_line <= width
