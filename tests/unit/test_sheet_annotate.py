"""The annotated copy, as read by openpyxl and by Reelmill."""

from pathlib import Path

import openpyxl
import pytest
from sheets.making import lines, workbook

from adapters.sheets import annotate, read_table
from manifests.errors import SheetError
from manifests.sheet import Checked, Table, check_table
from manifests.sheet.reading import ReadingOptions

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

RED, YELLOW, NONE = "00F4A6A0", "00FFE699", "00000000"
SHEET = lines(
    "Summer plan;;", "", "Prompt;Aspect;negativ prompt", "a red circle;7:3;=1+1", ";1:1;x", "a {x};16:9;", "a;b;c;d"
)


@pytest.fixture
def annotated(tmp_path) -> tuple[Table, Checked, openpyxl.Workbook]:
    path = tmp_path / "plan.csv"
    path.write_bytes(SHEET)
    table = read_table(path)
    checked = check_table(table)
    annotate(table, checked.problems, checked.warnings, tmp_path / "out.xlsx")
    return table, checked, openpyxl.load_workbook(tmp_path / "out.xlsx")


def test_errors_are_red_and_warnings_yellow(annotated):
    tab = annotated[2].worksheets[0]
    colours = {cell.coordinate: cell.fill.fgColor.rgb for row in tab.iter_rows() for cell in row if cell.comment}
    assert colours == {"B4": RED, "A5": RED, "A6": RED, "A7": RED, "C3": YELLOW}
    assert tab["B5"].fill.fgColor.rgb == NONE


def test_the_list_says_what_the_copy_of_a_text_file_is(annotated):
    assert annotated[2]["Errors"]["A1"].value == (
        "This copy contains only the texts of the sheet. Fix the errors in the original sheet."
    )


def test_comments_contain_the_messages(annotated):
    _, checked, book = annotated
    tab = book.worksheets[0]
    for problem in (*checked.problems, *checked.warnings):
        assert problem.sentence in tab[f"{problem.column_letter or 'A'}{problem.row}"].comment.text


def test_a_tab_lists_all_errors_and_warnings(annotated):
    _, checked, book = annotated
    listed = [row[-1] for row in book["Errors"].iter_rows(min_row=3, values_only=True)]
    assert listed == [found.sentence for found in (*checked.problems, *checked.warnings)]
    kinds = [row[2] for row in book["Errors"].iter_rows(min_row=3, values_only=True)]
    assert kinds == ["error"] * len(checked.problems) + ["warning"] * len(checked.warnings)


def test_nothing_in_the_copy_is_a_formula(annotated):
    cells = [cell for tab in annotated[2] for row in tab.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert annotated[2].worksheets[0]["C4"].value == "'=1+1"


def test_rows_keep_their_positions_and_the_header_is_frozen(annotated):
    tab = annotated[2].worksheets[0]
    assert tab["A3"].value == "Prompt"
    assert tab["A4"].value == "a red circle"
    assert tab.freeze_panes == "A4"


def test_the_copy_has_the_same_problems(annotated, tmp_path):
    """The shifted row is an exception: only a text file can have one."""
    said = [problem.sentence for problem in annotated[1].problems if problem.column]
    again = [problem.sentence for problem in check_table(read_table(tmp_path / "out.xlsx")).problems]
    assert again[: len(said)] == said


def test_a_problem_in_an_empty_last_cell_is_marked(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_bytes(lines("Prompt,colour", "a {colour} cup,"))
    table = read_table(path)
    annotate(table, check_table(table).problems, (), tmp_path / "out.xlsx")
    assert openpyxl.load_workbook(tmp_path / "out.xlsx").active["B2"].fill.fgColor.rgb == RED


@pytest.mark.parametrize("title", ["Errors", "errors", "Müller & Söhne", "a" * 31])
def test_the_errors_tab_never_clashes_with_an_existing_tab(tmp_path, title):
    path = tmp_path / "plan.xlsx"
    path.write_bytes(workbook([["prompt"], ["x"]], title=title))
    annotate(read_table(path), (), (), tmp_path / "out.xlsx")
    names = openpyxl.load_workbook(tmp_path / "out.xlsx").sheetnames
    assert names[-1] == "Errors"
    assert read_table(tmp_path / "out.xlsx").rows[0].cells == ("x",)


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("out.csv", "The workbook cannot be written to 'out.csv'. Use a name that ends in .xlsx."),
        ("plan.xlsx", "'plan.xlsx' is the sheet itself. Use another name for the copy."),
        (
            "nowhere/out.xlsx",
            "'{path}' cannot be written (No such file or directory). Check the folder and its permissions.",
        ),
    ],
)
def test_an_invalid_destination_is_refused(tmp_path, out, sentence):
    path = tmp_path / "plan.xlsx"
    path.write_bytes(workbook([["prompt"], ["x"]]))
    with pytest.raises(SheetError) as caught:
        annotate(read_table(path), (), (), tmp_path / out)
    assert str(caught.value) == sentence.format(path=tmp_path / out)
    assert [file.name for file in tmp_path.iterdir()] == ["plan.xlsx"]


def test_findings_about_the_whole_file_are_listed_without_a_row(tmp_path):
    table = read_table(Path(__file__).with_name("workbooks") / "two_tabs.xlsx")
    checked = check_table(table)
    annotate(table, checked.problems, checked.warnings, tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert not [cell for row in book["US"].iter_rows() for cell in row if cell.comment]
    (line,) = book["Warnings"].iter_rows(min_row=3, values_only=True)
    assert (line[0], line[2], line[5]) == (None, "warning", checked.warnings[0].sentence)


def test_hidden_rows_and_columns_are_hidden_in_the_copy(tmp_path):
    book = openpyxl.Workbook()
    for row in (
        ["prompt", "secret", "notes"],
        ["a cup", "x", "one"],
        ["a hat", "y", "two"],
        ["a {y}", "z", "three"],
        ["a pen", "w"],
    ):
        book.active.append(row)
    for hidden in (3, 5):
        book.active.row_dimensions[hidden].hidden = True
    book.active.column_dimensions["B"].hidden = True
    book.save(tmp_path / "plan.xlsx")
    table = read_table(tmp_path / "plan.xlsx")
    checked = check_table(table)
    annotate(table, checked.problems, checked.warnings, tmp_path / "out.xlsx")
    tab = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert list(tab.iter_rows(values_only=True)) == list(book.active.iter_rows(values_only=True))
    assert [row for row in range(1, 7) if tab.row_dimensions[row].hidden] == [3, 5]
    assert [column for column in "ABC" if tab.column_dimensions[column].hidden] == ["B"]
    assert tab["A4"].fill.fgColor.rgb == RED
    again = read_table(tmp_path / "out.xlsx")
    assert (again.rows, again.columns, again.reading.hidden_rows) == (table.rows, table.columns, (3, 5))
    included = read_table(tmp_path / "plan.xlsx", ReadingOptions(include_hidden=True))
    annotate(included, (), (), tmp_path / "all.xlsx")
    assert openpyxl.load_workbook(tmp_path / "all.xlsx").worksheets[0].row_dimensions[3].hidden is False


@pytest.mark.parametrize(("prompt", "listed"), [("a {x}", "Errors"), ("a cup", "Warnings")])
def test_the_list_says_what_the_copy_is_and_is_named_after_what_it_lists(tmp_path, prompt, listed):
    (tmp_path / "plan.xlsx").write_bytes(workbook([["prompt", "negativ prompt"], [prompt, "y"]], title="Warnings"))
    table = read_table(tmp_path / "plan.xlsx")
    checked = check_table(table)
    assert bool(checked.problems) == (listed == "Errors")
    annotate(table, checked.problems, checked.warnings, tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book.sheetnames[-1] == listed
    assert book[listed]["A1"].value == (
        "This copy contains only the texts of the tab 'Warnings'. Fix the errors in the original sheet, which also has "
        "its formatting, formulas and other tabs."
    )
    assert read_table(tmp_path / "out.xlsx").rows == table.rows
