"""`reelmill package` after a real run with a fake model: the files in the package are the signed ones."""

import csv
import json
from pathlib import Path

import opentimelineio as otio
import pytest
from cli_runner import reelmill

from adapters.media.video_facts import probe

pytestmark = pytest.mark.usefixtures("prefect_server", "fake_models")


@pytest.fixture
def campaign(home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> str:
    sheet = tmp_path / "spring.csv"
    sheet.write_text('prompt,placements,title,cta\na red ball,tiktok 9:16|16:9,"=Ball, rot",@Kaufen\n', "utf-8")
    ended = reelmill(capsys, "run", sheet, "--bucket", tmp_path / "elsewhere")
    assert ended.code == 0, ended.out + ended.err
    return "spring"


def test_packages_contain_signed_files_of_the_campaigns_own_bucket(campaign: str, capsys, tmp_path: Path) -> None:
    ended = reelmill(capsys, "package", campaign, "--for", "editors", "--out", tmp_path / "edit", "--json")
    made = json.loads(ended.out)
    assert (ended.code, made["videos"], made["left_out"]) == (0, 2, [])
    for clip in (tmp_path / "edit" / "media").iterdir():
        assert reelmill(capsys, "verify", clip).code == 0
    for name in made["files"]:
        if name.endswith(".otio"):
            timeline = otio.adapters.read_from_file(str(tmp_path / "edit" / name))
            [clip] = timeline.tracks[0]
            media = tmp_path / "edit" / clip.media_reference.target_url
            assert timeline.duration().value == clip.available_range().duration.value == probe(media).num_frames

    ended = reelmill(capsys, "package", campaign, "--for", "tiktok", "--out", tmp_path / "tiktok")
    assert ended.code == 0
    with (tmp_path / "tiktok" / "tiktok-upload.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["placement"], row["aspect_ratio"]) == ("tiktok-auction", "9:16")
    assert (row["headline"], row["call_to_action"]) == ("'=Ball, rot", "'@Kaufen")
    assert (tmp_path / "tiktok" / row["file_name"]).is_file()


def test_what_cannot_be_packaged_is_one_sentence_and_leaves_no_folder(campaign: str, capsys, tmp_path: Path) -> None:
    for target, sentence in (
        ("adobe-stock", "No clip of the campaign fits Adobe Stock"),
        ("meta", "no published clip for Meta; it has 16:9, tiktok 9:16"),
        ("pond5", "does not accept AI-generated clips"),
    ):
        ended = reelmill(capsys, "package", campaign, "--for", target, "--out", tmp_path / "out")
        assert ended.code == 1
        assert sentence in ended.err
        assert not (tmp_path / "out").exists()
    assert "winter" in reelmill(capsys, "package", "winter", "--for", "meta", "--out", tmp_path / "out").err
