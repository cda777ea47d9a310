"""Workbooks of every kind are read as people see them, and what is left out is named."""

import datetime
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from python_calamine import CalamineWorkbook
from sheets.making import MAIN, RELATIONS, archive, raw_workbook, saved, text_cell, workbook
from sheets.xlsb import DATE, PERCENT, xlsb

from adapters.sheets import annotate, read_table, write_template
from adapters.sheets.workbook import read
from manifests.errors import UnreadableSheetError
from manifests.sheet import Table, check_table
from manifests.sheet.reading import HiddenColumn, ReadingOptions, UnreadTab
from manifests.sheet.table import letter

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

FILES = Path(__file__).with_name("workbooks")
LIBREOFFICE = ("libreoffice.xlsx", "libreoffice.ods", "libreoffice.xls")
HIDDEN = ReadingOptions(include_hidden=True)
ODS = "application/vnd.oasis.opendocument.spreadsheet"


def table_of(tmp_path: Path, data: bytes, options: ReadingOptions | None = None, name: str = "plan.xlsx") -> Table:
    path = tmp_path / name
    path.write_bytes(data)
    return read_table(path, options or ReadingOptions())


def prompts(table: Table) -> list[str]:
    return [prompt for brief in check_table(table).briefs for prompt in brief.prompts]


def warnings(table: Table) -> list[str]:
    return [warning.sentence for warning in check_table(table).warnings]


def book(**tabs: list[list[Any]]) -> Workbook:
    made = Workbook()
    made.remove(made.active)
    for title, rows in tabs.items():
        tab = made.create_sheet(title)
        for row in rows:
            tab.append(row)
    return made


# Real workbooks


@pytest.mark.parametrize("name", LIBREOFFICE)
def test_a_workbook_of_libreoffice_is_read_as_people_see_it(name):
    table = read_table(FILES / name)
    assert (table.tab, table.name, table.header_row) == ("Briefs", "libreoffice", 3)
    assert [(row.number, row.cells) for row in table.rows] == [
        (
            4,
            (
                "00041",
                "a {colour} cup, {discount} off for {price}, from {launch}",
                *("red", "50.0%", "$19.90", "24 Dec 2026", "1:1", "2", "1001", "ok"),
            ),
        ),
        (5, ("00042", "a blue bottle", "blue", "12.5%", "$1,234.50", "24 Dec 2026", "1:1", "2.5", "1002", "ok")),
        (7, ("00044", "a green shoe for {price}", "green", "20.0%", "$7.00", "24 Dec 2026", "16:9", "2", "1004", "ok")),
        (9, ("00046", "a white phone", "white", "40.0%", "$4.00", "24 Dec 2026", "16:9", "2", "1006", "ok")),
    ]
    checked = check_table(table)
    assert checked.problems == ()
    assert [brief.seed for brief in checked.briefs] == [1001, 1002, 1004, 1006]


@pytest.mark.parametrize("name", LIBREOFFICE)
def test_a_workbook_of_libreoffice_names_what_was_left_out(name):
    table = read_table(FILES / name)
    assert table.reading.hidden_rows == (6, 8)
    assert table.reading.hidden_columns == (HiddenColumn(10, "agency notes"),)
    assert table.reading.unread_tabs == (
        UnreadTab("DE", 1, False),
        UnreadTab("Old", 1, True),
        UnreadTab("Internal", 1, True),
    )
    all_rows = read_table(FILES / name, HIDDEN)
    assert [row.number for row in all_rows.rows] == [4, 5, 6, 7, 8, 9]
    assert all_rows.rows[0].cell(10) == "ask for a discount"
    assert read_table(FILES / name, ReadingOptions(tab="old")).rows[0].cells == ("ein roter Kreis", "1:1")


def test_all_kinds_of_workbooks_from_excel_are_read_the_same():
    expected = CalamineWorkbook.from_path(FILES / "any_sheets.xlsb").get_sheet_by_name("Visible").to_python()
    table = read_table(FILES / "any_sheets.xlsb")
    assert (table.tab, table.reading.kind) == ("Visible", "XLSB")
    assert [list(map(float, row)) for row in (table.columns, table.rows[0].cells)] == expected[:2]
    with pytest.raises(UnreadableSheetError, match=r"has no tab 'Chart'. Use one of its tabs: 'Visible', 'Hidden'"):
        read_table(FILES / "any_sheets.xlsb", ReadingOptions(tab="Chart"))


def test_dates_and_times_of_excel_in_an_xlsb_are_read_as_shown():
    assert read_table(FILES / "base.xlsb").columns[5:] == (
        *("2010-10-10", "2010-10-10 10:10:10", "10:10:10 AM", "10:10:10.10", "255:10:10"),
    )


@pytest.mark.parametrize("kind", ["xls", "ods", "xlsb", "xlsx"])
def test_a_workbook_with_a_password_is_named(kind):
    with pytest.raises(UnreadableSheetError, match=r"is protected by a password. Save a copy without a password\.$"):
        read_table(FILES / f"password.{kind}")


# Hidden rows and columns


@pytest.mark.parametrize("name", ["filtered_run.xlsx", "hidden_rows.xlsx"])
def test_filtered_and_hidden_rows_are_left_out_with_a_warning(name):
    table = read_table(FILES / name)
    assert table.reading.hidden_rows == (3, 4)
    assert not {3, 4} & {brief.row for brief in check_table(table).briefs}
    assert any(sentence.startswith("2 rows are hidden or filtered out (rows 3 to 4)") for sentence in warnings(table))
    included = read_table(FILES / name, HIDDEN)
    assert {3, 4} < {row.number for row in included.rows}
    assert any("used because hidden rows are included" in sentence for sentence in warnings(included))


def sheet_of(rows: str, before: str = "") -> bytes:
    head = f'<?xml version="1.0"?><worksheet xmlns="{MAIN}">'
    return raw_workbook(f"{head}{before}<sheetData>{rows}</sheetData></worksheet>".encode())


HEADER = f'<row r="1">{text_cell("A1", "prompt")}{text_cell("B1", "notes")}</row>'


@pytest.mark.parametrize(
    "attribute", ['hidden="1"', 'hidden="true"', 'ht="0" customHeight="1"', 'hidden="1" outlineLevel="1"']
)
def test_every_way_to_hide_a_row_counts(tmp_path, attribute):
    rows = f'{HEADER}<row r="2">{text_cell("A2", "a")}</row><row r="3" {attribute}>{text_cell("A3", "b")}</row>'
    table = table_of(tmp_path, sheet_of(rows))
    assert (prompts(table), table.reading.hidden_rows) == (["a"], (3,))


@pytest.mark.parametrize("column", ['min="2" max="2" hidden="1"', 'min="2" max="16384" width="0"'])
def test_every_way_to_hide_a_column_counts(tmp_path, column):
    rows = f'{HEADER}<row r="2">{text_cell("A2", "a")}{text_cell("B2", "secret")}</row>'
    table = table_of(tmp_path, sheet_of(rows, f"<cols><col {column}/></cols>"))
    assert (table.columns, table.rows[0].cells) == (("prompt",), ("a",))
    assert table.reading.hidden_columns == (HiddenColumn(1, "notes"),)


def test_rows_that_are_listed_are_visible_if_all_others_are_hidden(tmp_path):
    """Excel hides all rows below a table with zeroHeight; LibreOffice shows the listed rows of such a file too."""
    rows = f'{HEADER}<row r="2">{text_cell("A2", "a")}</row>'
    table = table_of(tmp_path, sheet_of(rows, '<sheetFormatPr defaultRowHeight="15" zeroHeight="1"/>'))
    assert (prompts(table), table.reading.hidden_rows) == (["a"], ())


def test_blank_hidden_rows_and_columns_are_not_mentioned(tmp_path):
    def hide(tab):
        tab.row_dimensions[9].hidden = True
        tab.column_dimensions["F"].hidden = True

    table = table_of(tmp_path, workbook([["prompt"], ["a"]], hide))
    assert (table.reading.hidden_rows, table.reading.hidden_columns, warnings(table)) == ((), (), [])


def test_a_hidden_prompt_column_is_an_error_that_says_so(tmp_path):
    def hide(tab):
        tab.column_dimensions["A"].hidden = True

    table = table_of(tmp_path, workbook([["prompt", "notes"], ["a", "x"]], hide))
    assert "the column 'prompt' (column A) is hidden" in check_table(table).problems[0].sentence


def test_a_hidden_header_is_named(tmp_path):
    def hide(tab):
        tab.row_dimensions[1].hidden = True

    table = table_of(tmp_path, workbook([["prompt", "notes"], ["a red circle", "x"]], hide))
    assert "there is no column 'prompt'" in check_table(table).problems[0].sentence
    assert any(sentence.startswith("1 row is hidden or filtered out (row 1)") for sentence in warnings(table))


def test_a_workbook_with_only_hidden_rows_is_refused(tmp_path):
    def hide(tab):
        for row in (1, 2):
            tab.row_dimensions[row].hidden = True

    data = workbook([["prompt"], ["a"]], hide)
    with pytest.raises(UnreadableSheetError, match="hidden"):
        table_of(tmp_path, data)
    assert prompts(table_of(tmp_path, data, HIDDEN)) == ["a"]


def test_hidden_rows_columns_and_tabs_of_an_xlsb_are_left_out(tmp_path):
    rows = [
        ["prompt", "discount", "day", "notes"],
        ["a {discount} cup on {day}", (0.5, PERCENT), (46_380.0, DATE), "x"],
        ["b", (0.25, PERCENT), None, "y"],
        ["c", 2.0, None, "z"],
    ]
    data = xlsb(rows, hidden_rows=[3], hidden_columns=[3], states=(1, 0, 2))
    table = table_of(tmp_path, data, name="plan.xlsb")
    assert [row.cells for row in table.rows] == [("a {discount} cup on {day}", "50%", "24 Dec 2026"), ("c", "2")]
    assert (table.tab, table.reading.hidden_rows) == ("Tab 2", (3,))
    assert table.reading.hidden_columns == (HiddenColumn(3, "notes"),)
    assert [tab.name for tab in table.reading.unread_tabs] == ["Tab 1", "Tab 3"]


def as_xlsx(rows: list[list[Any]], hidden_rows: set[int], hidden_columns: set[int], states: list[int]) -> bytes:
    made = Workbook()
    made.remove(made.active)
    for number, state in enumerate(states, 1):
        tab = made.create_sheet(f"Tab {number}")
        for row in rows:
            tab.append(row)
        for row in hidden_rows:
            tab.row_dimensions[row].hidden = True
        for column in hidden_columns:
            tab.column_dimensions[letter(column)].hidden = True
        tab.sheet_state = ("visible", "hidden", "veryHidden")[state]
    return saved(made)


@given(
    st.sampled_from([as_xlsx, xlsb]),
    st.sets(st.integers(2, 8)),
    st.sets(st.integers(1, 4)),
    st.lists(st.integers(0, 2), min_size=1, max_size=3).filter(lambda states: 0 in states),
    st.sets(st.tuples(st.integers(2, 8), st.integers(0, 4))),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_what_people_see(make, hidden_rows, hidden_columns, states, blank, include):
    """Every cell is either read or belongs to something that the reading names."""
    header = ["prompt", "a", "b", "c", "d"]
    rows = [header, *([None if (n, c) in blank else f"r{n}c{c}" for c in range(5)] for n in range(2, 9))]
    filled = {(n, c): text for n, row in enumerate(rows, 1) for c, text in enumerate(row) if text}
    data = make(rows, hidden_rows, hidden_columns, states)
    found = read.read_workbook(data, "workbook", ReadingOptions(include_hidden=include))
    assert {(row.number, c): text for row in found.rows for c, text in enumerate(row.cells) if text} == filled
    assert set(found.reading.hidden_rows) == {n for n in hidden_rows if any(place[0] == n for place in filled)}
    assert {column.column for column in found.reading.hidden_columns} == hidden_columns
    has_prompts = any(c == 0 and n > 1 and (include or n not in hidden_rows) for n, c in filled)
    assert found.tab == f"Tab {states.index(0) + 1}"
    assert len(found.reading.unread_tabs) == (len(states) - 1 if has_prompts else 0)


# Tabs


@pytest.mark.parametrize(("name", "tab"), [("howto_first.xlsx", "Briefs"), ("readme_first.xlsx", "Campaign")])
def test_a_tab_that_explains_the_columns_is_not_the_campaign(name, tab):
    table = read_table(FILES / name)
    assert (table.tab, prompts(table), warnings(table)) == (tab, ["a red circle"], [])


def test_other_tabs_with_prompts_are_named_and_can_be_chosen():
    table = read_table(FILES / "two_tabs.xlsx")
    assert (table.tab, table.name) == ("US", "two_tabs")
    assert warnings(table) == [
        "The tab 'DE' has a prompt column and 1 row, but only the tab 'US' is read. To use the other one, choose it "
        "with --tab DE."
    ]
    other = read_table(FILES / "two_tabs.xlsx", ReadingOptions(tab="de"))
    assert (other.tab, other.name, other.reading.choices) == ("DE", "two_tabs DE", ("tab=DE",))
    same = read_table(FILES / "two_tabs.xlsx", ReadingOptions(tab="US"))
    assert (same.name, same.reading.choices) == ("two_tabs", ())


def test_the_tab_with_the_most_known_columns_is_read(tmp_path):
    made = book(
        Ideas=[["prompt"], ["not this"], ["nor this"]],
        Plan=[["prompt", "Aspect", "Length"], ["this", "1:1", "2"]],
    )
    table = table_of(tmp_path, saved(made))
    assert (table.tab, table.reading.unread_tabs) == ("Plan", (UnreadTab("Ideas", 2, False),))


def test_a_tab_without_prompts_loses(tmp_path):
    made = book(Template=[["prompt", "Aspect", "Length", "variants"]], Plan=[["prompt"], ["this"]])
    assert table_of(tmp_path, saved(made)).tab == "Plan"


def test_a_list_of_own_columns_is_not_a_campaign(tmp_path):
    guide = [["Field", "Meaning"], ["prompt", "What it shows"], ["brand voice", "How it sounds"], ["mood", "x"]]
    made = book(Guide=guide, Plan=[["prompt", "brand voice", "mood"], ["this", "calm", "happy"]])
    table = table_of(tmp_path, saved(made))
    assert (table.tab, table.reading.unread_tabs) == ("Plan", ())


def test_our_own_tabs_are_never_unread_tabs(tmp_path):
    write_template(tmp_path / "template.xlsx", ["starter"])
    table = read_table(tmp_path / "template.xlsx")
    assert (table.tab, table.reading.unread_tabs) == ("Campaign", ())
    data = workbook([["prompt", "Aspect"], ["a", "7:3"], ["{x}", "1:1"]])
    bad = table_of(tmp_path, data)
    checked = check_table(bad)
    annotate(bad, checked.problems, checked.warnings, tmp_path / "marked.xlsx")
    again = read_table(tmp_path / "marked.xlsx")
    assert (again.tab, again.reading.unread_tabs) == ("Campaign", ())
    results = book(
        Clips=[["prompt", "Aspect", "Length", "seed"], ["a", "1:1", 2, 5]],
        Campaign=[["prompt", "Reelmill status"], ["a", "published"]],
    )
    table = table_of(tmp_path, saved(results))
    assert (table.tab, table.reading.unread_tabs) == ("Campaign", ())


def test_a_tab_name_with_a_typo_gets_a_suggestion(tmp_path):
    data = saved(book(Campaign=[["prompt"], ["a"]], Budget=[["Item"], ["x"]]))
    with pytest.raises(UnreadableSheetError, match=r"has no tab 'Campain'. Did you mean 'Campaign'\? Use one of its"):
        table_of(tmp_path, data, ReadingOptions(tab="Campain"))
    assert table_of(tmp_path, data, ReadingOptions(tab=" CAMPAIGN")).tab == "Campaign"


def test_a_tab_that_is_too_large_does_not_stop_the_others(tmp_path, monkeypatch):
    from adapters.sheets.workbook import extent, tab_choice, xlsx
    from adapters.sheets.workbook.package import Package

    monkeypatch.setattr(extent, "MAX_GRID_CELLS", 50)
    data = saved(book(Plan=[["prompt"], ["a"]], Data=[[n] * 10 for n in range(10)]))
    choice = tab_choice.choose_tab(xlsx.xlsx_tabs(data, Package(data)), "", False)
    assert choice.chosen.tab.name == "Plan"
    assert [name for name, _ in choice.errors] == ["Data"]
    found = read._workbook("XLSX", choice).reading.unreadable_tabs
    assert found[0].reason.startswith("has cells as far out as J10")


def test_hidden_tabs_are_never_read_by_default(tmp_path):
    made = book(Old=[["prompt", "Aspect"], ["old", "1:1"]], Plan=[["Description"], ["new"]])
    made["Old"].sheet_state = "veryHidden"
    table = table_of(tmp_path, saved(made))
    assert (table.tab, table.reading.unread_tabs) == ("Plan", (UnreadTab("Old", 1, True),))
    assert any("The hidden tab 'Old' has a prompt column" in sentence for sentence in warnings(table))


# Number formats


def test_number_formats_are_read_as_shown():
    assert read_table(FILES / "numfmt.xlsx").rows[0].cells[1:] == (
        *("50%", "$19.90", "00042", "1.50", "1,200,000", "24 Dec 2026", "1.23E+05", "1/2", "330 ml", "Donnerstag"),
    )
    assert [row.cell(0) for row in read_table(FILES / "leadingzero_id.xlsx").rows] == ["00042", "00042"]


def formatted(*columns: tuple[str, Any, str]) -> bytes:
    made = Workbook()
    made.active.append(["prompt", *(header for header, _, _ in columns)])
    made.active.append(["a cup", *(value for _, value, _ in columns)])
    for index, (_, _, code) in enumerate(columns, 2):
        made.active.cell(2, index).number_format = code
    return saved(made)


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (5, "0 pcs", "5 pcs"),
        (-3, '[h]"h"', "-3"),
        (5, "d mmm yyyy", "5 Jan 1900"),
        (0.25, "h:mm", "6:00"),
        (1, "0d", "1d"),
    ],
)
def test_numbers_that_calamine_takes_for_dates_are_read_as_shown(tmp_path, value, code, shown):
    assert table_of(tmp_path, formatted(("x", value, code))).rows[0].cells == ("a cup", shown)


def test_columns_with_numbers_are_calculated_with_their_values(tmp_path):
    data = formatted(
        ("seed", 123456, "#,##0"),
        ("Length", 2.5, '0.00" s"'),
        ("min adherence", 0.25, "0%"),
        ("variants", 3, '0" pcs"'),
        ("want", 2, "00"),
        ("price", 3, "0.00"),
    )
    table = table_of(tmp_path, data)
    (brief,) = check_table(table).briefs
    assert (brief.seed, brief.durations_s, brief.min_adherence, brief.variants, brief.want) == (
        *(123456, (2.5,), 0.25, 3, 2),
    )
    assert (brief.metadata["price"], warnings(table)) == (("3.00",), [])


def test_a_number_that_people_see_differently_is_named(tmp_path):
    table = table_of(tmp_path, formatted(("Length", 2.5, "0"), ("seed", 7, ";;;")))
    (brief,) = check_table(table).briefs
    assert (brief.durations_s, brief.seed) == ((2.5,), 7)
    assert warnings(table) == [
        "Row 2, column B 'Length': '3' is shown, but the cell contains 2.5, which is used. Type the number that you "
        "want.",
        "Row 2, column C 'seed' shows nothing, but the cell contains 7, which is used. Type the number that you want.",
    ]


def test_a_date_without_a_fixed_order_is_named_if_a_prompt_uses_it(tmp_path):
    day = datetime.date(2026, 12, 24)
    data = formatted(("day", day, "mm-dd-yy"), ("deadline", day, "mm-dd-yy"))
    made = io.BytesIO(data)
    from openpyxl import load_workbook

    changed = load_workbook(made)
    changed.active["A2"] = "a cup on {day}"
    table = table_of(tmp_path, saved(changed))
    assert table.rows[0].cells == ("a cup on {day}", "2026-12-24", "2026-12-24")
    (sentence,) = warnings(table)
    assert sentence.startswith("Row 2, column B 'day': '2026-12-24' is used as written here, but each computer shows")


def test_workbooks_that_count_from_1904_show_the_same_dates(tmp_path):
    made = Workbook()
    made.epoch = datetime.datetime(1904, 1, 1)
    made.active.append(["prompt", "day", "time"])
    made.active.append(["a", datetime.date(2026, 12, 24), datetime.time(9, 5)])
    made.active["B2"].number_format = "d mmm yyyy"
    made.active["C2"].number_format = "h:mm"
    assert table_of(tmp_path, saved(made)).rows[0].cells == ("a", "24 Dec 2026", "9:05")


# Packages


def repacked(data: bytes, rename: Callable[[str], str], change: Callable[[bytes], bytes] = lambda part: part) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return archive({rename(name): change(package.read(name)) for name in package.namelist()})


GOOD = formatted(("day", datetime.date(2026, 12, 24), "d mmm yyyy"))


def test_the_workbook_part_can_have_any_name():
    assert prompts(read_table(FILES / "workbook2.xlsx")) == ["a red circle"]


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.replace("/", "\\"),
        lambda name: name.lower(),
        lambda name: name.upper() if name.startswith("xl/") else name,
        lambda name: f"/{name}",
    ],
    ids=["backslashes", "lower case", "upper case", "leading slash"],
)
def test_parts_are_found_however_they_are_spelled(tmp_path, rename):
    assert table_of(tmp_path, repacked(GOOD, rename)).rows[0].cells == ("a cup", "24 Dec 2026")


@pytest.mark.parametrize("target", ["/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml", "worksheets\\sheet1.xml"])
def test_targets_of_relations_can_be_absolute(tmp_path, target):
    def change(part: bytes) -> bytes:
        return re.sub(rb'Target="[^"]*sheet1.xml"', f'Target="{target}"'.encode().replace(b"\\", b"\\\\"), part)

    assert prompts(table_of(tmp_path, repacked(GOOD, str, change))) == ["a cup"]


def test_worksheets_can_be_in_another_folder(tmp_path):
    def change(part: bytes) -> bytes:
        return re.sub(rb'Target="[^"]*sheet1.xml"', b'Target="/data/first.xml"', part)

    data = repacked(GOOD, lambda name: name.replace("xl/worksheets/sheet1.xml", "data/first.xml"), change)
    assert prompts(table_of(tmp_path, data)) == ["a cup"]


def test_strict_workbooks_are_read(tmp_path):
    def strict(part: bytes) -> bytes:
        for old, new in (
            (b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"spreadsheetml/main"),
            (b"http://schemas.openxmlformats.org/officeDocument/2006/", b"officeDocument/"),
        ):
            part = part.replace(old, b"http://purl.oclc.org/ooxml/" + new)
        return part

    assert table_of(tmp_path, repacked(GOOD, str, strict)).rows[0].cells == ("a cup", "24 Dec 2026")


def test_a_package_without_the_usual_relations_is_read(tmp_path):
    data = raw_workbook(f'<row r="1">{text_cell("A1", "prompt")}</row><row r="2">{text_cell("A2", "a")}</row>')
    without = repacked(data, lambda name: "other" if name == "_rels/.rels" else name)
    assert prompts(table_of(tmp_path, without)) == ["a"]


def test_a_text_document_is_named_even_with_a_workbook_inside(tmp_path):
    data = archive(
        {
            "_rels/.rels": RELATIONS.format(kind="officeDocument", target="word/document.xml"),
            "word/document.xml": "<w/>",
            "word/embeddings/Book.xlsx": "x",
        }
    )
    with pytest.raises(UnreadableSheetError, match="is a Word document"):
        table_of(tmp_path, data, name="brief.docx")


# Damage


def test_a_panic_of_calamine_means_a_damaged_file(monkeypatch):
    class PanicException(BaseException):
        pass

    def panic(*_: object) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr(read, "_tabs", panic)
    with pytest.raises(UnreadableSheetError, match="is damaged"):
        read.read_workbook(b"", "workbook", ReadingOptions())


def test_a_panic_of_calamine_without_memory_is_no_damage(monkeypatch):
    class PanicException(BaseException):
        pass

    def panic(*_: object) -> None:
        raise PanicException("PyObject pointer is null")

    monkeypatch.setattr(read, "_tabs", panic)
    with pytest.raises(MemoryError):
        read.read_workbook(b"", "workbook", ReadingOptions())


def ods(rows: str) -> bytes:
    spaces = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    )
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="Plan">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    return archive({"mimetype": ODS, "content.xml": content})


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def test_cells_of_an_ods_are_read_in_every_form(tmp_path):
    rows = (
        f"<table:table-row>{cell('prompt')}{cell('seed')}{cell('sum')}</table:table-row>"
        "<table:table-row table:number-rows-repeated='2'>"
        "<table:table-cell><office:annotation><text:p>a comment</text:p></office:annotation>"
        "<text:p>a <text:span>red</text:span><text:s text:c='2'/>cup</text:p><text:p>on a table</text:p>"
        "</table:table-cell>"
        + cell("1,234", "office:value-type='float' office:value='1234'")
        + "<table:table-cell table:formula='of:=SUM([.B2])'/></table:table-row>"
        "<table:table-row-group table:display='false'><table:table-row>"
        f"{cell('hidden')}</table:table-row></table:table-row-group>"
        "<table:table-row table:number-rows-repeated='1048570'>"
        "<table:table-cell table:number-columns-repeated='16384'/></table:table-row>"
    )
    table = table_of(tmp_path, ods(rows), name="plan.ods")
    assert [row.cells for row in table.rows] == [("a red  cup\non a table", "1234", "=SUM([.B2])")] * 2
    assert (table.formulas, table.reading.hidden_rows) == ({(2, 2), (3, 2)}, (4,))
    assert prompts(table) == ["a red cup on a table"] * 2


def test_an_ods_cannot_repeat_a_cell_without_end(tmp_path):
    bomb = (
        "<table:table-row table:number-rows-repeated='1048576'>"
        + cell("x", "table:number-columns-repeated='16384'")
        + "</table:table-row>"
    )
    with pytest.raises(UnreadableSheetError, match="has more than 4,000,000 cells"):
        table_of(tmp_path, ods(bomb), name="plan.ods")


def test_a_note_in_an_ods_with_an_entity_bomb_is_refused(tmp_path):
    data = archive({"mimetype": ODS, "content.xml": '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'})
    with pytest.raises(UnreadableSheetError, match="contains XML declarations"):
        table_of(tmp_path, data, name="plan.ods")


def test_a_hidden_column_that_a_prompt_uses_is_named(tmp_path):
    book = Workbook()
    tab = book.active
    tab.append(["prompt", "colour"])
    tab.append(["a {colour} cup", "red"])
    tab.column_dimensions["B"].hidden = True
    path = tmp_path / "plan.xlsx"
    book.save(path)
    [problem] = check_table(read_table(path)).problems
    assert "'{colour}' is a hidden column, which is left out. Unhide it, or include hidden columns" in problem.sentence
    assert not check_table(read_table(path, ReadingOptions(include_hidden=True))).problems
