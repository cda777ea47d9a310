"""The column continue_from: which models continue a clip, what they start from, and the stored copies."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.media.video import encode, read_frames
from manifests.brief import Brief
from manifests.errors import GenerationError, PlanError
from manifests.sheet.table_check import campaign_of
from models.registry import load_cards
from tasks.intake import continued_clips
from tasks.intake.continued_clips import ContinuedClips, keep_clips
from tasks.intake.intake import Intake, validate_sheet
from tasks.plan.expand import expand
from tasks.runtime.files.earlier_clips import MOST_FRAMES, EarlierClips
from tasks.runtime.files.first_frames import FirstFrames

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

CARDS = load_cards()
MOVES, STARTS, READS = "helios-distilled", "wan2.2-i2v-a14b", "wan2.1-t2v-1.3b"


def movie(path: Path, number: int = 40, shade: int = 0) -> Path:
    frames = np.full((number, 96, 160, 3), shade, np.uint8)
    frames += np.arange(number, dtype=np.uint8)[:, None, None, None] * 2
    encode(frames, 24, path)
    return path


def read(folder: Path, confined: bool = False, **cells: str) -> Intake:
    row = {"prompt": "a bottle", **cells}
    lines = [",".join(row), ",".join(f'"{value}"' for value in row.values())]
    (folder / "plan.csv").write_text("\n".join(lines))
    return validate_sheet(folder / "plan.csv", CARDS, "starter", confined=confined)


def said(folder: Path, **cells: str) -> list[str]:
    return [problem.sentence for problem in read(folder, **cells).checked.problems]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_model_that_remembers_movement_continues_the_clip_itself(tmp_path: Path):
    clip = movie(tmp_path / "part-1.mp4")
    intake = read(tmp_path, model=MOVES, continue_from="part-1.mp4")
    assert intake.checked.problems == ()
    [item] = expand(intake.checked.briefs, CARDS, "starter", "exact", "")
    assert item.variant.earlier_frames_sha256 == digest(clip)
    assert item.variant.first_frame_sha256 == ""
    assert item.variant.conditions == ("earlier_frames",)


def test_a_model_that_starts_from_a_picture_starts_from_the_last_frame(tmp_path: Path):
    clip = movie(tmp_path / "part-1.mp4", number=5)
    intake = read(tmp_path, model=STARTS, continue_from="part-1.mp4")
    assert intake.checked.problems == ()
    [item] = expand(intake.checked.briefs, CARDS, "starter", "exact", "")
    pictures, clips = FirstFrames(tmp_path / "kept"), EarlierClips(tmp_path / "kept")
    keep_clips(pictures, clips, intake.clips)
    assert item.variant.earlier_frames_sha256 == ""
    assert np.array_equal(pictures.pixels(item.variant.first_frame_sha256), read_frames(clip)[-1])


def test_a_row_can_continue_several_clips(tmp_path: Path):
    movie(tmp_path / "a.mp4")
    movie(tmp_path / "b.mp4", shade=90)
    [brief] = read(tmp_path, model=f"{MOVES}|{STARTS}", continue_from="a.mp4|b.mp4").checked.briefs
    items = list(expand([brief], CARDS, "starter", "exact", ""))
    assert len({item.variant_id for item in items}) == 4
    assert sum(bool(item.variant.earlier_frames_sha256) for item in items) == 2


def test_another_clip_of_this_name_makes_another_campaign(tmp_path: Path):
    movie(tmp_path / "a.mp4")
    first = read(tmp_path, model=MOVES, continue_from="a.mp4")
    movie(tmp_path / "a.mp4", shade=90)
    second = read(tmp_path, model=MOVES, continue_from="a.mp4")
    assert len({campaign_of(each.table, each.checked).campaign_id for each in (first, second)}) == 2


@pytest.mark.parametrize(
    ("cells", "sentence", "fixes"),
    [
        (
            {"model": READS, "continue_from": "long.mp4"},
            f"cannot be continued: {READS} generates clips from text only. Use the model {MOVES}, or one that starts",
            [{"model": MOVES}, {"model": STARTS}],
        ),
        (
            {"model": MOVES, "continue_from": "short.mp4"},
            f"has 8 frames, but {MOVES} continues clips of at least 33. Enter a longer clip, or use",
            [{"continue_from": "long.mp4"}, {"model": STARTS}],
        ),
        (
            {"model": STARTS, "continue_from": "long.mp4", "first_frame": "cup.png"},
            f"cannot be combined with a first frame: {STARTS} starts from one picture. Clear one of the two cells.",
            [{"continue_from": ""}, {"first_frame": ""}],
        ),
        ({"model": MOVES, "continue_from": "gone.mp4"}, "is not a file in", [{"continue_from": "long.mp4"}]),
        ({"model": MOVES, "continue_from": "plan.csv"}, "is not a readable video", [{"continue_from": "long.mp4"}]),
        (
            {"model": MOVES, "continue_from": "https://a.example/b.mp4"},
            "is a URL. Save the clip in the sheet's folder and enter its file name.",
            [{"continue_from": "long.mp4"}],
        ),
    ],
)
def test_what_cannot_be_continued_is_an_error_with_fixes_that_work(
    tmp_path: Path, cells: dict[str, str], sentence: str, fixes: list[dict[str, str]]
):
    movie(tmp_path / "long.mp4")
    movie(tmp_path / "short.mp4", number=8)
    Image.new("RGB", (1280, 720), "red").save(tmp_path / "cup.png")
    [problem] = said(tmp_path, **cells)
    assert sentence in problem
    for fix in fixes:
        assert said(tmp_path, **cells | fix) == []


def test_a_sheet_of_another_machine_names_no_paths(tmp_path: Path):
    movie(tmp_path / "a.mp4")
    inside = tmp_path / "upload"
    inside.mkdir()
    [problem] = read(inside, confined=True, model=MOVES, continue_from="../a.mp4").checked.problems
    assert "is a path on another machine" in problem.sentence
    [problem] = read(inside, confined=True, model=MOVES, continue_from="a.mp4").checked.problems
    assert str(tmp_path) not in problem.sentence


def test_a_clip_is_found_by_its_id(tmp_path: Path):
    clip, cards = movie(tmp_path / "master.mp4"), {MOVES: CARDS[MOVES]}
    brief = Brief(2, "b", ("a bottle",), models=(MOVES,), continued=("ab" * 16,))
    known = ContinuedClips(tmp_path, confined=True, staged={"ab" * 16: clip}.get)
    assert list(known.check(cards, MOVES)(brief)) == []
    assert known.hashed(brief).continued_hashes[0].startswith(digest(clip))
    [issue] = ContinuedClips(tmp_path).check(cards, MOVES)(brief)
    assert issue.message.startswith("is the id of a clip that is not stored on this machine. Save the published clip")


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    movie(tmp_path / "a.mp4")
    monkeypatch.setattr(continued_clips, "MAX_BYTES", 100)
    [problem] = said(tmp_path, model=MOVES, continue_from="a.mp4")
    assert "is larger than 0 MiB. Enter a shorter clip." in problem


def test_stored_clips_give_their_last_frames(tmp_path: Path):
    clip, clips = movie(tmp_path / "a.mp4", number=MOST_FRAMES + 5), EarlierClips(tmp_path / "kept")
    sha256, frames = digest(clip), read_frames(clip)
    clips.add(clip, sha256)
    clip.unlink()
    assert np.array_equal(clips.frames(sha256), frames[-MOST_FRAMES:])
    (tmp_path / "kept" / f"{sha256}.mp4").write_bytes(b"other")
    with pytest.raises(GenerationError, match="or was changed"):
        clips.frames(sha256)
    with pytest.raises(GenerationError, match="is not the hash of a clip"):
        clips.frames("../../etc/passwd")


def test_a_clip_that_changed_after_it_was_read_is_refused(tmp_path: Path):
    clip = movie(tmp_path / "a.mp4")
    with pytest.raises(PlanError, match="was changed while the sheet was being read"):
        EarlierClips(tmp_path / "kept").add(clip, "a" * 64)
