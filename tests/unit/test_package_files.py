"""The files of packages: Adobe Stock, upload sheets and timelines, from clips in a bucket."""

import csv
import hashlib
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from seeded_clips import Picture, Recipe, write_clip

from adapters.bucket import LocalBucket
from adapters.packages.edl import edl_text
from adapters.packages.otio import write_otio
from manifests.packages.errors import PackageError
from manifests.packages.item import CaptionFile, PackageItem
from manifests.packages.timeline import Source, timeline_of
from manifests.packages.upload_sheet import COLUMNS, PLATFORMS
from tasks.package.editor_package import write_editor_package
from tasks.package.items import Published
from tasks.package.package import TARGETS, check_target
from tasks.package.platform_package import write_platform_package
from tasks.package.stock_package import README, write_stock_package

SMALL = Picture(320, 180, seconds=2)
STOCK = Picture(1920, 1080, seconds=5)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    recipes = {
        "stock": STOCK,
        "short": STOCK._replace(seconds=2),
        "vertical": Picture(1080, 1920, seconds=5),
        "small": SMALL,
        "long": SMALL._replace(seconds=3),
    }
    return {name: write_clip(Recipe(picture, level=None), folder, name) for name, picture in recipes.items()}


class Shelf:
    """A bucket with items."""

    def __init__(self, folder: Path, videos: dict[str, Path]) -> None:
        self.bucket = LocalBucket(folder / "bucket")
        self._folder, self._videos, self._number = folder, videos, 0

    def put(self, data: bytes, key: str) -> str:
        path = self._folder / "object"
        path.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        self.bucket.put_new(key, path, content_type="video/mp4", cache_control="", sha256=sha256)
        return sha256

    def item(self, video: str, **changes: Any) -> PackageItem:
        self._number += 1
        item_id = f"{self._number:08x}" * 4
        key = f"spring/b/{item_id}.mp4"
        sha256 = self.put(self._videos[video].read_bytes(), key)
        values = {"item_id": item_id, "is_deliverable": False, "brief_id": f"b{self._number}", "row": self._number + 1,
                  "prompt": f"a red ball number {self._number} rolls over fresh green grass", "placement": "16:9",
                  "aspect_ratio": "16:9", "key": key, "sha256": sha256, "shots": (item_id,)}  # fmt: skip
        return PackageItem(**{**values, **changes})


@pytest.fixture
def shelf(tmp_path: Path, videos: dict[str, Path]) -> Shelf:
    return Shelf(tmp_path, videos)


def rows_of(path: Path, encoding: str = "utf-8") -> list[list[str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file))


def test_adobe_stock_gets_its_table_and_only_files_that_it_accepts(shelf: Shelf, tmp_path: Path) -> None:
    hostile = {"title": ('=1+1, "Ball" ☕ on, grass',), "keywords": ("ball, =grass; red|green, ball, toy, play",)}
    good, short = shelf.item("stock", metadata=hostile), shelf.item("short")
    vertical, styled = shelf.item("vertical"), shelf.item("stock", prompt="a ball in the style of Miró, red and blue")
    out = tmp_path / "out"
    made = write_stock_package(shelf.bucket, [good, short, vertical, styled], out)
    assert made.videos == 1
    header, row = rows_of(out / "adobe-stock.csv")
    assert header == ["Filename", "Title", "Keywords", "Category", "Releases"]
    assert row == [f"b1-{good.item_id[:8]}.mp4", '1+1 "Ball" on grass', "ball, grass, red, green, toy, play", "", ""]
    assert not (out / "adobe-stock.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert sorted(path.name for path in out.iterdir()) == sorted([README, "adobe-stock.csv", row[0]])
    assert hashlib.sha256((out / row[0]).read_bytes()).hexdigest() == good.sha256
    reasons = {each.item.item_id: each.reason for each in made.left_out}
    assert "at least 5 s" in reasons[short.item_id]
    assert "aspect ratio" in reasons[vertical.item_id]
    assert "in the style of" in reasons[styled.item_id]
    for words in ("Created using generative AI tools", "People and property are fictional"):
        assert words in (out / README).read_text()


def test_at_most_three_clips_of_a_motif_are_packaged_the_best_first(shelf: Shelf, tmp_path: Path) -> None:
    prompt = "A red ball rolls over fresh green grass"
    clips = [shelf.item("stock", prompt=prompt, adherence=score, row=2) for score in (0.1, 0.4, 0.3, 0.2)]
    clips.append(shelf.item("stock", prompt="a red BALL  rolls over fresh green grass", adherence=0.9, row=3))
    made = write_stock_package(shelf.bucket, clips, tmp_path / "out")
    assert made.videos == 3
    assert {each.item.adherence for each in made.left_out} == {0.1, 0.9}
    assert all("3 versions" in each.reason for each in made.left_out)


def test_a_campaign_without_fitting_clips_is_one_sentence_that_says_why(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"No clip of the campaign fits Adobe Stock: .*320x180.*at least 5 s"):
        write_stock_package(shelf.bucket, [shelf.item("small")], tmp_path / "out")
    with pytest.raises(PackageError, match="has no published clips"):
        write_stock_package(shelf.bucket, [], tmp_path / "out")


def test_a_file_that_was_changed_in_the_bucket_is_not_packaged(shelf: Shelf, tmp_path: Path) -> None:
    changed = shelf.item("stock", sha256="0" * 64)
    with pytest.raises(PackageError, match="another content"):
        write_stock_package(shelf.bucket, [changed], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("target", PLATFORMS)
def test_upload_sheets_name_files_captions_and_the_disclosure(shelf: Shelf, tmp_path: Path, target: str) -> None:
    preset = {"meta": "meta-reels", "tiktok": "tiktok-auction", "google": "youtube-shorts"}[target]
    srt = CaptionFile("srt", "spring/b/captions.srt", shelf.put(b"1\n", "spring/b/captions.srt"))
    clip = shelf.item("small")
    texts = {"cta": '=HYPERLINK("http://evil.example")', "headline": 'Neu, "frisch" ☕'}
    finished = shelf.item(
        "small", is_deliverable=True, preset=preset, placement="reels 9:16", locale="de-DE", texts=texts,
        captions=(srt,), shots=(clip.item_id,), violations=("The length is 2 s.",),
    )  # fmt: skip
    other = shelf.item("small", is_deliverable=True, preset="linkedin")
    made = write_platform_package(
        shelf.bucket, Published((clip,), (finished, other)), target, PLATFORMS[target], tmp_path / "out"
    )
    header, row = rows_of(tmp_path / "out" / f"{target}-upload.csv", "utf-8-sig")
    assert tuple(header) == COLUMNS
    found = dict(zip(header, row, strict=True))
    assert found["call_to_action"] == '\'=HYPERLINK("http://evil.example")'
    assert found["headline"] == 'Neu, "frisch" ☕'
    assert found["ai_generated"] == "yes"
    assert found["ai_disclosure"] == PLATFORMS[target].disclosure
    assert found["problems"] == "The length is 2 s."
    assert (found["width"], found["height"], found["duration_s"]) == ("320", "180", "2.000")
    assert found["caption_files"] == found["file_name"].replace(".mp4", ".de-DE.srt")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {found["file_name"], found["caption_files"], f"{target}-upload.csv"}
    assert any("does not meet its placement" in note for note in made.notes)


def test_clips_without_finishing_are_packaged_by_their_channel(shelf: Shelf, tmp_path: Path) -> None:
    clip = shelf.item("small", preset="tiktok-auction", placement="tiktok 9:16")
    made = write_platform_package(shelf.bucket, Published((clip,), ()), "tiktok", PLATFORMS["tiktok"], tmp_path / "out")
    assert made.videos == 1
    with pytest.raises(PackageError, match=r"no published clip for Meta; it has tiktok 9:16\. Add a placement"):
        write_platform_package(shelf.bucket, Published((clip,), ()), "meta", PLATFORMS["meta"], tmp_path / "other")


def test_editors_get_the_clips_and_timelines_with_exact_frames(shelf: Shelf, tmp_path: Path) -> None:
    one, two = shelf.item("small"), shelf.item("long")
    joined = shelf.item("small", is_deliverable=True, shots=(one.item_id, two.item_id), transition_s=0.5)
    german = shelf.item("small", is_deliverable=True, shots=joined.shots, transition_s=0.5, locale="de")
    out = tmp_path / "out"
    made = write_editor_package(shelf.bucket, Published((one, two), (joined, german)), out)
    assert len(made.files) == 4
    sequence = otio.adapters.read_from_file(str(out / made.files[0]))
    assert sequence.duration() == otio.opentime.RationalTime(48 + 72 - 12, 24)
    first, transition, second = sequence.tracks[0]
    assert transition.in_offset.value + transition.out_offset.value == 12
    assert first.source_range.end_time_exclusive().value + transition.out_offset.value == 48
    assert second.source_range.start_time.value == transition.in_offset.value
    assert (out / first.media_reference.target_url).is_file()
    assert second.metadata["reelmill"]["sha256"] == two.sha256
    whole = otio.adapters.read_from_file(str(out / "all-16x9-24fps.otio"))
    assert whole.duration() == otio.opentime.RationalTime(48 + 72, 24)


def test_timelines_contain_clips_of_one_real_shape(shelf: Shelf, tmp_path: Path) -> None:
    wide = shelf.item("small", placement="9:16", aspect_ratio="9:16")  # its row is reframed
    tall = shelf.item("vertical", placement="9:16", aspect_ratio="9:16")
    out = tmp_path / "out"
    made = write_editor_package(shelf.bucket, Published((wide, tall), ()), out)
    for name, clip in (("all-16x9-24fps.otio", wide), ("all-9x16-24fps.otio", tall)):
        assert name in made.files
        [found] = otio.adapters.read_from_file(str(out / name)).tracks[0]
        assert found.metadata["reelmill"]["sha256"] == clip.sha256


EVENT = re.compile(r"^(\d{3})  (\S+) +V +([CD]) +(\d*) +(\S+) (\S+) (\S+) (\S+)$")


def frames_of(code: str, base: int) -> int:
    hours, minutes, seconds, frames = map(int, code.split(":"))
    assert frames < base
    return ((hours * 60 + minutes) * 60 + seconds) * base + frames


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(60)])
@pytest.mark.parametrize("transition_s", [0.0, 0.5, 0.37, 9.0])
@pytest.mark.parametrize("lengths", [(120,), (120, 73), (48, 7, 300, 1, 90)])
def test_edit_lists_and_timelines_have_every_frame(
    fps: Fraction, transition_s: float, lengths: tuple[int, ...], tmp_path: Path
) -> None:
    sources = [Source(f'Clip "{index}", ü', f"media/{index}.mp4", frames) for index, frames in enumerate(lengths)]
    timeline = timeline_of("Frühling, =1+1", fps, sources, transition_s)
    assert timeline.frames == sum(lengths) - sum(cut.fade for cut in timeline.cuts)
    base = round(fps)
    events = [found.groups() for line in edl_text(timeline).splitlines() if (found := EVENT.match(line))]
    record = 3600 * base
    for _, _, kind, fade, *codes in events:
        start, end, begins, ends = (frames_of(code, base) for code in codes)
        assert begins == record
        assert end - start == ends - begins
        record = ends
        assert kind == "C" or int(fade) <= end - start
    assert record - 3600 * base == timeline.frames
    assert edl_text(timeline).isascii()
    write_otio(timeline, tmp_path / "t.otio")
    assert otio.adapters.read_from_file(str(tmp_path / "t.otio")).duration().value == timeline.frames


def test_shots_of_different_frame_rates_are_named_instead_of_being_cut_wrongly(
    shelf: Shelf, tmp_path: Path, videos: dict[str, Path]
) -> None:
    videos["slow"] = write_clip(Recipe(SMALL._replace(fps=Fraction(12)), level=None), tmp_path, "slow")
    one, two = shelf.item("small"), shelf.item("slow")
    joined = shelf.item("small", is_deliverable=True, shots=(one.item_id, two.item_id))
    made = write_editor_package(shelf.bucket, Published((one, two), (joined,)), tmp_path / "out")
    assert made.notes == (f"{joined.label} has no timeline, because its shots have different frame rates.",)
    assert {name for name in made.files if name.endswith(".edl")} == {"all-16x9-12fps.edl", "all-16x9-24fps.edl"}


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_known(target: str) -> None:
    check_target(target)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("adobe", "Did you mean adobe-stock?"),
        ("tictok", "Did you mean tiktok?"),
        ("everything", "Use one of adobe-stock, meta, tiktok, google, editors."),
        ("pond5", "does not accept AI-generated clips"),
    ],
)
def test_other_targets_are_refused_with_advice(target: str, sentence: str) -> None:
    with pytest.raises(PackageError, match=re.escape(sentence)):
        check_target(target)
