"""The column first_frame: invalid pictures, stored copies and pixels."""

import hashlib
import io
import os
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from adapters.media import picture as pictures
from manifests.errors import DiskFullError, GenerationError, PlanError
from models.registry import load_cards
from tasks.intake.intake import validate_sheet
from tasks.intake.pictures import KeptPictures, keep_pictures
from tasks.runtime.files import content_folder
from tasks.runtime.files.first_frames import FirstFrames

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

CARDS = load_cards()
TAKES = "wan2.1-i2v-14b-480p"


def saved(path: Path, size=(848, 480), mode="RGB", colour=(9, 99, 200), **options) -> Path:
    Image.new(mode, size, colour).save(path, **options)
    return path


def taken(folder: Path, cell: str, model: str = TAKES, kept: KeptPictures | None = None):
    sheet = folder / "plan.csv"
    sheet.write_text(f'prompt,Start image,model\na cup,"{cell}",{model}\n')
    return validate_sheet(sheet, CARDS, "starter", kept)


def said(folder: Path, cell: str, model: str = TAKES) -> list[str]:
    return [
        problem.sentence.removeprefix("Row 2, column B 'Start image'")
        for problem in taken(folder, cell, model).checked.problems
    ]


@pytest.mark.parametrize("name", ["first_frame", "First frame", "Image", "start-image", "Reference image", "picture"])
def test_the_column_has_several_accepted_names(tmp_path, name):
    saved(tmp_path / "cup.png")
    (tmp_path / "plan.csv").write_text(f"prompt,{name}\na cup,cup.png\n")
    [brief] = validate_sheet(tmp_path / "plan.csv", CARDS, TAKES).checked.briefs
    assert brief.first_frames == ("cup.png",)
    assert brief.first_frame_hashes == (hashlib.sha256((tmp_path / "cup.png").read_bytes()).hexdigest(),)


def test_several_pictures_are_an_axis_and_absolute_paths_are_accepted(tmp_path):
    saved(tmp_path / "cup.png")
    shoe = saved(tmp_path / "shoe.jpg", colour=(1, 2, 3))
    found = taken(tmp_path, f"cup.png|{shoe}")
    assert found.checked.problems == found.checked.warnings == ()
    assert found.checked.briefs[0].axis_lengths == {"first_frame": 2}
    assert [picture.path.name for picture in found.pictures] == ["cup.png", "shoe.jpg"]


def test_another_picture_gives_another_campaign(tmp_path):
    saved(tmp_path / "cup.png")
    first = taken(tmp_path, "cup.png").campaign.campaign_id
    assert taken(tmp_path, "cup.png").campaign.campaign_id == first
    saved(tmp_path / "cup.png", colour=(0, 0, 0))
    assert taken(tmp_path, "cup.png").campaign.campaign_id != first


def animated(path: Path) -> None:
    first, second = Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64), "white")
    first.save(path, save_all=True, append_images=[second])


def cut(path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:9000])


UNFIT = {
    "animated.png": (animated, "is animated. Save only the frame that the clip should start with."),
    "cut.png": (cut, "is damaged or incomplete. Copy or save it again."),
    "dot.png": (lambda path: saved(path, (63, 64)), "has 63 × 64 pixels. Use a picture with at least 64 × 64 pixels."),
    "text.png": (
        lambda path: path.write_text("hello"),
        "is not a readable picture. Save it as PNG, JPEG or WebP.",
    ),
    "old.gif": (lambda path: saved(path), "is not a readable picture. Save it as PNG, JPEG or WebP."),
    "empty.png": (lambda path: path.write_bytes(b""), "is empty. Copy or save it again."),
    "folder": (lambda path: path.mkdir(), "is a folder. Enter the path of a picture in it."),
    "pipe": (os.mkfifo, "is not a file. Enter the path of a picture."),
    "bomb.png": (lambda path: saved(path, (8000, 8000), "1", 0), "has more than 50 million pixels. Reduce its size."),
    "large.png": (
        lambda path: saved(path, (20_000, 20_000), "1", 0),
        "has more than 50 million pixels. Reduce its size.",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_unusable_picture_is_reported_at_its_cell(tmp_path, name):
    make, sentence = UNFIT[name]
    make(tmp_path / name)
    assert said(tmp_path, name) == [f": '{name}' {sentence}"]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("cupp.png", "Did you mean cup.png?"),
        ("cup.png, shoe.png", "Separate several pictures with |."),
        ("elsewhere/x.png", "Enter its path relative to the folder of the sheet, or its full path."),
        ("https://example.com/cup.png", "is a URL, and no pictures are downloaded here."),
        ("cup.png/x", "does not exist in"),
        ("x" * 300, "does not exist in"),
    ],
)
def test_a_missing_picture_is_reported_with_a_hint(tmp_path, cell, words):
    saved(tmp_path / "cup.png")
    [sentence] = said(tmp_path, cell)
    assert words in sentence


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("shoe.png", "Save it in the sheet's folder, upload it with the sheet, or enter its https:// URL."),
        ("cupp.png", "Did you mean cup.png?"),
        ("cup.png, shoe.png", "Separate several pictures with |."),
    ],
)
def test_errors_of_an_uploaded_sheet_name_no_local_folder(tmp_path, cell, hint):
    saved(tmp_path / "cup.png")
    (tmp_path / "plan.csv").write_text(f'prompt,first_frame,model\na cup,"{cell}",{TAKES}\n')
    [problem] = validate_sheet(tmp_path / "plan.csv", CARDS, "starter", confined=True).checked.problems
    assert problem.sentence.endswith(f"'{cell}' was not found. {hint}")


def test_a_picture_above_the_size_limit_is_not_read(tmp_path, monkeypatch):
    saved(tmp_path / "cup.png")
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    [sentence] = said(tmp_path, "cup.png")
    assert "is larger than 0 MiB. Reduce its size." in sentence


def test_a_card_either_requires_or_refuses_a_first_frame(tmp_path):
    saved(tmp_path / "cup.png")
    [none] = said(tmp_path, "")
    assert none.startswith(f" is empty, but {TAKES} generates clips from a picture.")
    [one] = said(tmp_path, "cup.png", "starter")
    assert one.startswith(
        ": 'cup.png' cannot be used: starter generates clips from text only. Clear the cell, or use the model "
    )
    assert TAKES in one
    assert said(tmp_path, "", "starter") == []


def test_names_with_unusual_spaces_and_accents_are_found(tmp_path):
    saved(tmp_path / "cafe\u0301  cup.png")
    assert said(tmp_path, "café cup.png") == []


def test_questionable_pictures_give_warnings(tmp_path):
    saved(tmp_path / "cup.png", (100, 300), "RGBA", (9, 99, 200, 10))
    messages = [warning.message for warning in taken(tmp_path, "cup.png").checked.warnings]
    assert messages[0] == "is partly transparent. Its transparent areas become white."
    assert messages[1].startswith("has 100 × 300 pixels and is enlarged ")
    assert messages[2].startswith("loses 81% of its area at the edges for ")


def test_a_picture_with_a_broken_credential_is_refused_before_generation(tmp_path):
    saved(tmp_path / "cup.png")
    path = tmp_path / "cup.png"
    data = path.read_bytes()
    store = b"caBX" + b"not a store!"
    chunk = (len(store) - 4).to_bytes(4, "big") + store + zlib.crc32(store).to_bytes(4, "big")
    path.write_bytes(data[:33] + chunk + data[33:])
    [sentence] = said(tmp_path, "cup.png")
    assert (
        "has an invalid Content Credential (the file or its credential is damaged or truncated). Use the original"
        in sentence
    )


def test_a_picture_is_kept_once_and_read_back(tmp_path):
    store = FirstFrames(tmp_path / "kept")
    path = saved(tmp_path / "cup.png")
    sha256 = store.add(path)
    before = store.path(sha256).stat().st_mtime_ns
    assert store.add(path) == sha256
    assert store.path(sha256) == tmp_path / "kept" / f"{sha256}.png"
    assert store.path(sha256).stat().st_mtime_ns == before
    path.unlink()
    assert store.pixels(sha256).shape == (480, 848, 3)
    assert store.pixels(sha256)[5, 5].tolist() == [9, 99, 200]


def test_a_changed_or_missing_kept_picture_is_reported(tmp_path):
    store = FirstFrames(tmp_path / "kept")
    sha256 = store.add(saved(tmp_path / "cup.png"))
    saved(store.path(sha256), colour=(0, 0, 0))
    with pytest.raises(GenerationError, match="was changed after it was stored"):
        store.pixels(sha256)
    with pytest.raises(GenerationError, match=r"is not in .*kept\. Restore it by running a sheet"):
        store.pixels("00" * 32)


def test_a_picture_that_changes_before_it_is_kept_is_refused(tmp_path):
    saved(tmp_path / "cup.png")
    intake = taken(tmp_path, "cup.png")
    saved(tmp_path / "cup.png", colour=(0, 0, 0))
    with pytest.raises(PlanError, match="was changed while the sheet was being read"):
        keep_pictures(FirstFrames(tmp_path / "kept"), intake.pictures)
    (tmp_path / "cup.png").unlink()
    with pytest.raises(PlanError, match="does not exist"):
        keep_pictures(FirstFrames(tmp_path / "kept"), intake.pictures)


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(content_folder, "write_durably", full)
    with pytest.raises(DiskFullError):
        FirstFrames(tmp_path / "kept").add(saved(tmp_path / "cup.png"))


def test_the_copy_of_an_earlier_run_replaces_a_missing_picture(tmp_path):
    store = FirstFrames(tmp_path / "kept")
    saved(tmp_path / "cup.png")
    before = taken(tmp_path, "cup.png")
    keep_pictures(store, before.pictures)
    (tmp_path / "cup.png").unlink()
    kept = KeptPictures(store, lambda: before.checked.briefs)
    again = taken(tmp_path, "cup.png", kept=kept)
    assert again.campaign == replace(before.campaign)
    assert [warning.message for warning in again.checked.warnings] == [
        "no longer exists. The copy from an earlier run is used."
    ]
    store.path(before.pictures[0].sha256).unlink()
    assert taken(tmp_path, "cup.png", kept=kept).checked.briefs == ()


def pixels(image: Image.Image, kind: str = "png", **options) -> np.ndarray:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return pictures.pixels_of(stream.getvalue())


def test_pixels_are_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert pixels(Image.new("RGB", (90, 70)), exif=exif).shape == (90, 70, 3)
    assert pictures.read_picture(saved(tmp_path / "cup.jpg", (90, 70), exif=exif)).height == 90


@pytest.mark.parametrize(
    ("mode", "colour", "rgb"),
    [
        ("RGBA", (255, 0, 0, 0), [255, 255, 255]),
        ("LA", (0, 255), [0, 0, 0]),
        ("L", 7, [7, 7, 7]),
        ("I;16", 7 * 256 + 9, [7, 7, 7]),
        ("1", 1, [255, 255, 255]),
    ],
)
def test_pixels_are_rgb_in_every_mode(mode, colour, rgb):
    assert pixels(Image.new(mode, (64, 64), colour))[3, 3].tolist() == rgb


def test_colour_profiles_are_converted_and_a_broken_profile_is_ignored():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    grey = Image.new("RGB", (64, 64), (100, 100, 100))
    assert pixels(grey, icc_profile=b"broken")[0, 0].tolist() == [100, 100, 100]
    assert pixels(grey, icc_profile=lab).shape == (64, 64, 3)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_damaged_picture_is_refused_or_read(kind):
    noise = np.random.default_rng(2).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, kind)
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(200):
        data = bytearray(stream.getvalue())
        for place in rng.integers(0, min(len(data), 400), 3):
            data[place] = rng.integers(0, 256)
        try:
            pictures.pixels_of(bytes(data))
        except pictures.InvalidPictureError:
            refused += 1
    assert refused > 0
