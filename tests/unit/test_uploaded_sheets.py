"""An uploaded sheet can use only the pictures in its own folder, on every read."""

import io
from pathlib import Path

import pytest
import s3_server
from PIL import Image

from app.dashboard.routes.upload import _rows
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from flows.submit import read_sheet
from manifests.errors import SettingsError
from tasks.intake.sources.sheet_store import SheetStore


@pytest.mark.parametrize("uploaded", [True, False])
def test_an_uploaded_sheet_cannot_use_files_outside_its_folder(tmp_path: Path, uploaded: bool):
    settings = Settings(home=tmp_path / "home")
    secret = tmp_path / "private.png"
    Image.new("RGB", (64, 64), "red").save(secret)
    folder = SheetStore(settings.home).uploads / ("0" * 32) if uploaded else tmp_path / "own"
    folder.mkdir(parents=True)
    sheet = folder / "sheet.csv"
    sheet.write_text(f"prompt,model,first_frame\na cup,svd-xt,{secret}\na circle,,\n")
    intake = read_sheet(settings, resources_of(settings), sheet)
    assert len(intake.checked.briefs) == (1 if uploaded else 2)
    assert bool(intake.pictures) is not uploaded


@pytest.mark.parametrize("origin", ["uploads/" + "0" * 32, "uploads/watched-" + "0" * 32, "own"])
@pytest.mark.parametrize("allowed", [True, False])
def test_an_uploaded_or_watched_sheet_reads_only_allowed_buckets(
    tmp_path: Path, s3_endpoint: str, s3_bucket_name: str, origin: str, allowed: bool
):
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(stream, "png")
    s3_server.client(s3_endpoint).put_object(Bucket=s3_bucket_name, Key="ads/cup.png", Body=stream.getvalue())
    home = tmp_path / "home"
    settings = Settings(
        home=home,
        bucket_endpoint=s3_endpoint,
        bucket_access_key=s3_server.S3_KEYS["access_key"],
        bucket_secret_key=s3_server.S3_KEYS["secret_key"],
        picture_prefixes=(f"s3://{s3_bucket_name}/{'ads' if allowed else 'ad'}",),
    )
    sheet = (tmp_path if origin == "own" else home) / origin / "sheet.csv"
    sheet.parent.mkdir(parents=True)
    sheet.write_text(f"prompt,model,first_frame\na cup,svd-xt,s3://{s3_bucket_name}/ads/cup.png\n")
    intake = read_sheet(settings, resources_of(settings), sheet)
    if allowed or origin == "own":
        assert len(intake.pictures) == 1
    else:
        [problem] = intake.checked.problems
        assert "is in a location that sheets from other machines may not read." in problem.message


@pytest.mark.parametrize("location", ["ads", "https://bucket/ads", "s3://", "s3:///ads"])
def test_an_invalid_location_of_pictures_is_reported(location: str):
    with pytest.raises(SettingsError, match=r"picture_prefixes.*is not s3://name/prefix"):
        load_settings(picture_prefixes=(location,))


def test_the_upload_page_shows_rows_that_cannot_be_read(tmp_path: Path):
    settings = Settings(home=tmp_path / "home")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text('prompt,notes\na cup,x\n"a ball,y\na cube,z\n')
    rows = _rows(read_sheet(settings, resources_of(settings), sheet))
    assert [(row["number"], row["cells"][0], len(row["errors"])) for row in rows] == [
        (2, "a cup", 0),
        (3, '"a ball,y', 1),
        (4, "a cube", 0),
    ]
