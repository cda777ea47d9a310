"""JSON and JSON Lines: keys are headers, a bad record is reported and never costs another one."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sheets import annotate, read_table
from adapters.sheets.text.text_reader import read_text
from manifests.errors import UnreadableSheetError
from manifests.sheet import Table, check_table
from manifests.sheet.reading import ReadingOptions

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")


def read(tmp_path: Path, text: str, name: str = "sheet.json") -> Table:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_table(path)


def cells(table: Table) -> list[tuple[int, tuple[str, ...]]]:
    return [(row.number, row.cells) for row in table.rows]


OBJECTS = '[{"prompt": "a red circle", "seed": 7},\n {"prompt": "a blue square, drifting", "Market": "DE"}]'


@pytest.mark.parametrize(
    ("text", "name", "kind", "numbers"),
    [
        (OBJECTS, "sheet.json", "JSON", [1, 2]),
        (OBJECTS, "sheet.csv", "JSON", [1, 2]),
        (f'{{"rows": {OBJECTS}}}', "sheet.json", "JSON", [1, 2]),
        (OBJECTS[1:-1].replace(",\n", "\n\n"), "sheet.jsonl", "JSON Lines", [1, 3]),
        (OBJECTS[1:-1].replace(",\n", "\r\n"), "sheet.ndjson", "JSON Lines", [1, 2]),
        (OBJECTS[1:-1].replace(",\n", "\n"), "sheet.json", "JSON Lines", [1, 2]),
        ("\ufeff" + OBJECTS, "sheet.json", "JSON", [1, 2]),
    ],
)
def test_keys_are_headers_in_order_of_their_first_appearance(tmp_path, text, name, kind, numbers):
    table = read(tmp_path, text, name)
    assert table.columns == ("prompt", "seed", "Market")
    assert [row.cells for row in table.rows] == [("a red circle", "7"), ("a blue square, drifting", "", "DE")]
    assert [row.number for row in table.rows] == numbers
    assert (table.reading.kind, table.reading.has_header) == (kind, True)
    assert (check_table(table).problems, check_table(table).warnings) == ((), ())


def test_values_are_read_as_people_see_them(tmp_path):
    text = (
        '[{"prompt": ["a red circle", "a | b"], "n": 1.50, "big": 12345678901234567890, "yes": true, "none": null,'
        ' "nested": {"a": [1.0, "é"], "b": null}, "e": [], "last": "x|y"}]'
    )
    table = read(tmp_path, text)
    assert table.rows[0].cells == (
        "a red circle|a \\| b",
        "1.50",
        "12345678901234567890",
        "true",
        "",
        '{"a": [1.0, "é"], "b": null}',
        "",
        "x|y",
    )
    assert check_table(table).briefs[0].prompts == ("a red circle", "a | b")


@pytest.mark.parametrize("text", ['["a red circle", "a cup, blue"]', '"a red circle"\n"a cup, blue"'])
def test_texts_are_a_list_of_prompts(tmp_path, text):
    table = read(tmp_path, text)
    assert cells(table) == [(1, ("a red circle",)), (2, ("a cup, blue",))]
    assert (table.columns, table.reading.has_header) == (("prompt",), False)


def test_lists_of_cells_are_a_table(tmp_path):
    table = read(tmp_path, '[["prompt", "seed"], ["a red circle", 7]]')
    assert (table.columns, cells(table)) == (("prompt", "seed"), [(2, ("a red circle", "7"))])


@pytest.mark.parametrize(
    ("text", "name", "rows", "errors"),
    [
        (
            '{"prompt": "a"}\n{"prompt": broken}\n{"prompt": "c"}\n',
            "sheet.jsonl",
            [1, 3],
            [(2, "is not valid JSON. Check its double quotes, commas and brackets.")],
        ),
        (
            '[{"prompt": "a"},\n{"prompt": "b "red" b"},\n{"prompt": "c"}]',
            "sheet.json",
            [1, 3],
            [(2, "is not valid JSON. Check its double quotes, commas and brackets.")],
        ),
        (
            '[{"prompt": "a"}, {"prompt": "b", "prompt": "c"}, {"prompt": "d", "x": {"y": 1, "y": 2}}]',
            "sheet.json",
            [1],
            [
                (2, "the key 'prompt' is used twice. Delete one of them."),
                (3, "the key 'y' is used twice. Delete one of them."),
            ],
        ),
        ('[{"prompt": "a"}, 5]', "sheet.json", [1], [(2, 'is not an object such as {"prompt": "…"}.')]),
        (
            '["a red circle", 5, null]',
            "sheet.json",
            [1],
            [(2, "is not a text in quotes."), (3, "is not a text in quotes.")],
        ),
        (
            f'[{{"prompt": "a"}}, {{"prompt": "{"x" * 40000}"}}]',
            "sheet.json",
            [1],
            [(2, "has a cell with more than 32,000 characters. Shorten the cell.")],
        ),
        (
            '{"rows": [{"prompt": "a"}, {"prompt": oops}, {"prompt": "c"}]}',
            "sheet.json",
            [1, 3],
            [(2, "is not valid JSON. Check its double quotes, commas and brackets.")],
        ),
    ],
)
def test_a_bad_record_is_reported_and_the_others_are_read(tmp_path, text, name, rows, errors):
    table = read(tmp_path, text, name)
    assert [row.number for row in table.rows] == rows
    assert [(row.number, row.message) for row in table.reading.bad_rows] == errors
    assert len(check_table(table).problems) == len(errors)


def test_a_file_that_is_cut_off_is_mentioned(tmp_path):
    table = read(tmp_path, '[{"prompt": "a"}, {"prompt": "b"}')
    assert [each.message for each in check_table(table).warnings] == [
        "The JSON file has no closing ]. It may be cut off: check its last record."
    ]
    assert [row.number for row in read(tmp_path, '[{"prompt": "a"}, {"prompt": "b').reading.bad_rows] == [2]


def test_what_is_beside_the_list_is_mentioned(tmp_path):
    table = read(tmp_path, '{"version": 2, "clips": [{"prompt": "a"}]}')
    assert [each.message for each in check_table(table).warnings] == [
        "Only the list 'clips' of the JSON file is read, without 'version'."
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": [{"prompt": "x"}], "b": [{"prompt": "y"}]}', "has several lists of objects: 'a', 'b'. Put the rows"),
        ('{"model": {"name": "x"}}', "has no list of objects. Write one object for each row"),
        ("[]", "has no list of objects"),
        ("[" * 100_000, "has no valid record. Record 1 is nested too deeply"),
        ("hello", "has no valid record. Record 1 is not valid JSON"),
        ("[" + ", ".join(f'{{"k{n}": 1}}' for n in range(300)) + "]", "has more than 200 columns"),
    ],
)
def test_other_json_is_refused(tmp_path, text, message):
    with pytest.raises(UnreadableSheetError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


def test_objects_without_a_prompt_are_no_list(tmp_path):
    [problem] = check_table(read(tmp_path, '{"scene": "a cup", "camera": "pan"}\n', "sheet.jsonl")).problems
    assert "there is no column 'prompt', only 'scene', 'camera'" in problem.sentence


def test_an_annotated_copy_has_the_keys_as_its_header(tmp_path):
    table = read(tmp_path, OBJECTS)
    annotate(table, (), (), tmp_path / "copy.xlsx")
    again = read_table(tmp_path / "copy.xlsx")
    assert (again.columns, [row.cells for row in again.rows]) == (table.columns, [row.cells for row in table.rows])


SCALARS = st.one_of(st.text(max_size=10), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
RECORDS = st.lists(st.dictionaries(st.sampled_from(["notes", "seed", "a b", "é"]), SCALARS), min_size=1, max_size=6)


@given(RECORDS, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=100)
def test_records_read_back(records, as_lines, ascii_only):
    records = [{"prompt": f"a cup {number}", **record} for number, record in enumerate(records)]
    texts = [json.dumps(record, ensure_ascii=ascii_only) for record in records]
    text = "\n".join(texts) if as_lines else f"[{','.join(texts)}]"
    _, [header, *rows], reading = read_text(text.encode("utf-8", "surrogatepass"), "json", ReadingOptions())
    assert reading.bad_rows == ()
    for record, row in zip(records, rows, strict=True):
        for index, key in enumerate(header.cells):
            value = record.get(key)
            expected = value if isinstance(value, str) else "" if value is None else json.dumps(value)
            assert row.cell(index) == expected
