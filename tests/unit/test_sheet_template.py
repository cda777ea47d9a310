"""The sheet template for new users."""

import errno
import os

import openpyxl
import pytest

from adapters.sheets import read_table, write_template
from manifests.errors import DiskFullError, SheetError
from manifests.sheet import check_table
from manifests.sheet.columns import COLUMNS, FINISHING, name_of
from manifests.sheet.table import letter

MODELS = ["starter", *(f"a-model-with-a-long-name-{n}" for n in range(20))]


@pytest.mark.parametrize("name", ["sheet.xlsx", "sheet.csv"])
def test_a_template_is_a_valid_sheet(tmp_path, name):
    write_template(tmp_path / name, MODELS)
    checked = check_table(read_table(tmp_path / name))
    assert checked.problems == checked.warnings == ()
    assert [(brief.brief_id, brief.combinations * brief.variants) for brief in checked.briefs] == [
        ("summer-01", 2),
        ("summer-02", 2),
        ("summer-03", 2),
    ]


def test_every_column_exists_and_is_explained(tmp_path):
    write_template(tmp_path / "sheet.xlsx", MODELS)
    book = openpyxl.load_workbook(tmp_path / "sheet.xlsx")
    headers = [cell.value for cell in book["Campaign"][1]]
    left_out = FINISHING - {"finish", "script", "music"}  # the guide explains them
    assert {name_of(header) for header in headers} - {None} == {column.name for column in COLUMNS} - left_out
    assert all(cell.comment for cell in book["Campaign"][1])
    guide = [row for row in book["Columns"].iter_rows(min_row=2, values_only=True)]
    explained = {row[0]: row[1:] for row in guide if row[2]}
    assert set(explained) == {column.name for column in COLUMNS} | {"any other", "cells with |", "cta_de, script_ar, …"}
    names = [row[0] for row in guide]
    assert names.index("axes") < names.index("Finishing: from clip to ad") < names.index("finish")
    assert all(all(explained[column.name]) for column in COLUMNS)


def test_choices_are_drop_down_lists_and_the_header_is_frozen(tmp_path):
    write_template(tmp_path / "sheet.xlsx", MODELS, ["clean", "bold"])
    book = openpyxl.load_workbook(tmp_path / "sheet.xlsx")
    tab = book["Campaign"]
    choices = {str(choice.sqref): choice for choice in tab.data_validations.dataValidation}
    headers = [cell.value for cell in tab[1]]
    places = [f"{letter(headers.index(name))}2" for name in ("placements", "axes", "model", "finish")]
    assert sorted(sqref.partition(":")[0] for sqref in choices) == sorted(places)
    assert not any(choice.showErrorMessage for choice in choices.values())
    assert all(len(choice.formula1) <= 257 for choice in choices.values())
    assert [row[0] for row in book["Models"].iter_rows(min_row=2, values_only=True)] == MODELS
    assert tab.freeze_panes == "A2"


def test_a_ratio_typed_into_the_template_stays_text(tmp_path):
    write_template(tmp_path / "sheet.xlsx", MODELS)
    tab = openpyxl.load_workbook(tmp_path / "sheet.xlsx")["Campaign"]
    place = [cell.value for cell in tab[1]].index("placements") + 1
    assert {tab.cell(row, place).number_format for row in (2, 5, 500)} == {"@"}


def test_examples_are_valid_values_of_their_columns(tmp_path):
    """A sheet accepts the examples of the guide."""
    headers = [column.name for column in COLUMNS if column.name not in ("axes", "want")]
    cells = [column.example for column in COLUMNS if column.name in headers]
    path = tmp_path / "sheet.csv"
    path.write_text("\t".join([*headers, "colour"]) + "\n" + "\t".join([*cells, "red"]) + "\n")
    assert check_table(read_table(path)).problems == ()


@pytest.mark.parametrize("name", ["sheet.xlsx", "sheet.csv"])
def test_an_existing_file_is_replaced_completely_or_not_at_all(tmp_path, name, monkeypatch):
    (tmp_path / name).write_text("mine")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SheetError, match="cannot be written"):
        write_template(tmp_path / name, MODELS)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "mine")]
    monkeypatch.undo()
    write_template(tmp_path / name, MODELS)
    assert len(read_table(tmp_path / name).rows) == 3


def refuse(*_: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DiskFullError, match="The disk is full"):
        write_template(tmp_path / "sheet.xlsx", MODELS)
    assert not list(tmp_path.iterdir())


def test_a_template_is_xlsx_or_csv(tmp_path):
    with pytest.raises(SheetError, match=r"cannot be written to 'sheet\.ods'. Use a name that ends in \.xlsx or \.csv"):
        write_template(tmp_path / "sheet.ods", MODELS)
    assert not list(tmp_path.iterdir())
