"""Every row of the results says what happened to it, or why it was not run."""

import csv
import io
from pathlib import Path

import openpyxl
import pytest
from sheets.making import saved

from adapters.sheets import results_path, write_results
from app.report.report import BriefReport, CampaignReport
from app.report.row_outcomes import HIDDEN, outcomes_of
from manifests.sheet.reading import ReadingOptions
from models.registry import load_cards
from tasks.intake.intake import Intake, validate_sheet

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

CARDS = load_cards()
ROWS = (
    ["no", "prompt", "aspect", "price"],
    ["1", "a red cup", "16:9", 10],
    ["2", "a hidden cup", "16:9", 10],
    ["3", "a tall cup", "7:3", 10],
    ["", "", "", ""],
    ["Total", "", "", 30],
)
WHY = {3: HIDDEN, 6: "no brief: a total"}


def intake_of(path: Path, data: bytes, **reading: bool) -> Intake:
    path.write_bytes(data)
    return validate_sheet(path, CARDS, "starter", reading=ReadingOptions(**reading))


def report() -> CampaignReport:
    done = BriefReport("b", 2, 1, 1, 1, 0, 0, 0, 0, 0, 0.3, {}, "https://x/1", "ab", {})
    return CampaignReport("c", "plan", (done,), {"published": 1}, 1.0)


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    return saved(book)


def results(intake: Intake) -> Path:
    return write_results(
        intake.table, outcomes_of(report(), intake), results_path(intake.table, intake.table.path.parent)
    )[0]


def test_hidden_rows_rows_without_a_brief_and_rows_with_errors_say_why_they_were_not_run(tmp_path):
    intake = intake_of(tmp_path / "plan.xlsx", workbook())
    found = outcomes_of(report(), intake)
    assert {row: outcome.status for row, outcome in found.items()} == {
        2: "published",
        3: "not run",
        4: "not run",
        6: "not run",
    }
    assert {row: found[row].why for row in WHY} == WHY
    assert "'7:3'" in found[4].why
    tab = openpyxl.load_workbook(results(intake)).active
    header = [cell.value for cell in tab[1]]
    assert [line[header.index("Reelmill status")] for line in tab.iter_rows(min_row=2, values_only=True)] == [
        "published",
        "not run",
        "not run",
        None,
        "not run",
    ]
    assert tab.row_dimensions[3].hidden


def test_hidden_rows_that_are_included_are_run(tmp_path):
    intake = intake_of(tmp_path / "plan.xlsx", workbook(), include_hidden=True)
    assert 3 not in outcomes_of(report(), intake)


@pytest.mark.parametrize("copies", [1, 2])
def test_the_results_read_as_a_sheet_give_the_same_briefs(tmp_path, copies):
    intake = before = intake_of(tmp_path / "plan.xlsx", workbook())
    for number in range(copies):
        intake = intake_of(tmp_path / f"again{number}.xlsx", results(intake).read_bytes())
    assert intake.checked == before.checked
    assert intake.table.reading.hidden_rows == before.table.reading.hidden_rows


def test_the_rows_of_a_text_file_say_why_they_were_not_run(tmp_path):
    text = "no,prompt,price\n1,a red cup,10\nTotal,,10\n# for Ann,,\n2,,5\n"
    intake = intake_of(tmp_path / "plan.csv", text.encode())
    out = results(intake)
    lines = list(csv.DictReader(io.StringIO(out.read_text("utf-8"))))
    assert [line["Reelmill status"] for line in lines] == ["published", "not run", "not run", "not run"]
    assert [line["Reelmill why"] for line in lines[1:3]] == ["no brief: a total", "no brief: a comment"]
    again = intake_of(tmp_path / "again.csv", out.read_bytes())
    assert again.checked == intake.checked


def test_a_row_that_cannot_be_read_at_the_end_of_a_file_is_in_the_results(tmp_path):
    text = '{"prompt": "a ball"}\n{"prompt": "a red cup"}\n{"prompt": "a cup", }\n'
    intake = intake_of(tmp_path / "plan.jsonl", text.encode())
    [bad] = intake.table.reading.bad_rows
    tab = openpyxl.load_workbook(results(intake)).worksheets[0]
    rows = [row for row in tab.iter_rows(values_only=True) if "not run" in row]
    assert len(rows) == 1
    assert any(str(cell).startswith(f"Row {bad.number}") for cell in rows[0])


def test_a_copy_without_the_texts_of_hidden_rows_reads_them_as_rows_without_a_brief(tmp_path):
    intake = intake_of(tmp_path / "plan.xlsx", workbook())
    intake.table.path.write_bytes(b"changed since")
    again = intake_of(tmp_path / "again.xlsx", results(intake).read_bytes())
    assert again.checked.briefs == intake.checked.briefs
    assert again.checked.problems == intake.checked.problems
    assert again.checked.skip_reasons == {3: "only results of an earlier run", 6: "a total"}
