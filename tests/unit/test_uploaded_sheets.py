"""An uploaded sheet can use only the pictures in its own folder, on every read."""

from pathlib import Path

import pytest
from PIL import Image

from app.dashboard.routes.upload import _rows
from flows.runtime.resources import resources_of
from flows.settings import Settings
from flows.submit import read_sheet
from tasks.intake.sheet_store import SheetStore


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
