"""Quotes in CSV and TSV files: a bad row is reported and never costs another one."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sheets import read_table
from adapters.sheets.text.text_reader import read_text
from manifests.errors import UnreadableSheetError
from manifests.sheet import check_table
from manifests.sheet.reading import Reading, ReadingOptions
from tasks.intake.intake import Intake, SheetProblemsError, raise_for_errors

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")


def read(text: str, kind: str = "text") -> tuple[list[tuple[str, ...]], Reading]:
    _, rows, reading = read_text(text.encode(), kind, ReadingOptions())
    return [row.cells for row in rows], reading


def bad(reading: Reading) -> list[tuple[int, str]]:
    return [(row.number, row.message.split(".")[0]) for row in reading.bad_rows]


@pytest.mark.parametrize(
    "text",
    [
        'prompt, notes\n"a red, circle", "x, y"\n',
        'prompt,notes\n  "a red, circle"  ,"x, y" \n',
        'prompt;notes\r\n"a red, circle"; "x, y"\r\n',
        'prompt,notes\n"a red, circle",\t"x, y"\n',
        'prompt,notes\n"a red, circle",\xa0"x, y"\n',
    ],
)
def test_spaces_around_quotes_are_no_part_of_the_cell(text):
    rows, reading = read(text)
    assert rows[1] == ("a red, circle", "x, y")
    assert (reading.bad_rows, reading.doubts) == ((), ())


def test_a_prompt_in_the_last_column_with_a_space_before_its_quote():
    assert read('notes, prompt\nx, "a red, circle"\n')[0][1] == ("x", "a red, circle")


def test_a_quote_inside_a_cell_is_a_letter():
    assert read('prompt,notes\na 12" vinyl,5\' tall "x"\n')[0][1] == ('a 12" vinyl', '5\' tall "x"')


@pytest.mark.parametrize(
    ("text", "rows", "errors"),
    [
        (
            'prompt,notes\n"a red circle,x\na blue square,y\n"a green, cup",z\n',
            [("a blue square", "y"), ("a green, cup", "z")],
            [(2, "has an unclosed double quote")],
        ),
        (
            'prompt,notes\na,x\n"b,y\nc,z\n"d,w\n',
            [("a", "x"), ("c", "z")],
            [(3, "has an unclosed double quote"), (5, "has an unclosed double quote")],
        ),
        ('prompt,notes\na,"x\nb,y\n', [("b", "y")], [(2, "has an unclosed double quote")]),
        ('prompt,notes\n"big" circle,x\nb,y\n', [("b", "y")], [(2, "has a stray double quote")]),
        (
            'prompt,notes\n"two\nlines","x" y\nb,z\n',
            [("b", "z")],
            [(2, "has a stray double quote")],
        ),
        (
            'prompt,notes\n"a red circle,x\na blue square",y,z\nc,w\n',
            [('a blue square"', "y", "z"), ("c", "w")],
            [(2, "has an unclosed double quote")],
        ),
        (f"prompt,notes\n{'x' * 40000},x\nb,y\n", [("b", "y")], [(2, "has a cell with more than 32,000 characters")]),
    ],
)
def test_a_row_that_is_quoted_wrong_is_reported_and_the_next_ones_are_read(text, rows, errors):
    found, reading = read(text)
    assert found[1:] == rows
    assert bad(reading) == errors


def test_cells_with_line_breaks_are_one_row_and_keep_the_numbering():
    rows, reading = read('prompt,notes\n"a red\ncircle",x\n"b","y\r\nz"\n')
    assert rows[1:] == [("a red\ncircle", "x"), ("b", "y\r\nz")]
    assert (reading.bad_rows, reading.doubts) == ((), ())


def test_a_cell_whose_lines_look_like_rows_is_mentioned_and_the_advice_works():
    text = 'prompt,notes\n"a red circle,x\na blue square",y\n'
    rows, reading = read(text)
    assert rows[1:] == [("a red circle,x\na blue square", "y")]
    [doubt] = reading.doubts
    assert (doubt.number, doubt.message.startswith("is read as one cell over 2 lines.")) == (2, True)
    for fixed in (text.replace("circle,", 'circle",').replace('square"', "square"), text.replace('"', "")):
        rows, reading = read(fixed)
        assert (rows[1:], reading.doubts) == ([("a red circle", "x"), ("a blue square", "y")], ())


def test_good_rows_can_be_accepted(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text('prompt,notes\n"a red circle,x\na blue square,y\n')
    table = read_table(path)
    checked = check_table(table)
    intake = Intake(table, checked, None)
    with pytest.raises(SheetProblemsError, match="add --accept-good-rows"):
        raise_for_errors(intake, accept_good_rows=False)
    raise_for_errors(intake, accept_good_rows=True)
    assert [brief.row for brief in checked.briefs] == [3]


def test_a_file_without_a_readable_row_is_refused():
    with pytest.raises(UnreadableSheetError, match=r"has no readable row\. Row 1 has an unclosed double quote"):
        read('"prompt,notes\n')


TSV = "Prompt\tCategory\n"


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('"H E L L O" painted on a wall\tWriting', ('"H E L L O" painted on a wall', "Writing")),
        ("a 12\" vinyl\t5'", ('a 12" vinyl', "5'")),
        ('"a\tb"', ('"a', 'b"')),
        ('"unclosed\tx', ('"unclosed', "x")),
    ],
)
def test_quotes_are_letters_in_tsv(line, cells):
    rows, reading = read(f'{TSV}{line}\nsay "hi"\tx\n')
    assert rows[1:] == [cells, ('say "hi"', "x")]
    assert (reading.kind, reading.bad_rows, reading.doubts) == ("TSV", (), ())


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('"""H E L L O"" painted on a wall"\tWriting', ('"H E L L O" painted on a wall', "Writing")),
        ('"two\nlines"\tx', ("two\nlines", "x")),
        ('"a\tb"\tx', ("a\tb", "x")),
    ],
)
def test_cells_that_excel_or_pandas_quoted_are_read_as_people_see_them(line, cells):
    rows, reading = read(f"{TSV}{line}\nb\ty\n")
    assert rows[1:] == [cells, ("b", "y")]
    assert (reading.bad_rows, reading.doubts) == ((), ())


def test_doubled_quotes_beside_quotes_that_are_letters():
    assert read(f'{TSV}"H E L L O" painted\tx\n"he said ""hi"""\ty\n')[0][1:] == [
        ('"H E L L O" painted', "x"),
        ('he said "hi"', "y"),
    ]


def test_a_tsv_with_every_cell_in_quotes():
    assert read('"Prompt"\t"Category"\n"a red circle"\t"Basic"\n')[0] == [
        ("Prompt", "Category"),
        ("a red circle", "Basic"),
    ]


@pytest.mark.parametrize(
    ("line", "cell", "advice"),
    [
        ('"H E L L O"\tx', '"H E L L O"', "If they are not, delete them."),
        ('"a red, circle"\tx', "a red, circle", "If they are, write them three times."),
    ],
)
def test_whole_cells_in_quotes_are_ambiguous_in_tsv_and_the_advice_works(line, cell, advice):
    rows, reading = read(f"{TSV}{line}\nb\ty\n")
    assert rows[1] == (cell, "x")
    [doubt] = reading.doubts
    assert (doubt.number, doubt.message.endswith(advice)) == (2, True)
    other = line.replace('"', "") if advice.endswith("delete them.") else line.replace('"', '"""')
    rows, reading = read(f"{TSV}{other}\nb\ty\n")
    assert rows[1][0] == (cell.strip('"') if advice.endswith("delete them.") else f'"{cell}"')
    assert reading.doubts == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("prompt,notes\nx,y\n", "CSV"),
        ("prompt;notes\nx;y\n", "CSV with semicolons"),
        ("prompt\tnotes\nx\ty\n", "TSV"),
        ("sep=;\nprompt;notes\nx;y\n", "CSV with semicolons"),
    ],
)
def test_the_kind_of_file_is_named(text, kind):
    rows, reading = read(text)
    assert (reading.kind, rows) == (kind, [("prompt", "notes"), ("x", "y")])


EXPORTS = {
    "Google Sheets": b'Prompt,Length\r\n"a red, round circle","2,5"\r\n"say ""hi""",2\r\n',
    "Excel, German": 'Prompt;Length\r\na red, round circle;2,5\r\n"say ""hi""";2\r\n'.encode("cp1252"),
    "Excel, CSV UTF-8": 'Prompt;Length\r\na red, round circle;2,5\r\n"say ""hi""";2\r\n'.encode("utf-8-sig"),
    "Excel, Unicode text": 'Prompt\tLength\r\n"a red, round circle"\t"2,5"\r\n"say ""hi"""\t2\r\n'.encode("utf-16"),
    "Google Sheets, TSV": b'Prompt\tLength\r\na red, round circle\t2,5\r\nsay "hi"\t2',
    "LibreOffice, all quoted": b'"Prompt","Length"\n"a red, round circle","2,5"\n"say ""hi""","2"\n',
    "Numbers": b'Prompt,Length\r\n"a red, round circle","2,5"\r\n"say ""hi""",2',
}


@pytest.mark.parametrize("program", EXPORTS)
def test_exports_of_spreadsheet_programs(program):
    _, rows, reading = read_text(EXPORTS[program], "text", ReadingOptions())
    assert [row.cells for row in rows] == [("Prompt", "Length"), ("a red, round circle", "2,5"), ('say "hi"', "2")]
    assert (reading.bad_rows, reading.doubts) == ((), ())


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\ufffd"), max_size=15)
HARD = st.sampled_from(
    ['"', '""', '"x"', '"x" y', ' "x"', "a, b", "a; b", "a\tb", "a\nb", "a\r\nb", "a | b", "é", "“x”", " x ", '12"']
)
GRID = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(st.one_of(TEXTS, HARD), min_size=width, max_size=width), min_size=1, max_size=6)
)


@given(
    GRID, st.sampled_from(",;\t"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n"])
)
@settings(deadline=None, max_examples=200)
def test_tables_read_back_or_a_warning_names_the_row(grid, delimiter, quoting, end):
    header = ["prompt", *(f"column {number}" for number in range(len(grid[0])))]
    table = [header, *([*cells, "end"] for cells in grid)]
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(table)
    _, rows, reading = read_text(stream.getvalue().encode(), "text", ReadingOptions())
    named = {row.number for row in (*reading.bad_rows, *reading.doubts)}
    found = {row.number: list(row.cells) for row in rows}
    assert all(found.get(number) == cells or number in named for number, cells in enumerate(table, 1))


@given(GRID, st.integers(1, 5), st.integers(0, 30))
@settings(deadline=None, max_examples=100)
def test_a_quote_typed_anywhere_does_not_swallow_the_rows_that_follow(grid, at, place):
    """Rows of plain text with one quote more: every other row is read, and its number is right."""
    plain = [["".join(c for c in cell if c not in '",;\t\r\n|') or "x" for cell in cells] for cells in grid]
    table = [["prompt", *(f"column {number}" for number in range(len(grid[0])))], *([*cells, "end"] for cells in plain)]
    texts = [",".join(cells) for cells in table]
    index = 1 + at % (len(texts) - 1)
    texts[index] = texts[index][: place % len(texts[index])] + '"' + texts[index][place % len(texts[index]) :]
    _, rows, reading = read_text("\n".join([*texts, ""]).encode(), "text", ReadingOptions())
    found = {row.number: list(row.cells) for row in rows}
    assert all(found.get(number) == cells for number, cells in enumerate(table, 1) if number != index + 1)
    assert index + 1 in found or index + 1 in {row.number for row in reading.bad_rows}


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ('prompt\n"a red cup" on a table\nthe "blue" ball\n', ['"a red cup" on a table', 'the "blue" ball']),
        ('prompt\na 12" red disk\n"a red cup\na blue cup\n', ['a 12" red disk', '"a red cup', "a blue cup"]),
    ],
)
def test_quotes_are_letters_in_a_tsv_with_one_column(tmp_path, text, prompts):
    path = tmp_path / "sheet.tsv"
    path.write_text(text)
    table = read_table(path)
    assert [row.cells[0] for row in table.rows] == prompts
    assert not table.reading.bad_rows
