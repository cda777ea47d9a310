"""The results of a workbook: a copy that keeps everything, with our columns and a list of clips."""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from PIL import Image as Picture
from sheets.making import MAIN, archive, raw_workbook, saved, text_cell

from adapters.sheets import ClipResult, Outcome, read_table, results_path, write_results
from adapters.sheets.package.sheet_cells import NewCell, with_cells
from adapters.sheets.package.xml_splice import readable
from adapters.sheets.results.outcome import CLIPS, RESULTS
from manifests.costs.money import Money
from manifests.sheet import check_table
from manifests.sheet.reading import ReadingOptions

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

LIBREOFFICE = Path(__file__).parent / "sheets" / "data" / "libreoffice-formatted.xlsx"
EUR = (Money(20_000, "EUR"),)
DONE = Outcome(
    "published", 3, 3, 0.31, "https://x/1", "ab" * 32, "=why", "", ("https://x/1", "https://x/2"), 9.5, EUR, "billed"
)
FAILED = Outcome("failed", why="no movement: 1")
CLIP = ClipResult(
    (4,),
    ("b1",),
    "0a" * 16,
    "placements: 16:9; 色: 红",
    "published",
    7,
    0.31,
    "https://x/1",
    "cd" * 32,
    1.5,
    prompt="a cup",
    model="starter",
    note="fallback for runway-gen4.5: refused",
)
SPARKLINES = (
    b'<extLst><ext uri="{05C60535-1F16-4fd2-B633-F4F36F0B64E0}" '
    b'xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"><x14:sparklineGroups/></ext></extLst>'
)


def rich_workbook() -> bytes:
    """Return a workbook with what people put into one: a title, colours, formulas, lists, a filter, a chart …"""
    book = openpyxl.Workbook()
    tab = book.active
    tab.title = "Kampagne"
    for row in (["Plan 2026"], [], ["brief_id", "prompt", "aspect", "variants", "Budget"]):
        tab.append(row)
    for number in range(4, 8):
        tab.append([f"b{number}", f"a cup, take {number}", "16:9", 3, f"=D{number}*10"])
    for cell in tab[3]:
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="305496")
    tab["B4"].fill = PatternFill("solid", fgColor="FFFF00")
    tab["B4"].comment = Comment("check this", "Ann")
    tab.row_dimensions[5].hidden = True
    tab.auto_filter.ref = "A3:E7"
    tab.merge_cells("A1:H1")
    choices = DataValidation("list", formula1='"16:9,9:16"')
    choices.add("C4:C99")
    tab.add_data_validation(choices)
    rule = CellIsRule(operator="greaterThan", formula=["20"], fill=PatternFill("solid", bgColor="FF0000"))
    tab.conditional_formatting.add("E4:E7", rule)
    budget = book.create_sheet("Budget")
    budget["B1"] = "=SUM(Kampagne!E4:E7)"
    chart = BarChart()
    chart.add_data(Reference(tab, min_col=4, min_row=3, max_row=7), titles_from_data=True)
    budget.add_chart(chart, "D4")
    picture = io.BytesIO()
    Picture.new("RGB", (9, 9), "red").save(picture, "PNG")
    budget.add_image(Image(picture), "D20")
    book.create_sheet("Hidden").sheet_state = "hidden"
    return with_parts(
        saved(book),
        {"customXml/item1.xml": lambda _: b"<x/>", "xl/threadedComments/t1.xml": lambda _: b"<x/>"},
    )


def with_parts(data: bytes, changes: dict[str, Callable[[bytes], bytes]]) -> bytes:
    """Return a package with changed or added parts."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    return archive({**parts, **{name: change(parts.get(name, b"")) for name, change in changes.items()}})


def renamed(data: bytes, name: Callable[[str], str]) -> bytes:
    """Return a package whose members have other names."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return archive({name(part): package.read(part) for part in package.namelist()})


def written(tmp_path: Path, data: bytes, name: str = "plan.xlsx", outcomes=None, clips=(CLIP,)) -> Path:
    source = tmp_path / name
    source.write_bytes(data)
    table = read_table(source)
    out = results_path(table, tmp_path)
    assert out == tmp_path / f"{source.stem}-results{out.suffix}"
    assert write_results(table, {4: DONE, 5: FAILED} if outcomes is None else outcomes, out, clips) == (out,)
    return out


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


BOOKS = {"openpyxl": rich_workbook, "LibreOffice": LIBREOFFICE.read_bytes}


@pytest.mark.parametrize("kind", BOOKS)
def test_every_part_but_a_few_is_kept_byte_for_byte(tmp_path, kind):
    out = written(tmp_path, BOOKS[kind]())
    before, after = parts_of(tmp_path / "plan.xlsx"), parts_of(out)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {
        "[Content_Types].xml",
        "xl/_rels/workbook.xml.rels",
        "xl/styles.xml",
        "xl/workbook.xml",
        "xl/worksheets/sheet1.xml",
        "xl/worksheets/sheet4.xml",
        "xl/worksheets/_rels/sheet1.xml.rels",
        "xl/worksheets/_rels/sheet4.xml.rels",
    }
    assert before.keys() <= after.keys()


@pytest.mark.parametrize("kind", BOOKS)
def test_the_cells_of_the_user_keep_their_content_and_style(tmp_path, kind):
    out = written(tmp_path, BOOKS[kind]())
    before, after = (openpyxl.load_workbook(path) for path in (tmp_path / "plan.xlsx", out))
    assert after.sheetnames == [*before.sheetnames, "Clips"]
    assert [tab.sheet_state for tab in after] == ["visible", "visible", "hidden", "visible"]
    for tab in before:
        for cell in (cell for line in tab.iter_rows() for cell in line):
            copy = after[tab.title][cell.coordinate]
            assert copy.value == cell.value or cell.value is None
            if cell.value is not None:
                assert repr((copy.fill, copy.font, copy.number_format)) == repr(
                    (cell.fill, cell.font, cell.number_format)
                )
    tab = after["Kampagne"]
    assert tab["E4"].value == "=D4*10"
    assert tab["B4"].comment.text.strip()
    assert tab["B4"].fill.fgColor.rgb[2:] == "FFFF00"
    assert tab.row_dimensions[5].hidden
    assert not tab.row_dimensions[4].hidden
    assert [str(each.sqref) for each in tab.data_validations.dataValidation] == ["C4:C99"]
    assert len(tab.conditional_formatting) == 1
    assert tab.auto_filter.ref.startswith("A3:")
    assert [str(each) for each in tab.merged_cells.ranges] == ["A1:H1"]
    assert (len(after["Budget"]._charts), len(after["Budget"]._images)) == (1, 1)


def test_results_are_in_the_rows_of_their_briefs_after_all_columns(tmp_path):
    tab = openpyxl.load_workbook(written(tmp_path, rich_workbook()))["Kampagne"]
    assert [cell.value for cell in tab[3]][5:] == list(RESULTS)
    assert [cell.value for cell in tab[4]][5:] == [
        "published",
        3,
        3,
        0.31,
        "https://x/1",
        "https://x/1 | https://x/2",
        "ab" * 32,
        9.5,
        0.02,
        "EUR",
        "billed",
        None,
        "'=why",
        None,
    ]
    assert [cell.value for cell in tab[5]][5:7] == ["failed", 0]
    assert [cell.value for cell in tab[6]][5:] == [None] * len(RESULTS)
    assert [tab[place].fill.fgColor.rgb for place in ("F4", "F5")] == ["FFC6E5B3", "FFF4A6A0"]
    assert (tab["F3"].font.color.rgb, tab["F3"].fill.fgColor.rgb) == ("00FFFFFF", "00305496")
    assert tab.column_dimensions["J"].width == 40
    assert tab.dimensions == "A1:S7"


def test_a_tab_lists_one_row_for_each_clip(tmp_path):
    other = ClipResult((4, 5), ("b4", "b5"), "0b" * 16, "", "failed", 8, why="it does not move")
    tab = openpyxl.load_workbook(written(tmp_path, rich_workbook(), clips=(CLIP, other)))["Clips"]
    lines = [dict(zip(CLIPS, line, strict=True)) for line in tab.iter_rows(min_row=2, values_only=True)]
    assert [cell.value for cell in tab[1]] == list(CLIPS)
    assert lines[0] == {
        "Row": 4,
        "Brief": "b1",
        "Variant": "0a" * 16,
        "Labels": "placements: 16:9; 色: 红",
        "Filled-in prompt": "a cup",
        "State": "published",
        "Score": 0.31,
        "Seed": 7,
        "URL": "https://x/1",
        "Credential SHA-256": "cd" * 32,
        "Device seconds": 1.5,
        "Cost": None,
        "Currency": None,
        "Cost basis": None,
        "Provider": None,
        "Model": "starter",
        "Why": None,
        "Note": "fallback for runway-gen4.5: refused",
    }
    assert (lines[1]["Row"], lines[1]["Brief"], lines[1]["Why"]) == ("4|5", "b4|b5", "it does not move")
    assert tab.freeze_panes == "A2"


def test_stored_results_of_formulas_are_kept_so_that_the_copy_is_a_sheet(tmp_path):
    out = written(tmp_path, LIBREOFFICE.read_bytes())
    before, after = read_table(tmp_path / "plan.xlsx"), read_table(out)
    assert after.formulas == frozenset()
    assert after.tab == "Kampagne"
    assert check_table(after).briefs == check_table(before).briefs
    assert len(check_table(after).briefs) >= 4


def test_a_later_run_updates_the_columns_and_the_list(tmp_path):
    once = written(tmp_path, rich_workbook())
    twice = written(tmp_path, once.read_bytes(), "again.xlsx", {5: DONE}, clips=())
    book = openpyxl.load_workbook(twice)
    assert book.sheetnames == ["Kampagne", "Budget", "Hidden", "Clips"]
    assert [cell.value for cell in book["Kampagne"][3]][5:] == list(RESULTS)
    assert [book["Kampagne"][place].value for place in ("F4", "F5", "R5")] == [None, "published", "'=why"]
    assert list(book["Clips"].iter_rows(values_only=True)) == [tuple(CLIPS)]


def test_columns_that_the_user_moved_are_updated_in_their_place(tmp_path):
    book = openpyxl.load_workbook(written(tmp_path, rich_workbook()))
    book["Kampagne"].insert_cols(1)
    book["Kampagne"]["R3"] = "mine"
    tab = openpyxl.load_workbook(written(tmp_path, saved(book), "again.xlsx", {6: DONE}))["Kampagne"]
    assert tab["G6"].value == "published"
    assert tab["R3"].value == "mine"
    assert sum(cell.value == "Reelmill status" for cell in tab[3]) == 1


def test_a_tab_of_the_user_with_our_name_is_kept(tmp_path):
    book = openpyxl.load_workbook(io.BytesIO(rich_workbook()))
    book.create_sheet("CLIPS").append(["my clips"])
    once = written(tmp_path, saved(book))
    assert openpyxl.load_workbook(once).sheetnames[-2:] == ["CLIPS", "Clips (2)"]
    twice = openpyxl.load_workbook(written(tmp_path, once.read_bytes(), "again.xlsx"))
    assert twice.sheetnames[-2:] == ["CLIPS", "Clips (2)"]
    assert twice["CLIPS"]["A1"].value == "my clips"


def test_a_workbook_with_macros_keeps_them(tmp_path):
    macros = b"not really a VBA project"
    data = with_parts(
        rich_workbook(),
        {
            "[Content_Types].xml": lambda xml: xml.replace(
                b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
                b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
            ),
            "xl/vbaProject.bin": lambda _: macros,
        },
    )
    out = written(tmp_path, data, "plan.xlsm")
    assert out.name == "plan-results.xlsm"
    assert parts_of(out)["xl/vbaProject.bin"] == macros


def test_a_template_becomes_a_workbook(tmp_path):
    data = with_parts(
        rich_workbook(), {"[Content_Types].xml": lambda xml: xml.replace(b"sheet.main+xml", b"template.main+xml")}
    )
    out = written(tmp_path, data)
    assert b"template" not in parts_of(out)["[Content_Types].xml"]
    assert openpyxl.load_workbook(out)["Clips"]["B2"].value == "b1"


def test_prefixes_row_spans_and_column_ranges_of_other_programs(tmp_path):
    """Some libraries write a prefix on every element, rows without numbers, and one range for all columns."""
    rows = "".join(
        f'<x:row r="{row}" spans="1:2"><x:c r="A{row}" t="inlineStr"><x:is><x:t>{text}</x:t></x:is></x:c>'
        f'<x:c r="D{row}" s="0"/></x:row>'
        for row, text in enumerate(("prompt", "a cup", "a hat"), 1)
    )
    sheet = (
        f'<?xml version="1.0" encoding="utf-8"?><x:worksheet xmlns:x="{MAIN}"><x:dimension ref="A1:A3"/>'
        f'<x:cols><x:col min="1" max="16384" width="9"/></x:cols><x:sheetData>{rows}</x:sheetData>'
        "</x:worksheet>"
    )
    out = written(tmp_path, raw_workbook(sheet.encode()), outcomes={2: DONE, 3: FAILED})
    tab = openpyxl.load_workbook(out)["Campaign"]
    assert [cell.value for cell in tab[1]] == ["prompt", *RESULTS]
    assert [cell.value for cell in tab[3]][:2] == ["a hat", "failed"]
    xml = parts_of(out)["xl/worksheets/sheet1.xml"].decode()
    assert "spans" not in xml
    assert re.findall(r'<x:col min="(\d+)" max="(\d+)"', xml)[0] == ("1", "1")
    assert re.findall(r'<x:col min="(\d+)" max="(\d+)"', xml)[-1] == (str(len(RESULTS) + 2), "16384")


def test_rows_and_cells_without_references(tmp_path):
    cells = "".join(f"<row><c t='inlineStr'><is><t>{text}</t></is></c></row>" for text in ("prompt", "a cüp"))
    out = written(tmp_path, raw_workbook(cells), outcomes={2: DONE})
    assert [cell.value for cell in openpyxl.load_workbook(out)["Campaign"][2]][:2] == ["a cüp", "published"]


def test_parts_in_utf_16_are_edited():
    sheet = f'<?xml version="1.0" encoding="UTF-16"?><worksheet xmlns="{MAIN}"><sheetData>{{}}</sheetData></worksheet>'
    data = readable(sheet.format('<row r="1"><c r="A1"><v>1</v></c></row>').encode("utf-16"))
    done = with_cells(data, {1: {1: NewCell("ü")}}, {})
    assert "".join(ElementTree.fromstring(done).itertext()) == "1ü"


def test_names_of_parts_with_backslashes(tmp_path):
    source = tmp_path / "plan.xlsx"
    source.write_bytes(rich_workbook())
    table = read_table(source)
    source.write_bytes(renamed(source.read_bytes(), lambda part: part.replace("/", "\\")))
    table = replace(table, sha256=hashlib.sha256(source.read_bytes()).hexdigest())
    write_results(table, {4: DONE}, tmp_path / "out.xlsx", [CLIP])
    with zipfile.ZipFile(tmp_path / "out.xlsx") as package:
        assert not [part for part in package.namelist() if "\\" in part]
    assert read_table(tmp_path / "out.xlsx", ReadingOptions(tab="Clips")).rows[0].cells[1] == "b1"


def test_a_structure_that_cannot_be_edited_gives_the_texts_and_says_so(tmp_path):
    """Rows out of order: our cells would have to move the user's."""
    rows = "".join(
        f'<row r="{row}">{text_cell(f"A{row}", text)}</row>' for row, text in ((1, "prompt"), (3, "b"), (2, "a"))
    )
    out = written(tmp_path, raw_workbook(rows), outcomes={2: DONE, 3: FAILED})
    book = openpyxl.load_workbook(out)
    assert [cell.value for cell in book["Campaign"]["A"]] == ["prompt", "a", "b"]
    assert book["Campaign"]["B2"].value == "published"
    assert book["Clips"]["A1"].value.startswith("The formatting, formulas and other tabs of the sheet are missing here")
    assert [cell.value for cell in book["Clips"][2]] == list(CLIPS)
    assert book["Clips"]["B3"].value == "b1"


def test_a_sheet_that_has_changed_since_gives_the_texts_that_were_read(tmp_path):
    source = tmp_path / "plan.xlsx"
    source.write_bytes(rich_workbook())
    table = read_table(source)
    source.write_bytes(LIBREOFFICE.read_bytes())
    write_results(table, {4: DONE}, tmp_path / "out.xlsx", [CLIP])
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book.sheetnames == ["Kampagne", "Clips"]
    assert book["Kampagne"]["B7"].value == "a cup, take 7"
    assert "changed or deleted since it was read" in book["Clips"]["A1"].value


def test_our_texts_are_never_formulas_and_always_valid(tmp_path):
    texts = ("=1+1", "@x", "a\x01b", " ", "x\ny", "<&>\"'", "😀", "_x0041_", "\ud800", "-1", "A" * 40_000)
    outcomes = {4: DONE}
    clips = [ClipResult((4,), ("b",), "c", text, "failed", 1, why=text) for text in texts]
    out = written(tmp_path, rich_workbook(), outcomes=outcomes, clips=clips)
    tab = openpyxl.load_workbook(out)["Clips"]
    assert not [cell for line in tab.iter_rows() for cell in line if cell.data_type == "f"]
    read = [row.cells[3] for row in read_table(out, ReadingOptions(tab="Clips")).rows]
    assert read[:8] == ["=1+1", "@x", "a\x01b", " ", "x\ny", "<&>\"'", "😀", "_x0041_"]
    assert read[8] == "\ufffd"
    assert len(read[10]) < 32_767


def test_the_calculation_chain_goes_when_cells_of_ours_are_replaced(tmp_path):
    """A chain that names a cell without a formula makes Excel repair the file."""
    once = written(tmp_path, rich_workbook())
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/calcChain"
    chained = with_parts(
        once.read_bytes(),
        {
            "xl/calcChain.xml": lambda _: f'<calcChain xmlns="{MAIN}"><c r="A9" i="4"/></calcChain>'.encode(),
            "xl/_rels/workbook.xml.rels": lambda xml: xml.replace(
                b"</Relationships>",
                f'<Relationship Id="c1" Type="{kind}" Target="calcChain.xml"/></Relationships>'.encode(),
            ),
            "[Content_Types].xml": lambda xml: xml.replace(
                b"</Types>", b'<Override PartName="/xl/calcChain.xml" ContentType="application/xml"/></Types>'
            ),
        },
    )
    parts = parts_of(written(tmp_path, chained, "again.xlsx"))
    assert "xl/calcChain.xml" not in parts
    assert not [name for name, data in parts.items() if b"calcChain" in data]


def test_sparklines_and_other_extensions_stay(tmp_path):
    data = with_parts(
        rich_workbook(),
        {"xl/worksheets/sheet1.xml": lambda xml: xml.replace(b"</worksheet>", SPARKLINES + b"</worksheet>")},
    )
    assert SPARKLINES in parts_of(written(tmp_path, data))["xl/worksheets/sheet1.xml"]


PLACES = st.dictionaries(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.one_of(st.integers(-9, 9), st.booleans(), st.sampled_from(["x", "=1+1", " a ", "😀", "a\nb", None])),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=PLACES, top=st.integers(1, 4), filled=st.sets(st.integers(1, 9), max_size=4))
def test_any_workbook_keeps_its_cells(tmp_path, cells, top, filled):
    """Values and coloured empty cells anywhere around the table; outcomes in its rows and in blank rows between."""
    book = openpyxl.Workbook()
    tab = book.active
    for (row, column), value in cells.items():
        tab.cell(top + row, column + 1).value = value
    for row in filled:
        tab.cell(top + row, 14).fill = PatternFill("solid", fgColor="FFFF00")
    tab.cell(top, 1).value, tab.cell(top, 2).value, tab.cell(top, 3).value = "prompt", "brief_id", "aspect"
    tab.cell(top + 1, 1).value = "a cup"
    before = {cell.coordinate: cell.value for line in tab.iter_rows() for cell in line if cell.value is not None}
    outcomes = dict.fromkeys(range(top + 1, top + 11), DONE)
    out = written(tmp_path, saved(book), outcomes=outcomes)
    after = openpyxl.load_workbook(out).worksheets[0]
    assert {place: after[place].value for place in before} == before
    status = next(cell.column for cell in after[top] if cell.value == "Reelmill status")
    for row in outcomes:
        assert [cell.value for cell in after[row]][status - 1 : status + 2] == ["published", 3, 3]
    assert sum(cell.value is not None for line in after.iter_rows(max_col=status - 1) for cell in line) == len(before)
