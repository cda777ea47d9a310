"""Malicious files: the parent process survives and reports what to do."""

import resource
import time

import pytest
from sheets import making

from adapters.sheets import read_table
from adapters.sheets import sandbox as parse
from adapters.sheets.reader import DETECT
from manifests.errors import UnreadableSheetError

HOSTILE = {
    "far_cell": "has cells as far out as XFD1048576 on the tab 'Campaign'",
    "bomb": "unpacks to far more data than a sheet needs",
    "billion_laughs": "contains XML declarations that spreadsheet programs do not write",
    "one_text_many_times": "needs too much memory or time to read",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_is_refused_quickly_and_the_parent_uses_little_memory(tmp_path, name):
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(getattr(making, name)())
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(UnreadableSheetError, match=HOSTILE[name]):
        read_table(path)
    assert time.monotonic() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


UNGUARDED = """
import adapters.sheets.workbook.extent as extent
import adapters.sheets.workbook.package as package
extent.MAX_GRID_CELLS, package.MAX_RATIO, package.MAX_UNPACKED = 10**18, 10**9, 10**12
from adapters.sheets.sandbox_child import main; main()
"""


def test_a_small_workbook_cannot_make_the_parent_use_much_memory(tmp_path):
    """The child fits into half a gigabyte of address space, but its answer would not."""
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(making.one_text_many_times(characters=10_000, times=6_000))
    with pytest.raises(UnreadableSheetError, match="has more than 50,000,000 characters"):
        read_table(path)


def test_a_zip_bomb_in_another_archive_member_is_not_unpacked(tmp_path):
    path = tmp_path / "sheet.ods"
    path.write_bytes(making.archive({"mimetype": b"application/vnd.oasis.opendocument" + bytes(200 * 10**6)}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableSheetError, match="unpacks to far more data than a sheet needs"):
        read_table(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_the_limits_of_the_child_protect_without_the_earlier_checks(tmp_path, monkeypatch):
    """calamine aborts its process on this file: the child dies, the parent survives."""
    monkeypatch.setattr(parse, "_CHILD", UNGUARDED)
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(making.far_cell())
    with pytest.raises(UnreadableSheetError, match="needs too much memory or time") as caught:
        read_table(path)
    failed = caught.value.__cause__.__cause__
    assert isinstance(failed, parse.SandboxError)
    assert "exit status -6" in str(failed)


def test_a_child_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(parse, "_CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(parse, "SECONDS", 1)
    path = tmp_path / "sheet.csv"
    path.write_text("prompt\nx\n")
    with pytest.raises(UnreadableSheetError, match="takes too long to read"):
        read_table(path)


def test_the_child_gets_an_empty_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_CANARY", "secret")
    monkeypatch.setattr(parse, "_CHILD", "import os, sys; sys.exit('REELMILL_CANARY' in os.environ and 3)")
    assert parse._answer(b"", "text", DETECT) == []


def test_the_child_imports_no_large_libraries(tmp_path, monkeypatch):
    """Libraries with many threads would use up its address space on a machine with many cores."""
    imports = (
        "import sys, adapters.sheets.sandbox_child, adapters.sheets.workbook.read, adapters.sheets.text.text_reader"
    )
    monkeypatch.setattr(parse, "_CHILD", f"{imports}; sys.exit(bool({{'openpyxl', 'numpy'}} & set(sys.modules)))")
    assert parse._answer(b"", "text", DETECT) == []


def test_formulas_and_links_of_a_workbook_are_only_text(tmp_path):
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(making.workbook([["prompt", "note to us"], ["x", '=HYPERLINK("http://evil","click")']]))
    assert read_table(path).rows[0].cells == ("x", '=HYPERLINK("http://evil","click")')
