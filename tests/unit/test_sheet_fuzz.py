"""Any file or table is either read or rejected with messages."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets.in_process import parse_here
from sheets.making import MAIN, archive, lines, raw_workbook, text_cell, workbook

from adapters.sheets import read_table, sandbox
from adapters.sheets.sandbox import SandboxError
from manifests.errors import UnreadableSheetError
from manifests.sheet import Row, Table, check_table
from manifests.sheet.columns import COLUMNS
from manifests.sheet.prompt_template import fill
from manifests.sheet.reading import ReadingOptions

BOOKS = Path(__file__).with_name("workbooks")
FEW = settings(deadline=None)
EXAMPLES = pytest.mark.parametrize("examples", [12, pytest.param(60, marks=pytest.mark.slow)])
"""Each example starts a child process, so `make test` tries few of them and `make test-slow` the others."""
GOOD = {
    "sheet.csv": lines("prompt;Aspect;notes", '"a red; circle";16:9;x', "b;1:1;y"),
    "sheet.xlsx": workbook([["prompt", "Aspect"], ["a red circle", "16:9"], ["=A1", None]]),
}
INSIDE = {
    "libreoffice.ods": "content.xml",
    "libreoffice.xlsx": "xl/styles.xml",
    "base.xlsb": "xl/worksheets/sheet1.bin",
    "any_sheets.xlsb": "xl/workbook.bin",
}
"""Parts to damage: their checksums stay right, so that our own readers see the damage."""
SHEET = (
    f'<?xml version="1.0"?><worksheet xmlns="{MAIN}"><sheetData><row r="1">{text_cell("A1", "prompt")}'
    f'{text_cell("B1", "seed")}</row><row r="2">{text_cell("A2", "a cup")}<c r="B2"><f>1+1</f><v>2</v></c></row>'
    '<row r="3"><c r="A3" t="b"><v>1</v></c><c r="B3" t="e"><v>#REF!</v></c></row></sheetData>'
    '<mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells></worksheet>'
).encode()
WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "de|ar",
            "crop",
            "9:16=blur",
            "16:9",
            "7:3",
            "a|b",
            "{colour}",
            "{",
            "2,5",
            "-1",
            "zip",
            "#N/A",
            "a {colour} cup",
            "red|blue|pink",
            "1|",
            "",
        ]
    ),
)
NAMES = st.one_of(
    st.sampled_from([*(column.name for column in COLUMNS), "cta_de", "script (ar)", "price_pt-BR"]),
    st.just("colour"),
    st.text(max_size=8),
)
HEADERS = st.lists(NAMES, min_size=1, max_size=8)
CHANGES = st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=12)


@EXAMPLES
def test_damaged_files_are_read_or_refused(tmp_path, examples):
    @given(st.sampled_from(sorted(GOOD)), CHANGES)
    @settings(FEW, max_examples=examples)
    def check(name, changes):
        read_or_refuse(tmp_path / name, damaged(GOOD[name], changes))

    check()


@EXAMPLES
def test_damage_inside_a_workbook_is_read_or_refused(tmp_path, examples):
    @given(CHANGES)
    @settings(FEW, max_examples=examples)
    def check(changes):
        read_or_refuse(tmp_path / "sheet.xlsx", raw_workbook(damaged(SHEET, changes)))

    check()


@EXAMPLES
def test_damaged_old_workbooks_are_read_or_refused(tmp_path, examples):
    @given(st.lists(st.tuples(st.integers(0, 16_000), st.integers(0, 255)), max_size=12))
    @settings(FEW, max_examples=examples)
    def check(changes):
        read_or_refuse(tmp_path / "sheet.xls", damaged((BOOKS / "libreoffice.xls").read_bytes(), changes))

    check()


@EXAMPLES
def test_damage_inside_other_workbooks_is_read_or_refused(tmp_path, examples):
    @given(st.sampled_from(sorted(INSIDE)), CHANGES)
    @settings(FEW, max_examples=examples)
    def check(name, changes):
        with zipfile.ZipFile(BOOKS / name) as package:
            parts: dict[str, bytes | str] = {part: package.read(part) for part in package.namelist()}
        parts[INSIDE[name]] = damaged(package_part(parts, INSIDE[name]), changes)
        read_or_refuse(tmp_path / name, archive(parts))

    check()


@pytest.mark.parametrize("name", [*GOOD, *INSIDE, "libreoffice.xls", "broken.csv", "broken.xlsx"])
def test_the_child_prints_what_other_tests_parse_in_this_process(name: str):
    path = BOOKS / name
    data = GOOD.get(name) or (path.read_bytes() if path.exists() else b"\x00\x01")
    options = ReadingOptions()
    assert sandbox._answer(data, path.suffix, options) == parse_here(data, path.suffix, options)


def package_part(parts: dict[str, bytes | str], name: str) -> bytes:
    part = parts[name]
    assert isinstance(part, bytes)
    return part


def damaged(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, byte in changes:
        changed[place % len(data)] = byte
    return bytes(changed)


@EXAMPLES
def test_any_bytes_are_read_or_refused(tmp_path, examples):
    @given(st.binary(max_size=300))
    @settings(FEW, max_examples=examples)
    def check(data):
        read_or_refuse(tmp_path / "sheet.csv", data)

    check()


def read_or_refuse(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        table = read_table(path)
    except UnreadableSheetError as error:
        sentence, death = str(error), error.__cause__.__cause__
    else:
        check_table(table)
        return
    assert sentence.startswith(f"'{path.name}' ")
    assert sentence.endswith(".")
    assert not isinstance(death, SandboxError), death


@given(
    HEADERS,
    st.lists(st.lists(WORDS, min_size=1, max_size=9), max_size=4),
    st.sampled_from(["", ";"]),
    st.sampled_from(["none", "clean"]),
)
def test_any_table_gives_briefs_and_messages(headers, rows, delimiter, finish):
    numbered = tuple(Row(number, tuple(cells)) for number, cells in enumerate(rows, 2))
    table = Table(Path("plan.csv"), "plan", "ab" * 32, tuple(headers), 1, numbered, delimiter=delimiter)
    checked = check_table(table, finish=finish)
    for problem in (*checked.problems, *checked.warnings):
        assert problem.sentence.startswith(f"Row {problem.row}")
        assert problem.sentence.endswith((".", "'"))
        assert "\n" not in problem.sentence
    bad = {problem.row for problem in checked.problems}
    good = {row.number for row in numbered} - bad - checked.skipped
    assert {brief.row for brief in checked.briefs} == (set() if 1 in bad else good)
    assert len({brief.brief_id for brief in checked.briefs}) == len(checked.briefs)
    for brief in checked.briefs:
        words = {name: brief.values(name)[0] for name in brief.placeholders}
        assert all(fill(template, words) for template in (*brief.prompts, *brief.negative_prompts))
        assert brief.combinations >= 1
