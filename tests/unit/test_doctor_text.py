"""The doctor's check of the text engine."""

from importlib.metadata import PackageNotFoundError

import pytest

from manifests.errors import FinishError
from tasks.doctor import text_engine
from tasks.doctor.text_engine import SCRIPTS, check_text


def test_the_text_engine_draws_and_scripts_without_a_font_are_named(monkeypatch: pytest.MonkeyPatch):
    assert check_text().level == "ok"
    assert "draws text" in check_text().message
    monkeypatch.setattr(text_engine, "missing_glyphs", lambda word, _: (word,) if word == SCRIPTS["Tamil"] else ())
    assert "No font has Tamil. Sheets with them" in check_text().message
    assert "apt-get install" in check_text().message


def test_scripts_of_the_shipped_fonts_need_no_others():
    shipped = text_engine.FontSet(system=False)
    missing = {script for script, word in SCRIPTS.items() if text_engine.missing_glyphs(word, shipped)}
    assert not missing & {"Arabic", "Chinese (simplified)", "emoji", "Hebrew", "Hindi", "Japanese", "Korean", "Thai"}
    assert "Tamil" in missing


def test_a_machine_without_the_extra_is_fine(monkeypatch: pytest.MonkeyPatch):
    def not_installed(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(text_engine, "version", not_installed)
    finding = check_text()
    assert finding.level == "ok"
    assert "pip install 'reelmill[finish]'" in finding.message


@pytest.mark.parametrize(("function", "level"), [("load_skia", "warn"), ("draw_text", "fail")])
def test_problems_of_the_engine_are_shown_with_their_fix(function: str, level: str, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise FinishError("It is broken. Run `apt-get install libegl1 libgl1`.")

    monkeypatch.setattr(text_engine, function, broken)
    finding = check_text()
    assert finding.level == level
    assert "apt-get install libegl1 libgl1" in finding.message
