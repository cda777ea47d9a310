"""The results of a text file: every record as it was, with our cells after it, and the clips in a second file."""

import codecs
import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sheets import ClipResult, Outcome, read_table, results_path, write_results
from adapters.sheets.results.outcome import CLIPS, RESULTS
from manifests.costs.money import Money
from manifests.sheet import check_table
from manifests.sheet.reading import ReadingOptions

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

CASE_19 = (
    "brief_id,prompt,notes\n"
    "春-1,a red circle drifting right on a white background 红色圆圈,x\n"
    "عربي,a blue cup zooming in on a white background كوب أزرق,y\n"
    "🔥fire,a yellow bottle rotating on a black background 👨‍👩‍👧‍👦,z\n"
)
DONE = replace(
    Outcome("published", 1, 1, 0.31256, "https://x/1", "ab" * 32, '=why, "so"; it\nis | so', "", ("https://x/1",), 9.5),
    cost=(Money(20_000, "EUR"),),
    cost_basis="device time",
    models=("starter", "wan2.1-t2v-1.3b"),
)
PLAIN = replace(DONE, why="=why")
CLIP = ClipResult((2,), ("春-1",), "0a" * 16, "placements: 16:9; colour: red", "published", 7, url="https://x/1")
WHY = '\'=why, "so"; it\nis | so'
CELLS = [
    "published",
    "1",
    "1",
    "0.3126",
    "https://x/1",
    "https://x/1",
    "ab" * 32,
    "9.5",
    "0.02",
    "EUR",
    "device time",
    "starter, wan2.1-t2v-1.3b",
    WHY,
    "",
]
PLAIN_CELLS = [*CELLS[:-2], "'=why", ""]


def written(tmp_path: Path, data: bytes, name: str = "plan.csv", outcomes=None) -> tuple[bytes, bytes]:
    source = tmp_path / name
    source.write_bytes(data)
    table = read_table(source)
    out = results_path(table, tmp_path)
    assert out.name == f"{source.stem}-results{source.suffix}"
    results, clips = write_results(table, {2: DONE} if outcomes is None else outcomes, out, [CLIP])
    assert (results, clips.name) == (out, f"{source.stem}-clips{source.suffix}")
    return results.read_bytes(), clips.read_bytes()


@pytest.mark.parametrize(
    ("encoding", "delimiter", "text"),
    [
        ("utf-8", ",", CASE_19),
        ("utf-8-sig", ";", "prompt;aspect\r\na cüp;16:9\r\n"),
        ("utf-16", "\t", "prompt\taspect\r\na cüp\t16:9\r\n"),
        ("cp1252", ";", "prompt;notes\r\na cüp;für Müller\r\nb;\r\n"),
        ("utf-8", "|", "prompt|aspect\na cup|16:9"),
    ],
)
def test_delimiter_encoding_and_line_ends_are_kept(tmp_path, encoding, delimiter, text):
    results, clips = written(tmp_path, text.encode(encoding), outcomes={2: PLAIN})
    assert results.startswith(codecs.BOM_UTF8) == clips.startswith(codecs.BOM_UTF8) == (encoding == "utf-8-sig")
    lines = results.decode(encoding).splitlines(keepends=True)
    before = text.splitlines(keepends=True)
    assert lines[0].rstrip("\r\n").endswith(delimiter + delimiter.join(RESULTS))
    for line, old in zip(lines, before, strict=True):
        assert line.startswith(old.rstrip("\r\n"))
        assert line[len(line.rstrip("\r\n")) :] == old[len(old.rstrip("\r\n")) :] or not old.endswith("\n")
    assert next(csv.reader([lines[1]], delimiter=delimiter))[-len(RESULTS) :] == PLAIN_CELLS
    listed = list(csv.reader(io.StringIO(clips.decode(encoding)), delimiter=delimiter))
    assert listed[0] == list(CLIPS)
    assert listed[1][2] == "0a" * 16


def test_titles_blank_lines_quotes_and_formulas_of_the_user_are_kept(tmp_path):
    text = (
        'sep=;\nPlan 2026;;\n\n"prompt";aspect;offset\n"a ""big"" cup;\nnext line";16:9;-5\n\n'
        "a hat;1:1;=SUM(A1)\n  a map ;;+1\n"
    )
    results, clips = written(tmp_path, text.encode(), outcomes={4: PLAIN, 6: PLAIN})
    lines = results.decode()
    header, cells = ";".join(RESULTS), ";".join(PLAIN_CELLS)
    assert lines == (
        f'sep=;\nPlan 2026;;\n\n"prompt";aspect;offset;{header}\n"a ""big"" cup;\nnext line";16:9;-5;{cells}\n\n'
        f"a hat;1:1;=SUM(A1);{cells}\n  a map ;;+1\n"
    )
    assert clips.decode().startswith("sep=;\nRow;Brief;")


def test_results_of_short_and_long_records_are_below_their_headers(tmp_path):
    results, _ = written(tmp_path, b"prompt,aspect,client\na\nb,1:1,acme,stray,cells\n", outcomes={2: DONE, 3: DONE})
    rows = list(csv.reader(io.StringIO(results.decode())))
    assert [row.index("published") for row in rows[1:]] == [5, 5]
    assert rows[0].index("Reelmill status") == 5


def test_a_later_run_replaces_the_results(tmp_path):
    once, _ = written(tmp_path, CASE_19.encode())
    twice, _ = written(tmp_path, once, "again.csv", {3: DONE})
    rows = list(csv.reader(io.StringIO(twice.decode())))
    assert rows[0] == ["brief_id", "prompt", "notes", *RESULTS]
    assert rows[2][3:] == CELLS
    assert [len(row) for row in rows] == [17, 3, 17, 3]


def test_a_sheet_with_results_gives_the_same_briefs(tmp_path):
    results, _ = written(tmp_path, CASE_19.encode())
    (tmp_path / "again.csv").write_bytes(results)
    before, after = (check_table(read_table(tmp_path / name)) for name in ("plan.csv", "again.csv"))
    assert after == before
    assert len(before.briefs) == 3


def test_a_character_that_the_encoding_does_not_have_never_changes_the_encoding(tmp_path):
    outcome = Outcome("failed", why="红")
    results, _ = written(tmp_path, "prompt;notes\nschöne Grüße aus Köln;x\n".encode("cp1252"), outcomes={2: outcome})
    assert "schöne Grüße aus Köln;x;failed" in results.decode("cp1252")
    assert ";?;" in results.decode("cp1252")


def test_a_sheet_that_has_changed_since_gives_the_texts_that_were_read(tmp_path):
    source = tmp_path / "plan.csv"
    source.write_bytes(CASE_19.encode())
    table = read_table(source)
    source.unlink()
    results, _ = write_results(table, {2: DONE}, tmp_path / "out-results.csv", [CLIP])
    rows = list(csv.reader(io.StringIO(results.read_bytes().decode("utf-8-sig"))))
    assert rows[1][:2] == ["春-1", "a red circle drifting right on a white background 红色圆圈"]
    assert rows[1][3:] == CELLS


@pytest.mark.parametrize("name", ["plan.txt", "plan.xls"])
def test_text_in_other_files_becomes_a_workbook(tmp_path, name):
    (tmp_path / name).write_bytes(b"prompt;aspect\na;16:9\n")
    table = read_table(tmp_path / name)
    assert results_path(table, tmp_path).name == "plan-results.xlsx"
    [out] = write_results(table, {2: DONE}, results_path(table, tmp_path), [CLIP])
    assert read_table(out, ReadingOptions(tab="Clips")).rows[0].cells[1] == "春-1"


CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\ufeff\r"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELL, min_size=1, max_size=2), min_size=1, max_size=4),  # not wider than the header
    delimiter=st.sampled_from(",;|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_text_file_keeps_its_records(tmp_path, rows, delimiter, end):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
    writer.writerow(["prompt", "aspect", "notes", "client"])
    writer.writerows([f"p{number}", "16:9", *row] for number, row in enumerate(rows))
    data = stream.getvalue().encode()
    results, _ = written(tmp_path, data, outcomes={number: DONE for number in range(2, len(rows) + 2)})
    before = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))
    after = list(csv.reader(io.StringIO(results.decode(), newline=""), delimiter=delimiter))
    width = max(map(len, before))
    assert [row[: len(old)] for row, old in zip(after, before, strict=True)] == before
    assert [row[width:] for row in after[1:]] == [CELLS] * len(rows)


def test_rows_that_cannot_be_read_stay_as_they_were(tmp_path):
    data = 'prompt,notes\r\na cup,x\r\n"a ball,y\r\na cube,z\r\n'
    sheet = tmp_path / "plan.csv"
    sheet.write_bytes(data.encode())
    table = read_table(sheet)
    assert [row.number for row in table.reading.bad_rows] == [3]
    out = tmp_path / "plan-results.csv"
    write_results(table, {2: DONE, 4: DONE}, out)
    lines = out.read_bytes().decode().split("\r\n")
    assert lines[0].startswith("prompt,notes,Reelmill")
    assert lines[1].startswith("a cup,x,")
    assert lines[2] == '"a ball,y'
    assert lines[3].startswith("a cube,z,")


def test_a_list_of_prompts_gets_a_header_so_that_the_copy_is_a_sheet(tmp_path):
    sheet = tmp_path / "plan.csv"
    sheet.write_text("a red cup\na blue ball\n")
    table = read_table(sheet)
    assert not table.reading.has_header
    out = tmp_path / "plan-results.csv"
    write_results(table, {row.number: DONE for row in table.rows}, out)
    again = read_table(out)
    assert again.columns[0] == "prompt"
    assert [row.cells[0] for row in again.rows] == ["a red cup", "a blue ball"]
    assert all(row.cells[1] == again.rows[0].cells[1] != "" for row in again.rows)


@pytest.mark.parametrize("encoding", ["cp1251", "koi8_r", "gb18030", "cp1253", "utf-16"])
def test_the_detected_encoding_is_kept(tmp_path, encoding):
    text = {"gb18030": "红色的圆圈在白色背景上,红色的杯子\r\n", "cp1253": "κόκκινος κύκλος σε λευκό φόντο,μπλε\r\n"}
    line = text.get(encoding, "красный круг медленно движется на белом фоне,синий\r\n")
    sheet = tmp_path / "plan.csv"
    sheet.write_bytes(("prompt,notes\r\n" + line * 4).encode(encoding))
    table = read_table(sheet)
    out = tmp_path / "plan-results.csv"
    write_results(table, {2: DONE}, out)
    assert line.rstrip() in out.read_bytes().decode(encoding)
