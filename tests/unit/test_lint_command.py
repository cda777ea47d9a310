"""`reelmill lint`, `reelmill placements` and the refusals of `reelmill package`."""

import json
from pathlib import Path

import pytest
from cli_runner import reelmill
from placement_recipes import CLEAN
from seeded_clips import Picture, Recipe, write_clip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def test_a_file_that_fits_succeeds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    clip = write_clip(CLEAN["meta-feed"], tmp_path)
    ended = reelmill(capsys, "lint", clip, "--placement", "meta-feed", "--placement", "generic")
    assert ended.code == 0
    assert "meta-feed: fits" in ended.out
    assert "generic: fits" in ended.out


def test_violations_name_value_limit_and_the_command_that_fixes_them(capsys, tmp_path: Path) -> None:
    clip = write_clip(Recipe(Picture(320, 240), level=None), tmp_path)
    ended = reelmill(capsys, "lint", clip, "--placement", "meta-feed")
    assert ended.code == 1
    assert "320x240 pixels, an aspect ratio of 1.33:1; meta-feed needs 1:1, 4:5, 9:16 or 16:9" in ended.out
    assert f"Fix automatically: reelmill lint {clip} --placement meta-feed --fix OUT.mp4" in ended.out
    ended = reelmill(capsys, "lint", clip, "--placement", "meta-feed", "--fix", tmp_path / "out.mp4")
    assert ended.code == 0
    assert "out.mp4, which fits meta-feed." in ended.out
    assert reelmill(capsys, "lint", tmp_path / "out.mp4", "--placement", "meta-feed").code == 0


def test_without_a_placement_all_are_listed(capsys, tmp_path: Path) -> None:
    clip = write_clip(CLEAN["meta-feed"], tmp_path)
    ended = reelmill(capsys, "lint", clip)
    assert ended.code == 0
    assert "meta-reels: ratio" in ended.out
    assert "meta-feed: fits" in ended.out


def test_an_unreadable_file_is_one_sentence_and_the_others_are_still_checked(capsys, tmp_path: Path) -> None:
    clip = write_clip(CLEAN["meta-feed"], tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    ended = reelmill(capsys, "lint", tmp_path / "text.mp4", tmp_path / "none.mp4", clip, "--placement", "meta-feed")
    assert ended.code == 1
    assert ended.err.count("Error: Cannot read the video") == 2
    assert "meta-feed: fits" in ended.out


def test_programs_get_facts_and_violations(capsys, tmp_path: Path) -> None:
    clip = write_clip(Recipe(Picture(320, 240), level=None), tmp_path)
    ended = reelmill(capsys, "lint", clip, tmp_path / "none.mp4", "--placement", "meta-feed", "--json")
    found, missing = json.loads(ended.out)
    assert (ended.code, found["facts"]["width"], found["facts"]["fps"]) == (1, 320, "24")
    assert [violation["rule"] for violation in found["violations"]["meta-feed"]] == ["ratio"]
    assert "No such file" in missing["error"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("clip.mp4", "--placement", "tiktok-auktion"), "Did you mean tiktok-auction?"),
        (("clip.mp4", "clip.mp4", "--placement", "x", "--fix", "o.mp4"), "Give one FILE and one --placement."),
        (("clip.mp4", "--fix", "o.mp4"), "Give one FILE and one --placement."),
        (("clip.mp4", "--placement", "meta-reels", "--fix", "o.mov"), "whose name ends with .mp4"),
        (("clip.mp4", "--placement", "meta-reels", "--fix", "clip.mp4"), "Choose another file"),
    ],
)
def test_wrong_options_are_one_sentence(capsys, tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    write_clip(CLEAN["meta-feed"], tmp_path)
    ended = reelmill(capsys, "lint", *words)
    assert ended.code == 1
    assert sentence in ended.err
    assert not (tmp_path / "o.mp4").exists()


def test_what_cannot_be_fixed_is_reported(capsys, tmp_path: Path) -> None:
    clip = write_clip(CLEAN["meta-feed"].changed(captions=("vtt",), seconds=0.5), tmp_path)
    ended = reelmill(capsys, "lint", clip, "--placement", "meta-feed", "--fix", tmp_path / "out.mp4")
    assert ended.code == 1
    assert "fixed duration: The length is 0.5 s" in ended.out
    assert "not fixed captions: The captions are in VTT; meta-feed reads SRT." in ended.out
    assert "does not fit meta-feed" in ended.out


def test_placements_are_listed_with_source_and_date(capsys) -> None:
    listed = reelmill(capsys, "placements")
    assert listed.code == 0
    assert "tiktok-reservation" in listed.out
    assert listed.out.count("2026-12-01") == 15
    shown = reelmill(capsys, "placements", "linkedin")
    assert "https://www.linkedin.com/help/lms/answer/a424737" in shown.out
    assert "primary, read 2026-12-01" in shown.out
    assert reelmill(capsys, "placements", "nowhere").code == 1
    assert {each["name"] for each in json.loads(reelmill(capsys, "placements", "--json").out)} == set(CLEAN)


def test_own_placements_replace_shipped_ones(capsys, tmp_path: Path) -> None:
    (tmp_path / "placements").mkdir()
    (tmp_path / "placements" / "lobby.yaml").write_text(
        'name: lobby\ntitle: Screen in the lobby\nsizes: {"16:9": {width: 1280, height: 720}}\nmax_s: 0.5\n'
    )
    clip = write_clip(CLEAN["generic"], tmp_path)
    ended = reelmill(capsys, "lint", clip, "--placement", "lobby")
    assert ended.code == 1
    assert "lobby accepts at most 0.5 s" in ended.out


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("shutterstock", "Shutterstock does not accept AI-generated clips"),
        ("getty", "Getty Images does not accept"),
        ("tictok", "Did you mean tiktok?"),
    ],
)
def test_packages_are_refused_before_anything_is_opened(capsys, tmp_path: Path, target: str, sentence: str) -> None:
    ended = reelmill(capsys, "package", "spring", "--for", target, "--out", tmp_path / "out")
    assert ended.code == 1
    assert sentence in ended.err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "home" / "catalogue.sqlite").exists()
