"""From a column of pictures to published clips, through the real engine with tiny weights."""

import json

import numpy as np
import pytest
import tiny_image_families
from cli_runner import reelmill
from fake_scorer import FakeScorer
from PIL import Image

from adapters.c2pa.verifier import verify
from app.report.report import report_of
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import RejectedSheetError
from tasks.runtime import resources as resources_module
from tasks.runtime.resources import catalogue_of, close_resources

pytestmark = pytest.mark.usefixtures("prefect_server")


def run(sheet, **settings) -> str:
    from flows.campaign import campaign  # import Prefect only after its home is set

    return campaign(sheet=str(sheet), settings=settings)


def catalogue():
    return catalogue_of(resources_of(load_settings()))


@pytest.fixture
def tiny(home, tmp_path, monkeypatch):
    """A card of the real image-to-video class of Wan."""
    card = {
        "name": "tiny-i2v",
        "kind": "image-to-video",
        "title": "tiny",
        "description": "random",
        "pipeline": "WanImageToVideoPipeline",
        "licence": {"name": "Apache-2.0"},
        "weights": {"folder": str(tiny_image_families.wan_i2v_folder()), "revision": "1", "size_mb": 1},
        "sizes": {"1:1": {"height": 64, "width": 64, "render_height": 64, "render_width": 64}},
        "rules": {
            "frame_multiple": 4,
            "frame_offset": 1,
            "min_frames": 5,
            "max_frames": 9,
            "size_multiple": 16,
            "fps": 8,
        },
        "defaults": {"num_frames": 5, "num_inference_steps": 2, "guidance_scale": 1.0, "min_adherence": -1.0},
        "call": {"max_sequence_length": 16},
    }
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "tiny.json").write_text(json.dumps(card))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(tmp_path / "cards")]))
    monkeypatch.setenv("REELMILL_MODEL", "tiny-i2v")
    monkeypatch.setattr(resources_module, "open_scorer", lambda *_, **__: FakeScorer())
    for name, seed in (("cup.png", 1), ("shoe.jpg", 2)):
        pixels = np.random.default_rng(seed).integers(0, 255, (80, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "pictures.csv"
    path.write_text("brief_id,prompt,placements,first_frame,seed\na,a red circle,1:1,cup.png|shoe.jpg,1\n")
    return path


def test_each_picture_gives_its_own_clip_and_is_kept(tiny, sheet, home, tmp_path):
    campaign_id = run(sheet)
    rows = catalogue().variants.of_campaign(campaign_id)
    assert len({row.variant.first_frame_sha256 for row in rows}) == 2
    clips = [row.clip for row in rows if row.clip]
    assert len({clip.sha256 for clip in clips}) == 2
    assert not any(row.error for row in rows)
    kept = sorted(path.stem for path in (home / "first-frames").iterdir() if path.suffix in (".png", ".jpg"))
    assert kept == sorted(row.variant.first_frame_sha256 for row in rows)
    record = [json.loads(path.read_text()) for path in (home / "bucket").rglob("*.json")]
    assert {item["generation"]["first_frame_sha256"] for item in record} <= set(kept)


def test_published_clips_disclose_that_their_picture_and_their_frames_were_cropped(tiny, sheet, home, tmp_path):
    card = tmp_path / "cards" / "tiny.json"
    card.write_text(
        card.read_text().replace('"height": 64, "width": 64, "render', '"height": 62, "width": 64, "render')
    )
    sheet.write_text("brief_id,prompt,placements,first_frame\na,a red circle,1:1,cup.png\n")
    run(sheet)
    (clip,) = (home / "bucket").rglob("*.mp4")
    created, *changes = verify(clip).actions
    assert created.startswith("composed with the help of a generative model (tiny")
    assert [change.partition(": ")[2] for change in changes] == [
        "The first frame was scaled to cover 64 × 64 pixels",
        "The first frame was cropped to its centre, 64 × 64 pixels",
        "The centre of 64 × 64 pixels was kept: 64 × 62 pixels",
    ]


def test_a_campaign_can_be_resumed_without_its_original_pictures(tiny, sheet, tmp_path):
    campaign_id = run(sheet, sample_size=None)
    before = {row.variant_id for row in catalogue().variants.of_campaign(campaign_id)}
    for name in ("cup.png", "shoe.jpg"):
        (tmp_path / name).unlink()
    close_resources()
    assert run(sheet) == campaign_id
    assert {row.variant_id for row in catalogue().variants.of_campaign(campaign_id)} == before
    assert report_of(catalogue(), campaign_id).briefs[0].variants == 2


def test_validate_uses_the_copies_kept_by_a_run_as_the_next_run_does(tiny, sheet, tmp_path, capsys):
    (tmp_path / "cup.png").rename(tmp_path / "away.png")
    before = reelmill(capsys, "validate", sheet)
    assert before.code == 1
    assert "'cup.png' does not exist" in before.out
    assert not list(tmp_path.rglob("catalogue.sqlite"))  # validate creates no catalogue
    (tmp_path / "away.png").rename(tmp_path / "cup.png")
    campaign_id = run(sheet)
    (tmp_path / "cup.png").unlink()
    after = reelmill(capsys, "validate", sheet)
    assert after.code == 0
    assert "'cup.png' no longer exists. The copy from an earlier run is used." in after.err
    assert json.loads(reelmill(capsys, "validate", sheet, "--json").out)["campaign_id"] == campaign_id
    other = sheet.rename(tmp_path / "other.csv")
    assert reelmill(capsys, "validate", other).code == 1  # a sheet with another name has no kept copies


@pytest.mark.parametrize(
    ("cell", "model", "sentence"),
    [
        ("nowhere.png", "tiny-i2v", "does not exist in"),
        ("", "tiny-i2v", "generates clips from a picture"),
        ("cup.png", "starter", "starter generates clips from text only"),
        ("pictures.csv", "tiny-i2v", "pictures.csv"),
    ],
)
def test_a_bad_cell_is_reported(tiny, sheet, tmp_path, cell, model, sentence):
    sheet.write_text(f"brief_id,prompt,placements,first_frame,model\na,a red circle,1:1,{cell},{model}\n")
    with pytest.raises(RejectedSheetError) as caught:
        run(sheet)
    assert sentence in str(caught.value)
