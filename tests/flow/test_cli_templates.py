"""`reelmill templates`: list, show, preview and copy."""

import json
from pathlib import Path

import numpy as np
import pytest
from cli_runner import reelmill
from PIL import Image

from adapters.media.video import encode

pytest.importorskip("skia")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds of grey in 16:9."""
    path = tmp_path / "clip.mp4"
    encode(np.full((48, 180, 320, 3), 128, np.uint8), 24, path)
    return path


@pytest.fixture
def here(home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list_names_own_templates_and_what_they_replace(here: Path, capsys):
    assert reelmill(capsys, "templates", "copy", "clean").code == 0
    assert reelmill(capsys, "templates", "copy", "bold", "--to", "finish/loud.yaml").code == 0
    listed = {each["name"]: each for each in json.loads(reelmill(capsys, "templates", "--json").out)}
    assert listed["clean"]["path"] == str(here / "finish" / "clean.yaml")
    assert listed["clean"]["replaces"].endswith("adapters/presets/finish/clean.yaml")
    assert listed["loud"]["title"] == "Bold"
    assert listed["story"]["placeholders"] == ["cta", "headline", "legal", "price"]
    shown = reelmill(capsys, "templates").out
    assert all(word in shown for word in ("(replaces", "headline", "badge"))  # the description and the origin


def test_show_lists_layers_and_their_times(here: Path, capsys):
    shown = reelmill(capsys, "templates", "show", "clean").out
    assert "Placeholders: cta, headline, legal" in shown
    assert "from 0.4 s to the end" in shown
    assert json.loads(reelmill(capsys, "templates", "show", "clean", "--json").out)["margin"] == 0.055


def test_preview_writes_pictures_in_the_sizes_of_a_placement(here: Path, clip: Path, capsys):
    (here / "brand.yaml").write_text('name: Acme\ncolours: {primary: "#e5322d", on_primary: "#ff9080"}\n')
    words = ("--clip", clip, "--brand", "brand.yaml", "--placement", "tiktok-auction", "--out", "out.png")
    ended = reelmill(capsys, "templates", "preview", "clean", *map(str, words), "--text", "cta=Buy", "--ratio", "9:16")
    assert ended.code == 0
    assert ended.out.split() == ["out-9x16.png", "out-9x16-end-card.png"]
    assert "the contrast of #ff9080 on #e5322d is " in " ".join(ended.err.split())
    pixels = np.asarray(Image.open(here / "out-9x16.png"))
    assert pixels.shape == (1920, 1080, 3)
    red = np.flatnonzero((np.abs(pixels.astype(int) - (0xE5, 0x32, 0x2D)) <= 3).all(2).any(1))
    assert 0.4 * 1920 < red[0] < red[-1] < 0.65 * 1920  # above the controls of TikTok


def test_preview_leaves_out_an_empty_text(here: Path, clip: Path, capsys):
    words = ("--clip", str(clip), "--ratio", "1:1")
    for number, text in enumerate(("cta=Buy", "cta=")):
        reelmill(capsys, "templates", "preview", "clean", *words, "--out", f"{number}.png", "--text", text)
    both = [np.asarray(Image.open(here / f"{number}-1x1.png")) for number in range(2)]
    assert (both[0] != both[1]).any()


@pytest.mark.slow
def test_preview_writes_a_video(here: Path, clip: Path, capsys):
    ended = reelmill(capsys, "templates", "preview", "minimal", "--clip", str(clip), "--ratio", "1:1", "--out", "a.mp4")
    assert ended.code == 0
    assert ended.out.splitlines()[0].startswith("a.mp4 (1:1, 2.")
    assert (here / "a.mp4").stat().st_size > 1000
    assert Image.open(here / "a-1x1.png").size == (1080, 1080)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["show", "claen"], 'No finish template is named "claen". Did you mean clean? List them with'),
        (
            ["copy", "clean", "--to", "finish/My Ad.yaml"],
            "finish/My Ad.yaml is not a name of a template. Use lower-case",
        ),
        (["preview", "clean", "--clip", "no.mp4"], "no.mp4"),
        (["preview", "clean", "--clip", "CLIP", "--text", "price=3"], "its placeholders are: cta, headline, legal."),
        (
            ["preview", "clean", "--clip", "CLIP", "--placement", "tiktock"],
            'No placement preset or channel is named "tiktock". Did you mean tiktok?',
        ),
        (
            ["preview", "clean", "--clip", "CLIP", "--ratio", "2:1", "--out", "a.png"],
            "The placement preview has no ratio 2:1",
        ),
        (["preview", "clean", "--clip", "CLIP", "--brand", "no.yaml"], "no.yaml: the file does not exist"),
    ],
)
def test_wrong_arguments_get_one_sentence(here: Path, clip: Path, capsys, words, sentence):
    ended = reelmill(capsys, "templates", *(str(clip) if word == "CLIP" else word for word in words))
    assert ended.code != 0
    assert sentence in ended.err
    assert "Traceback" not in ended.err


def test_a_copy_replaces_no_file(here: Path, capsys):
    assert reelmill(capsys, "templates", "copy", "clean").code == 0
    ended = reelmill(capsys, "templates", "copy", "clean")
    assert ended.code != 0
    assert "finish/clean.yaml exists already. Use --to with another name, or delete it." in ended.err


def test_an_invalid_template_is_an_error_with_its_line(here: Path, capsys):
    (here / "finish").mkdir()
    (here / "finish" / "own.yaml").write_text("name: own\ntitel: Own\n")
    ended = reelmill(capsys, "templates")
    assert ended.code != 0
    assert "own.yaml, line 2, titel: unknown field. Did you mean title?" in ended.err
