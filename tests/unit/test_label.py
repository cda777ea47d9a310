"""Labels of reports, and the contact sheet with and without the text engine."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adapters.media.drawing import skia_library
from adapters.media.drawing.label import Label
from app.report import sheet_text as module
from app.report.sheet_text import EngineText, PillowText, Room, sheet_text
from manifests.errors import FinishError

BLACK = (0, 0, 0, 255)


def test_a_label_that_fits_is_complete_and_a_longer_one_ends_with_an_ellipsis():
    assert Label("a red circle 红色圆圈", 12).draw(400, 1, BLACK).lines == 1
    short, cut = Label("plain text", 12), Label("plain text " * 30, 12)
    assert short.draw(200, 2, BLACK).pixels.shape[1] == pytest.approx(short.width(), abs=1)
    assert cut.draw(200, 2, BLACK).lines == 2
    whole = Label("plain text plain text plain text plain text plain…", 12)
    assert whole.width() > 200


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.integers(20, 300), st.integers(1, 3))
def test_a_label_is_never_larger_than_its_room(text: str, width: int, lines: int):
    drawn = Label(text, 12).draw(width, lines, BLACK)
    assert drawn.pixels.shape[1] <= width
    assert drawn.lines <= lines


def test_characters_without_a_font_are_transliterated():
    drawn, plain = Label("\ue000 a\a", 12).draw(200, 1, BLACK), Label("? a", 12).draw(200, 1, BLACK)
    assert np.array_equal(drawn.pixels, plain.pixels)


@pytest.fixture
def sheet() -> Image.Image:
    return Image.new("RGB", (400, 60), (255, 255, 255))


def test_the_contact_sheet_shows_all_scripts_with_the_text_engine(sheet: Image.Image):
    text = sheet_text()
    assert isinstance(text, EngineText)
    for prompt in ("a red circle 红色圆圈", "a blue cup كوب أزرق", "a bottle 👨‍👩‍👧‍👦"):  # the sheet of the case
        assert text.draw(sheet, (0, 0), prompt, (0, 0, 0), Room(400, 2)) == 1
    assert text.note == ""


@pytest.mark.parametrize(
    ("error", "command"),
    [
        (ModuleNotFoundError("No module named 'skia'"), r"pip install 'reelmill\[finish\]'"),
        (ImportError("libEGL.so.1: cannot open shared object file"), "apt-get install libegl1 libgl1"),
    ],
)
def test_without_the_text_engine_the_note_names_the_command(
    error: ImportError, command: str, sheet: Image.Image, monkeypatch: pytest.MonkeyPatch
):
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "skia":
                raise error

    monkeypatch.delitem(sys.modules, "skia", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(FinishError, match=command):
        skia_library.load_skia()
    text = module.sheet_text()
    assert isinstance(text, PillowText)
    text.draw(sheet, (0, 0), "plain", (0, 0, 0), Room(400))
    assert text.note == ""  # nothing was changed, so there is nothing to install
    text.draw(sheet, (0, 0), "红色", (0, 0, 0), Room(400))
    assert command.replace("\\", "") in text.note
