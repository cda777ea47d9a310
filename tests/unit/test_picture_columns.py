"""The columns last_frame and reference_pictures: which models use them, and what they add to the variants."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import samples
from PIL import Image

from manifests.brief import picture_list
from manifests.credentials.credential import Provenance, generation_definition
from manifests.sheet.table_check import campaign_of
from models.registry import load_cards
from tasks.intake.intake import Intake, validate_sheet
from tasks.intake.pictures import KeptPictures, keep_pictures
from tasks.plan.expand import expand
from tasks.runtime.files.first_frames import FirstFrames

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

CARDS = load_cards()
ENDS, STARTS, SHOWS = "wan2.2-i2v-a14b", "wan2.1-i2v-14b-480p", "wan2.1-vace-1.3b"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("open.png", "red"), ("shut.png", "green"), ("logo.png", "blue")):
        Image.new("RGB", (1280, 720), colour).save(tmp_path / name)
    return tmp_path


def read(folder: Path, kept: KeptPictures | None = None, **cells: str) -> Intake:
    row = {"prompt": "a bottle", **cells}
    lines = [",".join(row), ",".join(f'"{value}"' for value in row.values())]
    (folder / "plan.csv").write_text("\n".join(lines))
    return validate_sheet(folder / "plan.csv", CARDS, "starter", kept)


def said(folder: Path, **cells: str) -> list[str]:
    return [problem.sentence for problem in read(folder, **cells).checked.problems]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_clip_ends_with_the_picture_of_its_row(folder: Path):
    intake = read(folder, model=ENDS, first_frame="shut.png", last_frame="open.png|logo.png")
    assert intake.checked.problems == ()
    items = list(expand(intake.checked.briefs, CARDS, "starter", "exact", ""))
    assert [item.variant.last_frame_sha256 for item in items] == [
        sha256(folder / "open.png"),
        sha256(folder / "logo.png"),
    ]
    assert {item.variant.first_frame_sha256 for item in items} == {sha256(folder / "shut.png")}
    assert len({item.variant_id for item in items}) == 2
    assert dict(items[0].labels) == {"last_frame": "open.png"}


def test_pictures_of_one_clip_are_separated_by_a_plus(folder: Path):
    [brief] = read(folder, model=SHOWS, reference_pictures="open.png + logo.png|shut.png").checked.briefs
    first, second = expand([brief], CARDS, "starter", "exact", "")
    assert first.variant.reference_sha256s == (sha256(folder / "open.png"), sha256(folder / "logo.png"))
    assert second.variant.reference_sha256s == (sha256(folder / "shut.png"),)
    assert first.variant.conditions == ("references",)


def test_variants_without_these_pictures_keep_their_ids():
    plain = samples.variant()
    assert "last_frame_sha256" not in plain.identity
    assert plain._replace(last_frame_sha256="a" * 64).variant_id != plain.variant_id
    assert plain._replace(reference_sha256s=("a" * 64,)).variant_id != plain.variant_id
    assert plain._replace(earlier_frames_sha256="a" * 64).variant_id != plain.variant_id


def test_another_last_frame_makes_another_campaign(folder: Path):
    cells = {"model": ENDS, "first_frame": "shut.png", "last_frame": "open.png"}
    first = read(folder, **cells)
    Image.new("RGB", (1280, 720), "white").save(folder / "open.png")
    second = read(folder, **cells)
    campaigns = [campaign_of(intake.table, intake.checked).campaign_id for intake in (first, second)]
    assert first.table.sha256 == second.table.sha256
    assert campaigns[0] != campaigns[1]


@pytest.mark.parametrize(
    ("cells", "sentence", "fixes"),
    [
        (
            {"model": STARTS, "first_frame": "shut.png", "last_frame": "open.png"},
            f"cannot be used: {STARTS} does not accept a last frame. Clear the cell, or use the model "
            "ltx-2.5-8step-i2v or wan2.2-i2v-a14b or wan2.2-i2v-a14b-4step.",
            [{"last_frame": ""}, {"model": ENDS}],
        ),
        (
            {"model": "wan2.1-t2v-1.3b", "reference_pictures": "open.png"},
            "cannot be used: wan2.1-t2v-1.3b does not accept reference pictures. Clear the cell, or use the "
            f"model {SHOWS}.",
            [{"reference_pictures": ""}, {"model": SHOWS}],
        ),
    ],
)
def test_a_model_that_does_not_use_a_picture_is_an_error_with_fixes_that_work(
    folder: Path, cells: dict[str, str], sentence: str, fixes: list[dict[str, str]]
):
    [problem] = said(folder, **cells)
    assert sentence in problem
    for fix in fixes:
        assert said(folder, **cells | fix) == []


def test_a_missing_picture_is_reported_in_its_column(folder: Path):
    [problem] = said(folder, model=ENDS, first_frame="shut.png", last_frame="opne.png")
    assert "'last_frame': 'opne.png' does not exist" in problem
    assert "Did you mean open.png?" in problem
    [problem] = said(folder, model=SHOWS, reference_pictures="logo.png + gone.png")
    assert "'reference_pictures': 'gone.png' does not exist" in problem


def test_pictures_of_all_columns_are_kept_for_later_runs(folder: Path, tmp_path: Path):
    store = FirstFrames(tmp_path / "kept")
    cells = {"model": ENDS, "first_frame": "shut.png", "last_frame": "open.png"}
    intake = read(folder, **cells)
    keep_pictures(store, intake.pictures)
    (folder / "open.png").unlink()
    again = read(folder, KeptPictures(store, lambda: intake.checked.briefs), **cells)
    assert again.checked.problems == ()
    assert again.checked.briefs[0].last_frame_hashes == intake.checked.briefs[0].last_frame_hashes


def test_reference_pictures_are_not_cropped_so_nothing_is_said_of_their_shape(folder: Path):
    Image.new("RGB", (64, 640), "red").save(folder / "tall.png")
    assert read(folder, model=SHOWS, reference_pictures="tall.png").checked.warnings == ()


def test_a_clip_from_pictures_is_disclosed_as_a_composite():
    variant = samples.variant()._replace(reference_sha256s=("ab" * 32, "cd" * 32), last_frame_sha256="ef" * 32)
    provenance = Provenance(
        title="clip",
        variant=variant,
        variant_id=variant.variant_id,
        campaign_id="c",
        model_name="m",
        pipeline="p",
        generator_library="diffusers",
        created_at="2026-11-30T12:00:00+00:00",
        program_version="1",
        licence="MIT",
        prompt_hmac_key=b"k" * 32,
    )
    made = generation_definition(provenance).to_json()
    assert "compositeWithTrainedAlgorithmicMedia" in made
    assert f'"last_frame_sha256": "{"ef" * 32}"' in made
    assert "ab" * 32 in made
    plain = generation_definition(replace(provenance, variant=samples.variant())).to_json()
    assert "composite" not in plain
    assert "reference" not in plain


def test_a_list_of_pictures_may_have_empty_parts():
    assert picture_list(" a.png + +b.png ") == ("a.png", "b.png")
