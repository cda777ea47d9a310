"""Clips from pictures, from other clips and with sound: from the sheet to signed files, with tiny weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from fake_scorer import FakeScorer
from PIL import Image
from tiny_cards import tiny_card

from adapters.c2pa.verifier import verify
from adapters.media.sound import read_sound
from adapters.media.video import encode
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.submit import read_sheet
from tasks.runtime import resources as resources_module
from tasks.runtime.files.shared_staging import fetch_sound
from tasks.runtime.resources import catalogue_of

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.slow]

ROWS = {
    "helios": ("helios-distilled", {"continue_from": "part-1.mp4"}),
    "kandinsky": ("kandinsky-6-lite-i2v", {"continue_from": "part-1.mp4"}),
    "ltx": ("ltx-2.5-8step-i2v", {"first_frame": "cup.png", "last_frame": "shoe.png"}),
    "vace": ("wan2.1-vace-1.3b", {"reference_pictures": "cup.png + shoe.png"}),
}
"""By brief: the card and the cells of the row."""
COLUMNS = ("first_frame", "last_frame", "reference_pictures", "continue_from")
FREE = {"name": "Apache-2.0"}


@pytest.fixture
def sheet(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sheet with a row for each kind of condition."""
    (tmp_path / "cards").mkdir()
    lines = [",".join(("brief_id", "prompt", "model", "placements", "min_adherence", *COLUMNS))]
    for brief_id, (name, cells) in ROWS.items():
        card = tiny_card(name, licence=FREE).model_copy(
            update={"name": f"tiny-{brief_id}", "scorer": "starter-openclip"}
        )
        (tmp_path / "cards" / f"{brief_id}.json").write_text(card.model_dump_json())
        values = (cells.get(column, "") for column in COLUMNS)
        lines.append(",".join((brief_id, "a red circle", card.name, "1:1", "-1", *values)))
    for name, seed in (("cup.png", 1), ("shoe.png", 2)):
        pixels = np.random.default_rng(seed).integers(0, 255, (80, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    encode(np.random.default_rng(3).integers(0, 255, (40, 64, 64, 3), dtype=np.uint8), 24, tmp_path / "part-1.mp4")
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(tmp_path / "cards")]))
    monkeypatch.setattr(resources_module, "open_scorer", lambda *_, **__: FakeScorer())
    path = tmp_path / "conditions.csv"
    path.write_text("\n".join(lines))
    return path


def test_clips_from_pictures_and_clips_are_generated_and_published_with_their_sources(sheet: Path, home: Path):
    from flows.campaign import campaign  # import Prefect only after its home is set

    campaign_id = campaign(sheet=str(sheet), settings={})
    resources = resources_of(load_settings())
    found = catalogue_of(resources).variants.of_campaign(campaign_id)
    rows = {row.variant.card.removeprefix("tiny-"): row for row in found}
    assert {name: (row.clip is not None, row.error) for name, row in rows.items()} == dict.fromkeys(ROWS, (True, None))
    published = [name for name, row in rows.items() if row.state == "published"]  # noise may fail the technical checks
    assert published
    assert rows["helios"].variant.conditions == ("earlier_frames",)
    assert rows["kandinsky"].variant.conditions == ()
    assert rows["kandinsky"].variant.first_frame_sha256
    assert rows["ltx"].variant.conditions == ("last_frame",)
    assert len(rows["vace"].variant.reference_sha256s) == 2
    for name, row in rows.items():
        sound = fetch_sound(resources, row.clip)
        assert (sound is not None) == (name in ("kandinsky", "ltx"))
        if sound:
            samples, rate = read_sound(sound)
            assert samples.shape[1] / rate == pytest.approx(row.clip.duration_s, abs=0.25)
    clips = list((home / "bucket").rglob("*.mp4"))
    assert len(clips) == len(published)
    for clip in clips:
        report = verify(clip)
        assert report.state != "invalid"
        assert report.actions[0].startswith("composed with the help of a generative model")
    continued = f"a red circle,tiny-kandinsky,1:1,{rows['ltx'].variant_id}"
    sheet.write_text(f"prompt,model,placements,continue_from\n{continued}\n")
    again = read_sheet(load_settings(), resources, sheet)
    assert again.checked.problems == (), "a clip can be continued by its id"
    assert again.clips[0].sha256 == rows["ltx"].clip.sha256
