"""From a column of pictures to published clips, through the real engine with tiny weights."""

import hashlib
import json
from functools import partial

import numpy as np
import pytest
import tiny_image_families
from cli_runner import reelmill
from fake_scorer import FakeScorer
from PIL import Image
from tiny_weights import pinned
from tls_server import body, tls_server

from adapters.c2pa.verifier import verify
from adapters.web import GuardedFetcher
from app.report.report import report_of
from flows import submit
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import RejectedSheetError
from tasks.intake.sources import sheet_link
from tasks.runtime import resources as resources_module
from tasks.runtime.resources import catalogue_of, close_resources

pytestmark = pytest.mark.usefixtures("prefect_server")


def run(sheet, accept_good_rows=False, **settings) -> str:
    from flows.campaign import campaign  # import Prefect only after its home is set

    return campaign(sheet=str(sheet), accept_good_rows=accept_good_rows, settings=settings)


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
        "weights": pinned(tiny_image_families.wan_i2v_folder()),
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


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A server of pictures to which the program may connect."""
    with tls_server(tmp_path) as server:
        fetcher = partial(
            GuardedFetcher, resolver=lambda *_: ["127.0.0.1"], is_allowed=lambda _: True, context=server.context
        )
        monkeypatch.setattr(submit, "GuardedFetcher", fetcher)
        monkeypatch.setattr(sheet_link, "GuardedFetcher", fetcher)
        server.pages["/cup.png"] = body((tmp_path / "cup.png").read_bytes())
        yield server


def test_a_remote_picture_is_downloaded_once_for_validate_plan_run_and_resume(tiny, web, sheet, home, tmp_path, capsys):
    row = f"a,a red circle,1:1,{web.url('/cup.png')},1"
    sheet.write_text(f"brief_id,prompt,placements,first_frame,seed\n{row}\n")
    checked = reelmill(capsys, "validate", sheet)
    assert checked.code == 0
    assert checked.out.endswith("No errors; 1 of 1 row is valid.\n")
    assert checked.err.endswith("Downloaded 1 of 1 picture.\n")
    web.pages.clear()  # the URL has expired
    assert reelmill(capsys, "plan", sheet).code == 0
    campaign_id = run(sheet)
    [variant] = [row.variant for row in catalogue().variants.of_campaign(campaign_id)]
    assert variant.first_frame_sha256 == hashlib.sha256((tmp_path / "cup.png").read_bytes()).hexdigest()
    assert report_of(catalogue(), campaign_id).briefs[0].published == 1
    close_resources()
    assert run(sheet) == campaign_id
    resumed = reelmill(capsys, "resume", campaign_id, "--out", tmp_path / "out")
    assert resumed.code == 0
    assert "Downloaded" not in resumed.err
    assert web.asked == {"/cup.png": 1}


def test_a_linked_sheet_with_a_remote_picture_is_run_from_its_snapshot(tiny, web, home, tmp_path, capsys):
    link = f"https://docs.google.com:{web.port}/spreadsheets/d/abc-123/edit#gid=4"
    rows = f"a,a red circle,1:1,{web.url('/cup.png')},1\nb,a red circle,1:1,{tmp_path / 'cup.png'},1\n"
    web.pages["/spreadsheets/d/abc-123/export?format=csv&gid=4"] = body(
        f"brief_id,prompt,placements,first_frame,seed\n{rows}".encode(),
        "text/csv",
        Content_Disposition='attachment; filename="Spring - Shoes.csv"',
    )
    planned = reelmill(capsys, "plan", link, "--accept-good-rows")
    assert planned.code == 0
    assert "spring-shoes.csv. A CSV export does not show which rows are hidden." in planned.err
    assert "is a path on another machine." in planned.err  # a linked sheet cannot name files of this machine
    snapshot = next((home / "uploads").rglob("spring-shoes.csv"))
    assert f"reelmill run {snapshot} --accept-good-rows" in planned.out
    with pytest.raises(RejectedSheetError, match="is a path on another machine"):
        run(link)
    web.pages.clear()
    campaign_id = run(snapshot, accept_good_rows=True)
    assert campaign_id.startswith("spring-shoes-")
    assert report_of(catalogue(), campaign_id).briefs[0].published == 1


def test_a_private_google_sheet_is_refused_with_what_to_do(tiny, web, capsys):
    link = f"https://docs.google.com:{web.port}/spreadsheets/d/abc-123/edit"
    web.pages["/spreadsheets/d/abc-123/export?format=csv"] = body(b"<html>Sign in</html>", "text/html")
    for command in ("validate", "plan", "run"):
        refused = reelmill(capsys, command, link)
        assert refused.code == 1
        assert "is not shared. In Google Sheets, choose Share and give anyone with the link" in refused.err


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
