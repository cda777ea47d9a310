"""Valid sheets in every file format give the same table."""

import datetime
import hashlib

import pytest
from openpyxl import Workbook
from sheets.making import lines, raw_workbook, saved, text_cell, workbook

from adapters.sheets import read_table
from manifests.sheet import Table, check_table
from manifests.sheet.reading import ReadingOptions

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

HEADER = ("Prompt", "Aspect", "Length", "Notes")
CELLS = ("a red circle, drifting; left", "16:9|9:16", "2,5", "Café à 5 £ €")


def read(tmp_path, data: bytes, name: str = "sheet.csv", tab: str | None = None) -> Table:
    path = tmp_path / name
    path.write_bytes(data)
    return read_table(path, ReadingOptions(tab=tab or ""))


def quoted(cells: tuple[str, ...], delimiter: str) -> str:
    return delimiter.join(f'"{cell}"' for cell in cells)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_text_files_of_every_delimiter_encoding_and_line_end(tmp_path, delimiter, encoding, end):
    data = end.join([quoted(HEADER, delimiter), quoted(CELLS, delimiter), ""]).encode(encoding)
    table = read(tmp_path, data)
    assert table.columns == HEADER
    assert table.rows[0].cells == CELLS
    assert table.delimiter == delimiter


@pytest.mark.parametrize("length", ["2,5", "2.5", " 2.5 s", "2.5s", "2.50", "2,5 sec"])
def test_decimal_points_commas_and_units_give_the_same_value(tmp_path, length):
    for data, name in (
        (lines("prompt;Length", f"x;{length}"), "s.csv"),
        (workbook([["prompt", "Length"], ["x", length]]), "s.xlsx"),
    ):
        assert check_table(read(tmp_path, data, name)).briefs[0].durations_s == (2.5,)


def test_a_workbook_is_read_as_displayed(tmp_path):
    row = [
        "x",
        99,
        0.5,
        0.1 + 0.2,
        True,
        datetime.datetime(2026, 11, 23),
        datetime.time(16, 9),
        datetime.datetime(2026, 11, 23, 14, 5),
        "NA",
        "null",
        "0099",
        -5,
        123456789012,
        "#N/A",
    ]
    table = read(tmp_path, workbook([["prompt", *(f"c{n}" for n in range(1, len(row)))], row]), "s.xlsx")
    assert table.rows[0].cells == (
        "x",
        "99",
        "0.5",
        "0.3",
        "TRUE",
        "2026-11-23 0:00:00",
        "16:09:00",
        "2026-11-23 14:05:00",
        "NA",
        "null",
        "0099",
        "-5",
        "123456789012",
        "#N/A",
    )


def test_the_market_na_and_the_prompt_null_are_values(tmp_path):
    briefs = check_table(read(tmp_path, lines("prompt,market", "null,NA", "None,nan"))).briefs
    assert [(brief.prompts, brief.metadata["market"]) for brief in briefs] == [
        (("null",), ("NA",)),
        (("None",), ("nan",)),
    ]


def test_a_ratio_that_excel_converted_to_a_time_is_restored(tmp_path):
    rows = [["prompt", "Aspect"], ["x", datetime.time(16, 9)], ["y", datetime.time(9, 16)], ["z", datetime.time(1, 1)]]
    briefs = check_table(read(tmp_path, workbook(rows), "s.xlsx")).briefs
    assert [brief.placements[0].aspect_ratio for brief in briefs] == ["16:9", "9:16", "1:1"]


def test_the_header_is_found_below_titles_and_blank_lines(tmp_path):
    above = ["Summer campaign;;", "", ";;", "Prepared by;Ann;", ""]
    table = read(tmp_path, lines(*above, "Client;Prompt;Aspect", "acme;x;1:1", "", "acme;y;1:1"))
    assert (table.header_row, [row.number for row in table.rows]) == (6, [7, 9])
    assert [row.number for row in table.above] == [1, 4]


def test_merged_titles_above_the_header_and_cells_merged_downwards(tmp_path):
    def merge(tab):
        tab.merge_cells("A1:C1")
        tab.merge_cells("B4:B6")

    rows = [["Summer campaign"], [], ["Prompt", "Aspect", "colour"], ["x", "1:1"], ["y"], ["z"], ["w", "9:16"]]
    table = read(tmp_path, workbook(rows, merge), "s.xlsx")
    assert table.header_row == 3
    assert [row.cell(1) for row in table.rows] == ["1:1", "1:1", "1:1", "9:16"]


def test_a_table_that_starts_in_a_later_column_keeps_its_letters(tmp_path):
    rows = [[], [None, None, "Prompt", "Aspect"], [None, None, "x", "7:3"]]
    table = read(tmp_path, workbook(rows), "s.xlsx")
    assert check_table(table).problems[0].sentence.startswith("Row 3, column D 'Aspect': '7:3'")


def test_a_row_with_line_breaks_in_a_cell_counts_once(tmp_path):
    table = read(tmp_path, b'prompt,notes\r\n"a red\r\ncircle",x\r\nb,y\r\n')
    assert [row.number for row in table.rows] == [2, 3]
    assert check_table(table).briefs[0].prompts == ("a red circle",)


def test_one_column_of_prompts_with_commas_needs_no_quotes(tmp_path):
    table = read(tmp_path, lines("Prompt", "a red circle, drifting left", "a blue square"))
    assert [row.cells for row in table.rows] == [("a red circle, drifting left",), ("a blue square",)]


def test_the_line_that_names_the_delimiter_is_not_a_row(tmp_path):
    table = read(tmp_path, lines("sep=;", "prompt;notes", "x, y;z"))
    assert (table.header_row, table.rows[0].cells) == (1, ("x, y", "z"))


def test_the_first_visible_tab_with_a_prompt_column_is_used(tmp_path):
    def more(tab):
        tab.parent.create_sheet("Hidden", 0).append(["prompt"])
        tab.parent["Hidden"].append(["wrong"])
        tab.parent["Hidden"].sheet_state = "hidden"
        budget = tab.parent.create_sheet("Budget", 1)
        budget.append(["Item", "Money"])
        budget.append(["x", 3])

    data = workbook([["prompt"], ["right"]], more)
    assert read(tmp_path, data, "s.xlsx").rows[0].cells == ("right",)
    assert read(tmp_path, data, "s.xlsx").tab == "Campaign"
    assert read(tmp_path, data, "s.xlsx", "Budget").columns == ("Item", "Money")


def test_formulas_have_the_results_stored_in_the_file(tmp_path):
    cells = (
        '<row r="1">' + text_cell("A1", "prompt") + text_cell("B1", "variants") + text_cell("C1", "sum") + "</row>"
        '<row r="2"><c r="A2" t="str"><f>B9&amp;C9</f><v>a red circle</v></c><c r="B2"><f>1+1</f><v>2</v></c>'
        '<c r="C2"><f>SUM(B2)</f></c></row><row r="3"><c r="A3"><f>B9</f></c></row>'
    )
    table = read(tmp_path, raw_workbook(cells), "s.xlsx")
    checked = check_table(table)
    assert (checked.briefs[0].prompts, checked.briefs[0].variants) == (("a red circle",), 2)
    assert table.formulas == {(2, 2), (3, 0)}
    assert [(problem.row, problem.value) for problem in checked.problems] == [(3, "=B9")]


def test_cells_without_references_and_elements_with_prefixes_are_read(tmp_path):
    """Some programs write no r attributes, or a namespace prefix on every name."""
    bare = '<row><c t="inlineStr"><is><t>prompt</t></is></c></row><row><c t="inlineStr"><is><t>x</t></is></c></row>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    prefixed = (
        f'<?xml version="1.0"?><x:worksheet xmlns:x="{main}"><x:sheetData><x:row r="1"><x:c r="A1" '
        't="inlineStr"><x:is><x:t>prompt</x:t></x:is></x:c></x:row><x:row r="2"><x:c r="A2" t="e"><x:v>#REF!'
        "</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    assert read(tmp_path, raw_workbook(bare), "s.xlsx").rows[0].cells == ("x",)
    assert read(tmp_path, raw_workbook(prefixed.encode()), "s.xlsx").rows[0].cells == ("#REF!",)


def test_styles_far_below_the_table_are_ignored(tmp_path):
    def bold(tab):
        tab["XFD1048576"].number_format = "0.00"

    assert len(read(tmp_path, workbook([["prompt"], ["x"]], bold), "s.xlsx").rows) == 1


def test_a_table_knows_its_file(tmp_path):
    data = lines("prompt", "x")
    table = read(tmp_path, data, "Summer plan.csv")
    assert (table.name, table.sha256) == ("Summer plan", hashlib.sha256(data).hexdigest())
    assert table.path == tmp_path / "Summer plan.csv"


@pytest.mark.parametrize(
    ("hidden", "words"), [(1, "the only row below the header is"), (3, "all 3 rows below the header are")]
)
def test_a_sheet_whose_data_rows_are_all_hidden_says_so(tmp_path, hidden, words):
    book = Workbook()
    for row in (["prompt"], *([f"a red circle {number}"] for number in range(hidden))):
        book.active.append(row)
    for number in range(hidden):
        book.active.row_dimensions[2 + number].hidden = True
    (tmp_path / "plan.xlsx").write_bytes(saved(book))
    [problem] = check_table(read_table(tmp_path / "plan.xlsx")).problems
    assert f"{words} hidden or filtered out. Unhide" in problem.sentence
    assert problem.sentence.endswith("or include hidden rows (--include-hidden).")
    included = check_table(read_table(tmp_path / "plan.xlsx", ReadingOptions(include_hidden=True)))
    assert (len(included.briefs), included.problems) == (hidden, ())


@pytest.mark.parametrize("text", ["prompt\na red cup, zooming in on white\n", "prompt\na cup\n", "prompt\na; cup\n"])
def test_a_file_with_one_column_is_called_csv(tmp_path, text):
    (tmp_path / "plan.csv").write_text(text)
    assert read_table(tmp_path / "plan.csv").reading.kind == "CSV"
    (tmp_path / "plan.csv").write_text("prompt;notes\na red cup, zooming in;x\n")
    assert read_table(tmp_path / "plan.csv").reading.kind == "CSV with semicolons"
