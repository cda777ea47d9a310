"""The results sheet: the original sheet with the outcome of each row."""

import openpyxl
import pytest
from sheets.making import lines

from adapters.sheets import Outcome, read_table, write_results
from manifests.costs.money import Money
from manifests.sheet import Table, check_table

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

DONE = Outcome(
    "published",
    2,
    1,
    0.31256789,
    "https://cdn.example/a.mp4",
    "ab" * 32,
    "1 × adherence",
    "Name the licence.",
    ("https://cdn.example/a.mp4", "https://cdn.example/b.mp4"),
    12.3456,
    (Money(10_000, "EUR"),),
    "device time",
)
FAILED = Outcome("failed", 0, 0, None, "", "", '=cmd|" /C calc"!A0')


def sheet(tmp_path, *rows: str) -> Table:
    path = tmp_path / "plan.csv"
    path.write_bytes(lines("Plan", "Prompt;Aspect;Client", *rows))
    return read_table(path)


def test_every_row_is_returned_with_its_outcome(tmp_path):
    write_results(sheet(tmp_path, "a;16:9;acme", "b;1:1;", "c"), {3: DONE, 4: FAILED}, tmp_path / "out.xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0].iter_rows(values_only=True))
    assert rows[1] == (
        "Prompt",
        "Aspect",
        "Client",
        "Reelmill status",
        "Reelmill passed",
        "Reelmill published",
        "Reelmill best score",
        "Reelmill URL",
        "Reelmill all URLs",
        "Reelmill credential SHA-256",
        "Reelmill device seconds",
        "Reelmill cost",
        "Reelmill currency",
        "Reelmill cost basis",
        "Reelmill models",
        "Reelmill why",
        "Reelmill notice",
    )
    assert rows[2] == (
        "a",
        "16:9",
        "acme",
        "published",
        2,
        1,
        0.3126,
        "https://cdn.example/a.mp4",
        "https://cdn.example/a.mp4 | https://cdn.example/b.mp4",
        "ab" * 32,
        12.35,
        0.01,
        "EUR",
        "device time",
        None,
        "1 × adherence",
        "Name the licence.",
    )
    assert rows[3] == (
        "b",
        "1:1",
        None,
        "failed",
        0,
        0,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        '\'=cmd|" /C calc"!A0',
        None,
    )
    assert rows[4][:4] == ("c", None, None, None)


def test_the_results_sheet_gives_the_same_briefs(tmp_path):
    table = sheet(tmp_path, "- a;16:9;=acme", "b;1:1;'@x")
    write_results(table, {3: DONE, 4: FAILED}, tmp_path / "out.xlsx")
    again, before = check_table(read_table(tmp_path / "out.xlsx")), check_table(table)
    assert again == before
    assert before.problems == before.warnings == ()


def test_writing_results_twice_gives_one_set_of_results(tmp_path):
    write_results(sheet(tmp_path, "a;16:9;acme"), {3: FAILED}, tmp_path / "once.xlsx")
    write_results(read_table(tmp_path / "once.xlsx"), {3: DONE}, tmp_path / "twice.xlsx")
    table = read_table(tmp_path / "twice.xlsx")
    assert len(table.columns) == len(set(table.columns)) == 17
    assert table.rows[0].cells[3] == "published"


def test_a_row_with_extra_cells_does_not_overlap_the_results(tmp_path):
    write_results(sheet(tmp_path, "a;16:9;acme;stray", "b"), {3: FAILED, 4: DONE}, tmp_path / "out.xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0].iter_rows(values_only=True))
    assert rows[1][4] == "Reelmill status"
    assert rows[2][3:5] == ("stray", "failed")
