"""An uploaded sheet can use only the pictures in its own folder, on every read."""

from pathlib import Path

import pytest
from PIL import Image

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
