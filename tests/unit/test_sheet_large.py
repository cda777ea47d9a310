"""The largest accepted sheet: limits, time and memory."""

import time

import pytest
from openpyxl import Workbook

from adapters.sheets import read_table
from manifests.errors import UnreadableSheetError
from manifests.sheet import check_table

HEADER = ("brief_id", "prompt", "colour", "Aspect", "Length", "variants", "seed", "locale", "notes", "Client")


def row(number: int) -> tuple[str | int, ...]:
    return (
        f"b{number}",
        f"a {{colour}} circle number {number}",
        "red|blue",
        "16:9|1:1",
        "2,5",
        3,
        number,
        "en",
        "hello there",
        f"c{number % 100}",
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sheet.csv", "sheet.xlsx"])
def test_a_hundred_thousand_rows_are_read_and_checked_in_seconds(tmp_path, name):
    """Measured: 1 s of CPU time for CSV, 5 s for XLSX, and 5 s for validation; much more means a quadratic loop."""
    if name.endswith("csv"):
        lines = (";".join(map(str, cells)) for cells in (HEADER, *map(row, range(100_000))))
        (tmp_path / name).write_text("\n".join(lines))
    else:
        book = Workbook(write_only=True)
        tab = book.create_sheet("Campaign")
        for cells in (HEADER, *map(row, range(100_000))):
            tab.append(cells)
        book.save(tmp_path / name)
    start = time.process_time()
    checked = check_table(read_table(tmp_path / name))
    assert time.process_time() - start < 30
    assert (len(checked.briefs), checked.problems, checked.warnings) == (100_000, (), ())


@pytest.mark.slow
def test_one_row_more_is_too_many_in_a_workbook(tmp_path):
    book = Workbook(write_only=True)
    tab = book.create_sheet("Campaign")
    tab.append(["prompt"])
    for number in range(100_001):
        tab.append([f"a cup {number}"])
    book.save(tmp_path / "sheet.xlsx")
    with pytest.raises(UnreadableSheetError, match=r"'sheet.xlsx' has more than 100,000 rows. Split it"):
        read_table(tmp_path / "sheet.xlsx")


def test_repeated_prompts_take_no_longer(tmp_path):
    (tmp_path / "sheet.csv").write_text("prompt\n" + "a cup\n" * 20_000)
    start = time.process_time()
    checked = check_table(read_table(tmp_path / "sheet.csv"))
    assert time.process_time() - start < 10
    assert len({brief.brief_id for brief in checked.briefs}) == 20_000
