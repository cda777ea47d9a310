"""Lists of prompts without a header, and sheets that must not be read as lists."""

from pathlib import Path

import pytest

from adapters.sheets import annotate, read_table
from manifests.sheet import Table, check_table

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

WARNING = "The file has no header, so every line is read as a prompt. The first one is "


def read(tmp_path: Path, text: str, name: str) -> Table:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_table(path)


def prompts(table: Table) -> list[tuple[int, str]]:
    return [(row.number, row.cell(0)) for row in table.rows]


def test_each_line_of_a_text_file_is_a_prompt(tmp_path):
    text = 'a red circle, drifting left; slowly\r\n\r\n"H E L L O" painted on a wall\r\nsay {hi}: 16:9\r\n'
    table = read(tmp_path, text.replace("{hi}", "hi"), "prompts.txt")
    checked = check_table(table)
    assert prompts(table) == [
        (1, "a red circle, drifting left; slowly"),
        (3, '"H E L L O" painted on a wall'),
        (4, "say hi: 16:9"),
    ]
    assert (table.reading.kind, table.reading.has_header, table.header_row) == ("text list", False, 0)
    assert [brief.row for brief in checked.briefs] == [1, 3, 4]
    assert [each.sentence for each in checked.warnings] == [f"{WARNING}'a red circle, drifting left; slowly'."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a red circle\n- a blue square\n", ["a red circle", "a blue square"]),
        ("* a red circle\n\n* a blue square\n", ["a red circle", "a blue square"]),
        ("• a red circle\n• a blue square\n", ["a red circle", "a blue square"]),
        ("1. a red circle\n2. a blue square\n3. a cup\n", ["a red circle", "a blue square", "a cup"]),
        ("1) a red circle\n2) a blue square\n", ["a red circle", "a blue square"]),
        ("- a red circle\na blue square on white\n", ["- a red circle", "a blue square on white"]),
        ("3. a red circle\n7. a blue square\n", ["3. a red circle", "7. a blue square"]),
        ("35 mm film look\n36 cups on a table\n", ["35 mm film look", "36 cups on a table"]),
        ('"a red, circle"\n"say ""hi"" now"\n', ["a red, circle", 'say "hi" now']),
        ('"a red, circle"\na blue square on white\n', ['"a red, circle"', "a blue square on white"]),
        ("红色圆圈在白色背景上\n一只猫\n", ["红色圆圈在白色背景上", "一只猫"]),
        ("cat\ndog\nbird\n", ["cat", "dog", "bird"]),
        ('{"scene": "a red circle"}\n{"scene": "a cup"}\n', ['{"scene": "a red circle"}', '{"scene": "a cup"}']),
        ("[cow|horse] in a field\na cup on a table\n", ["[cow|horse] in a field", "a cup on a table"]),
    ],
)
def test_bullets_numbers_and_quotes_of_every_line_are_removed(tmp_path, text, expected):
    table = read(tmp_path, text, "prompts.txt")
    assert [row.cell(0) for row in table.rows] == expected
    assert table.reading.has_header is False
    removed = "numbers" if text[0] == "1" else "bullets" if text[0] in "-*•" and expected[0][0] == "a" else ""
    assert table.reading.removed_markers == removed
    assert (f"The {removed} at the start of the lines are left out." in check_table(table).warnings[0].message) == (
        removed != ""
    )


@pytest.mark.parametrize("name", ["feed.csv", "feed.tsv", "feed"])
def test_one_column_of_prompts_without_a_header(tmp_path, name):
    table = read(tmp_path, 'a red circle on white\n"a blue square, drifting"\n\na cup\n', name)
    assert prompts(table) == [(1, "a red circle on white"), (2, "a blue square, drifting"), (4, "a cup")]
    assert check_table(table).warnings[0].message == f"{WARNING}'a red circle on white'."


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("prompt\na red circle\n", "prompts.txt"),
        ("Prompts:\na red circle, drifting\n", "prompts.txt"),
        ("brief_id;prompt;aspect\nx;a red circle;16:9\n", "prompts.txt"),
        ("Campaign plan\n\nid\tprompt\nx\ta red circle\n", "plan.txt"),
        ("prompt\na red circle on white\n", "prompts.csv"),
    ],
)
def test_a_header_makes_a_text_file_a_table(tmp_path, text, name):
    table = read(tmp_path, text, name)
    assert table.reading.has_header
    assert check_table(table).briefs[0].prompts[0].startswith("a red circle")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Video description\na red circle on white\na blue square on white\n", "sheet.csv"),
        ("Promtp\na red circle\na blue square\n", "sheet.csv"),
        ("Client\nacme\nglobex\n", "sheet.csv"),
        ("Name,Video description\nx,a red circle on white\n", "sheet.csv"),
        ("a red circle on white,16:9\na cup on a table,1:1\n", "sheet.csv"),
        ("theme\na cup\na cube\n", "sheet.csv"),
        ("Description\na red circle on white\na blue square on white\n", "sheet.txt"),
        ("Promtp,Aspect\na red circle,16:9\n", "sheet.txt"),
        ("Client\tText\nacme\ta red circle\n", "sheet.txt"),
    ],
)
def test_a_sheet_without_a_prompt_column_is_no_list(tmp_path, text, name):
    checked = check_table(read(tmp_path, text, name))
    assert "there is no column 'prompt'" in checked.problems[0].message
    assert checked.briefs == ()


def test_an_annotated_copy_of_a_list_has_a_header_and_reads_back(tmp_path):
    table = read(tmp_path, "a red circle on white\n\na blue square\n", "prompts.txt")
    annotate(table, (), (), tmp_path / "copy.xlsx")
    assert [row.cell(0) for row in read_table(tmp_path / "copy.xlsx").rows] == [
        "a red circle on white",
        "a blue square",
    ]


def test_documents_are_refused_with_their_kind(tmp_path):
    for data, name in ((b"{\\rtf1\\ansi a red circle}", "prompts.rtf"), (b"<html><p>a red circle</p></html>", "p.txt")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(Exception, match=r"is a text document|is a web page"):
            read_table(tmp_path / name)


def test_a_line_that_is_too_long_is_reported(tmp_path):
    table = read(tmp_path, "a red circle on white\n" + "x" * 40_000 + "\n", "prompts.txt")
    assert [row.number for row in table.reading.bad_rows] == [2]


def test_numbers_that_not_all_lines_have_stay_with_a_warning(tmp_path):
    text = "Spring campaign, shots for the launch:\n1. a red cup on a table\n2. a blue cup on a table\n"
    table = read(tmp_path, text, "prompts.txt")
    assert table.rows[1].cell(0) == "1. a red cup on a table"
    message = check_table(table).warnings[0].message
    assert "The numbers at the start of lines stay in the prompts because not all lines have one." in message
    fixed = read(tmp_path, text.partition("\n")[2], "prompts.txt")
    assert [row.cell(0) for row in fixed.rows] == ["a red cup on a table", "a blue cup on a table"]
    plain = read(tmp_path, "a shelf of cups\n3. of a kind is a red cup\n", "prompts.txt")
    assert "numbers" not in check_table(plain).warnings[0].message


def test_comments_do_not_make_a_list_a_table(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# my prompts\na red cup\n// old and out\na blue cup\n---\na pink cup\n")
    checked = check_table(read_table(path))
    assert [brief.prompts for brief in checked.briefs] == [("a red cup",), ("a blue cup",), ("a pink cup",)]
    assert any(
        "Rows 1, 3 and 5 contain no brief (a comment) and are skipped." in each.sentence for each in checked.warnings
    )
