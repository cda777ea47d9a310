"""Everything that people typed reads back unchanged from every file that we write."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sheets import Outcome, annotate, read_table, write_results
from adapters.sheets.escaping import cell_value, escape_formula, unescape_formula
from manifests.sheet import Row, Table, check_table

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\ufeff\ufffe\uffff"), max_size=30)
HARD = st.sampled_from(
    [
        "=1+1",
        "+1",
        "-1",
        "-x",
        "@a",
        "\tx",
        "'=x",
        "''=x",
        "'",
        "00",
        "1.0",
        "1e5",
        "-0",
        "0.10",
        "99",
        "#N/A",
        "TRUE",
        "_x0041_",
        "_x000D_",
        "_x005F_x0041_",
        "a\x01b",
        "x\ny",
        "NA",
        "null",
        "1234567890123456",
        "2026-11-23",
        "16:9",
        '"',
        ",",
        ";",
        "|",
        " a ",
        " ",
        "\n ",
        "\u202ex",
        "😀",
    ]
)
CELLS = st.lists(st.one_of(TEXT, HARD), min_size=1, max_size=6)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(rows: list[list[str]]) -> Table:
    """Return a table with a prompt in its first column, below a title."""
    width = max(map(len, rows))
    numbered = [Row(number, tuple(["x", *cells, "end"])) for number, cells in enumerate(rows, 4)]
    return Table(
        Path("plan.csv"),
        "plan",
        "ab" * 32,
        ("prompt", *(f"c{n}" for n in range(width + 1))),
        3,
        tuple(numbered),
        (Row(1, ("Plan",)),),
    )


@given(st.text())
def test_a_formula_guard_is_removed_on_reading(text):
    assert unescape_formula(escape_formula(text)) == text
    assert not escape_formula(text).startswith(tuple("=+-@\t\r"))


@given(st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,12})?", fullmatch=True))
def test_a_number_is_written_as_a_number_only_if_it_reads_back_unchanged(text):
    value = cell_value(text)
    assert f"{value:.15g}" == text if not isinstance(value, str) else unescape_formula(value) == text


@pytest.mark.parametrize("character", ["\ud800", "\ufffe", "\uffff"])
def test_characters_that_no_workbook_can_store_are_replaced(character):
    assert cell_value(f"a{character}b") == "a\ufffdb"


@given(st.lists(CELLS, min_size=1, max_size=4))
@FEW
def test_an_annotated_copy_reads_back_unchanged(tmp_path, rows):
    original = table(rows)
    annotate(original, (), (), tmp_path / "copy.xlsx")
    assert texts(read_table(tmp_path / "copy.xlsx")) == texts(original)


@given(st.lists(CELLS, min_size=1, max_size=4))
@FEW
def test_a_results_sheet_reads_back_and_gives_the_same_briefs(tmp_path, rows):
    original = table(rows)
    outcomes = {row.number: Outcome("failed", why=row.cells[1]) for row in original.rows}
    write_results(original, outcomes, tmp_path / "copy.xlsx")
    again = read_table(tmp_path / "copy.xlsx")
    width = len(original.columns)
    assert [row.cells[:width] for row in again.rows] == [filled(row, width) for row in original.rows]
    assert check_table(again).briefs == check_table(original).briefs


@given(st.lists(CELLS, min_size=1, max_size=4))
@FEW
def test_text_files_read_back_unchanged(tmp_path, rows):
    original = table(rows)
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([original.columns, *(row.cells for row in original.rows)])
    (tmp_path / "copy.csv").write_bytes(stream.getvalue().encode())
    again = read_table(tmp_path / "copy.csv")
    assert [row.cells for row in again.rows] == [tuple(map(unescape_formula, row.cells)) for row in original.rows]


def texts(sheet: Table) -> list[tuple[int, tuple[str, ...]]]:
    return [(row.number, row.cells) for row in (*sheet.above, Row(sheet.header_row, sheet.columns), *sheet.rows)]


def filled(row: Row, width: int) -> tuple[str, ...]:
    return tuple(row.cell(index) for index in range(width))
