"""Errors and warnings of a sheet: many of the same kind are summed up, and none is lost."""

import json

import pytest
from cli_runner import reelmill

from manifests.sheet import CellProblem
from tasks.intake.finding_lines import error_lines, warning_lines
from tasks.runtime.resources import close_resources

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COLUMNS", raising=False)
    close_resources()
    yield
    close_resources()


def problem(
    row: int, value: str = "7:3", message: str = "is not a supported aspect ratio. Use 16:9, 9:16 or 1:1."
) -> CellProblem:
    return CellProblem(row, "B", "placements", value, message)


def test_a_few_errors_are_all_shown():
    assert error_lines(map(problem, range(2, 6))) == [problem(row).sentence for row in range(2, 6)]


def test_many_errors_of_a_kind_are_summed_up_with_their_rows():
    lines = error_lines([*map(problem, range(2, 1_203)), problem(9, "", "is empty.")])
    assert lines[:3] == [problem(row).sentence for row in (2, 3, 4)]
    assert lines[3] == "The same error occurs 1,198 more times, in rows 5, 6, 7, 8, 9 and 1,193 more."
    assert lines[4:] == [problem(9, "", "is empty.").sentence], "another kind is not lost"


def test_errors_are_listed_by_row_and_column():
    found = [
        CellProblem(row, letter, letter, "x", f"is bad in {letter}.")
        for row, letter in ((4, "B"), (2, "AA"), (2, "C"), (9, "B"))
    ]
    assert error_lines(found) == [found[at].sentence for at in (2, 1, 0, 3)]


def test_values_that_differ_between_rows_do_not_make_a_new_kind():
    found = [
        problem(row, "", f"repeats the prompt of row {row - 1}. This row gets the brief_id cup-{row}f-2.")
        for row in range(3, 9)
    ]
    assert warning_lines(found, 10) == [f"{found[0].sentence} The same applies 5 more times, in rows 4, 5, 6, 7, 8."]


def test_warnings_of_different_columns_are_different_kinds():
    found = [problem(2), CellProblem(2, "C", "locale", "7:3", problem(2).message)]
    assert len(warning_lines(found * 3, 10)) == 2


def unknown_words(tmp_path, rows: int):
    sheet = tmp_path / "odd words.csv"
    words = ("xylophone", "neon", "skyline", "harbour")
    prompts = [f"a red {words[row % 4]} on a white background" for row in range(rows)]
    sheet.write_text("\n".join(["prompt", *prompts, "a red circle on a white background"]) + "\n")
    return sheet


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_unknown_words_are_summed_up_in_one_line(capsys, tmp_path, command):
    sheet = unknown_words(tmp_path, 40)
    ended = reelmill(capsys, command, sheet)
    assert ended.code == 0, ended.err
    warnings = [line for line in ended.err.splitlines() if "rows use words" in line]
    assert warnings == [
        "Warning: 40 of 41 rows use words that starter does not know, for example 'xylophone', 'neon', 'skyline'. "
        "The model ignores them; `reelmill models show starter` lists the words it knows."
    ]
    assert (
        f"To see all warnings, mark them in a copy of the sheet with `reelmill validate '{sheet}' --annotate "
        "FILE.xlsx`, or use --json."
    ) in ended.err.splitlines()


def test_every_row_is_in_the_json(capsys, tmp_path):
    answer = json.loads(reelmill(capsys, "validate", unknown_words(tmp_path, 40), "--json").out)
    rows = [warning["row"] for warning in answer["warnings"] if "vocabulary" in warning["sentence"]]
    assert rows == list(range(2, 42))
    assert set(answer["warnings"][0]) == {"row", "column_letter", "column", "value", "message", "sentence"}


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_rejected_sheet_has_one_line_per_error_and_the_command_that_lists_the_rest(capsys, tmp_path, command):
    sheet = tmp_path / "bad cells.csv"
    sheet.write_text("prompt,placements\na red cup,1:1\n" + "a red cup,7:3\n" * 7)
    ended = reelmill(capsys, command, sheet)
    assert ended.code == 1
    lines = ended.err.splitlines()
    assert lines[0] == "Error: The sheet bad cells has 7 errors:"
    assert [line[:8] for line in lines[1:6]] == [f"  Row {row}," for row in range(3, 8)]
    assert lines[6:] == [
        f"2 more errors are not shown. List all errors with `reelmill validate '{sheet}'`. To skip the rows with "
        "errors, add --accept-good-rows."
    ]


def test_the_plan_starts_with_the_counts_and_the_command(capsys, tmp_path):
    sheet = tmp_path / "two cups.csv"
    sheet.write_text("prompt,variants,placements\na red cup,2,1:1\na red cup,2,7:3\n")
    ended = reelmill(capsys, "plan", sheet, "--accept-good-rows", "--model", "starter")
    first = ended.out.splitlines()[0]
    assert first.startswith("2 clips to generate, 0 already generated. Estimated device time: ")
    assert first.endswith(f" Start with `reelmill run '{sheet}' --model starter --accept-good-rows`.")
    assert "reelmill run" not in reelmill(capsys, "plan", sheet, "--accept-good-rows", "--max-variants", "1").out


def test_many_bad_cells_are_all_in_the_annotated_copy(capsys, tmp_path):
    import openpyxl

    sheet = tmp_path / "bad.csv"
    sheet.write_text("prompt,placements\n" + "a red cup,7:3\n" * 12)
    ended = reelmill(capsys, "validate", sheet, "--annotate", tmp_path / "marked.xlsx")
    assert ended.code == 1
    assert ended.out.count("'7:3'") == 3
    assert "The same error occurs 9 more times, in rows 5, 6, 7, 8, 9 and 4 more." in ended.out
    assert "--annotate FILE.xlsx" in ended.out
    assert "12 errors" in ended.out
    book = openpyxl.load_workbook(tmp_path / "marked.xlsx")
    assert sum(cell.comment is not None for row in book.worksheets[0].iter_rows(min_row=2) for cell in row) >= 12


def test_findings_about_the_whole_file_are_never_summed_up():
    tabs = [CellProblem(0, "", "", "", f"The tab '{name}' has a prompt column and 1 row.") for name in "ABCD"]
    assert warning_lines(tabs, 5) == [tab.message for tab in tabs]
