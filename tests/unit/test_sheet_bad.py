"""Every invalid sheet of the corpus gives exactly the expected messages."""

import os

import pytest
from sheets.bad import SHEETS, Bad
from sheets.making import workbook

from adapters.sheets import read_table
from manifests.errors import UnreadableSheetError
from manifests.sheet import check_table
from manifests.sheet.reading import ReadingOptions

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.case)
def test_a_bad_sheet_gives_exactly_its_messages(tmp_path, sheet: Bad):
    path = tmp_path / sheet.file
    path.write_bytes(sheet.data)
    try:
        said = [problem.sentence for problem in check_table(read_table(path)).problems]
    except UnreadableSheetError as error:
        said = [str(error)]
    assert said == list(sheet.says)


def test_the_corpus_is_as_large_as_it_claims():
    assert len({sheet.case for sheet in SHEETS}) == len(SHEETS) >= 60


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.csv", "'{path}' does not exist. Check the name and the folder."),
        ("folder", "'{path}' is a folder. Enter the path of the sheet inside it."),
        ("pipe", "'{path}' is not a regular file. Enter the path of a sheet."),
    ],
)
def test_a_path_that_is_not_a_file_is_refused(tmp_path, name, sentence):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableSheetError) as caught:
        read_table(tmp_path / name)
    assert str(caught.value) == sentence.format(path=tmp_path / name)


def test_a_missing_tab_is_reported_with_the_existing_tabs(tmp_path):
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(workbook([["prompt"], ["x"]], lambda tab: tab.parent.create_sheet("Budget")))
    with pytest.raises(
        UnreadableSheetError, match=r"'sheet.xlsx' has no tab 'Plan'. Use one of its tabs: 'Campaign', 'Budget'\."
    ):
        read_table(path, ReadingOptions(tab="Plan"))


def test_a_text_file_has_no_tabs(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("prompt\nx\n")
    with pytest.raises(UnreadableSheetError, match="is a text file and has no tabs"):
        read_table(path, ReadingOptions(tab="Plan"))


def test_a_file_name_that_is_too_long_is_reported(tmp_path):
    with pytest.raises(UnreadableSheetError, match="cannot be opened"):
        read_table(tmp_path / ("x" * 300 + ".csv"))
