"""Hyperlinks in the results workbook."""

import io
import os
import re
import shutil
import subprocess
from dataclasses import replace
from xml.etree import ElementTree

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets.making import raw_workbook, saved, text_cell
from test_results_workbook import BOOKS, CLIP, DONE, parts_of, rich_workbook, written

from adapters.sheets import Outcome, read_table, write_results
from adapters.sheets.package.hyperlinks import number_of_hyperlinks, with_hyperlinks, without_hyperlinks
from adapters.sheets.results.link import MAX_TARGET, target_of
from adapters.sheets.results.outcome import Result, within_limit

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

URL = "https://cdn.example/a b/ü.mp4?v=1&x=%20#t"
TARGET = "https://cdn.example/a%20b/%C3%BC.mp4?v=1&x=%20#t"
RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ORDER = [
    "sheetPr",
    "dimension",
    "sheetViews",
    "sheetFormatPr",
    "cols",
    "sheetData",
    "sheetCalcPr",
    "sheetProtection",
    "protectedRanges",
    "scenarios",
    "autoFilter",
    "sortState",
    "dataConsolidate",
    "customSheetViews",
    "mergeCells",
    "phoneticPr",
    "conditionalFormatting",
    "dataValidations",
    "hyperlinks",
    "printOptions",
    "pageMargins",
    "pageSetup",
    "headerFooter",
    "rowBreaks",
    "colBreaks",
    "customProperties",
    "cellWatches",
    "ignoredErrors",
    "smartTags",
    "drawing",
    "legacyDrawing",
    "legacyDrawingHF",
    "picture",
    "oleObjects",
    "controls",
    "webPublishItems",
    "tableParts",
    "extLst",
]


def links_of(tab) -> dict[str, str]:
    return {cell.coordinate: cell.hyperlink.target for line in tab.iter_rows() for cell in line if cell.hyperlink}


def linked(tmp_path, data: bytes, name: str = "plan.xlsx", url: str = URL):
    outcomes = {4: replace(DONE, url=url), 5: Outcome("failed"), 6: replace(DONE, url=url)}
    return written(tmp_path, data, name, outcomes, (replace(CLIP, url=url), replace(CLIP, url=url)))


@pytest.mark.parametrize("kind", BOOKS)
def test_the_url_of_a_row_and_of_a_clip_is_a_hyperlink(tmp_path, kind):
    out = linked(tmp_path, BOOKS[kind]())
    book = openpyxl.load_workbook(out)
    tab, clips = book.worksheets[0], book["Clips"]
    cells = [cell for line in tab.iter_rows() for cell in line if cell.value == URL]
    assert links_of(tab) == {cell.coordinate: TARGET for cell in cells}
    assert len(cells) == 2
    assert links_of(clips) == {"I2": TARGET, "I3": TARGET}
    assert {(cell.font.underline, cell.font.color.rgb) for cell in (*cells, clips["I2"])} == {("single", "FF0563C1")}
    for name in ("xl/worksheets/sheet1.xml", "xl/worksheets/sheet4.xml"):
        found = [each.tag.rpartition("}")[2] for each in ElementTree.fromstring(parts_of(out)[name])]
        assert sorted(found, key=ORDER.index) == found
    assert not any(b"HYPERLINK" in data for data in parts_of(out).values())


def test_a_workbook_that_is_made_from_texts_has_hyperlinks(tmp_path):
    source = tmp_path / "plan.csv"
    source.write_text("prompt\na cup\n", "utf-8")
    write_results(read_table(source), {2: replace(DONE, url=URL)}, tmp_path / "out.xlsx", [replace(CLIP, url=URL)])
    tab, clips = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets
    assert (links_of(tab), links_of(clips)) == ({"F2": TARGET}, {"I2": TARGET})


def test_hyperlinks_of_the_user_stay_and_those_of_an_earlier_run_are_replaced(tmp_path):
    book = openpyxl.load_workbook(io.BytesIO(rich_workbook()))
    book.worksheets[0]["B4"].hyperlink = "https://user.example/plan"
    out = linked(tmp_path, saved(book))
    first = links_of(openpyxl.load_workbook(out).worksheets[0])
    assert first == {"B4": "https://user.example/plan", "J4": TARGET, "J6": TARGET}
    again = written(tmp_path, out.read_bytes(), "again.xlsx", {5: replace(DONE, url="https://x/5")}, (CLIP,))
    tab, clips = (openpyxl.load_workbook(again)[name] for name in ("Kampagne", "Clips"))
    assert links_of(tab) == {"B4": "https://user.example/plan", "J5": "https://x/5"}
    assert links_of(clips) == {"I2": CLIP.url}
    rels = {name: data for name, data in parts_of(again).items() if name.startswith("xl/worksheets/_rels/")}
    assert not any(b"cdn.example" in data for data in rels.values())


def test_a_run_without_clips_removes_the_hyperlinks(tmp_path):
    out = linked(tmp_path, rich_workbook())
    again = written(tmp_path, out.read_bytes(), "again.xlsx", {4: Outcome("failed")}, ())
    assert b"hyperlink" not in parts_of(again)["xl/worksheets/sheet1.xml"]
    assert links_of(openpyxl.load_workbook(again)["Kampagne"]) == {}


def test_the_results_with_hyperlinks_give_the_same_rows(tmp_path):
    out = linked(tmp_path, rich_workbook())
    before, after = read_table(tmp_path / "plan.xlsx"), read_table(out)
    assert [row.cells[:5] for row in after.rows] == [row.cells[:5] for row in before.rows]


def test_a_worksheet_with_prefixes_and_a_strict_workbook_get_hyperlinks(tmp_path):
    rows = f"<row r='1'>{text_cell('A1', 'prompt')}</row><row r='2'>{text_cell('A2', 'a cup')}</row>"
    out = written(tmp_path, raw_workbook(rows), outcomes={2: replace(DONE, url=URL)})
    assert list(links_of(openpyxl.load_workbook(out).worksheets[0]).values()) == [TARGET]
    prefixed = b'<x:worksheet xmlns:x="urn:m"><x:sheetData/><x:mergeCells/><mc:A xmlns:mc="urn:c"/></x:worksheet>'
    data = with_hyperlinks(prefixed, {"A1": "r1"}, RELATIONSHIPS)
    assert [each.tag for each in ElementTree.fromstring(data)][2:] == ["{urn:m}hyperlinks", "{urn:c}A"]
    assert number_of_hyperlinks(data) == 1
    assert without_hyperlinks(data, {"A1"}) == (prefixed, frozenset({"r1"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3://bucket/a.mp4",
        "javascript:alert(1)",
        "data:text/html,x",
        '=HYPERLINK("http://evil")',
        "http://",
        "http://[",
        "http://x:99999999/",
        "https://x/\nfile",
        "file://server/share/a.exe",
        "file:////server/share",
        "file:///\\\\server\\share",
        "https://x/" + "a" * MAX_TARGET,
        " https://x/a",
    ],
)
def test_other_texts_stay_plain_text(tmp_path, text):
    assert target_of(text) == ""
    out = written(tmp_path, rich_workbook(), outcomes={4: replace(DONE, url=text)}, clips=())
    assert links_of(openpyxl.load_workbook(out).worksheets[0]) == {}


@pytest.mark.parametrize("text", ["http://x/a", "https://x:8443/a?b=c", "file:///home/ann/a%20b.mp4", "HTTPS://X/a"])
def test_web_pages_and_local_files_are_linked_unchanged(text):
    assert target_of(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["http://", "https://x/", "file:///", ""]))
def test_a_target_is_ascii_and_has_an_allowed_scheme(text, start):
    target = target_of(start + text)
    assert not target or re.fullmatch(r"(https?|file):[!-~]+", target, re.IGNORECASE)
    assert not set(target) & set('"<> \\^`{|}')


def test_results_beyond_the_limit_are_plain_text(monkeypatch):
    monkeypatch.setattr("adapters.sheets.results.outcome.MAX_LINKS", 3)
    lines = [(Result("x", link="https://x/"), Result(1)) for _ in range(4)]
    assert [bool(line[0].link) for line in within_limit(lines)] == [True, True, True, False]
    assert [bool(line[0].link) for line in within_limit(lines, 2)] == [True, False, False, False]


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("soffice") or os.environ.get("CI")), reason="needs LibreOffice")
def test_libreoffice_opens_the_hyperlinks(tmp_path):
    out = linked(tmp_path, rich_workbook())
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "fods"]
    subprocess.run([*command, "--outdir", tmp_path, out], check=True, capture_output=True, timeout=120)
    text = out.with_suffix(".fods").read_text("utf-8")
    assert len(re.findall(r'<text:a xlink:href="https://cdn.example/[^"]*"', text)) == 4
