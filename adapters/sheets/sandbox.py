"""Parsing in a child process, so that a malicious file cannot harm this process."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any, NamedTuple

from adapters.sheets.escaping import unescape_formula
from manifests.errors import UnreadableSheetError
from manifests.sheet.reading import (
    BadRow,
    HiddenColumn,
    Reading,
    ReadingOptions,
    RegionDate,
    ShownNumber,
    UnreadableTab,
    UnreadTab,
)
from manifests.sheet.table import Row, trimmed

SECONDS = 90
"""Time limit for the child; its other limits are in sandbox_child.py."""

_CHILD = "from adapters.sheets.sandbox_child import main; main()"


class Parsed(NamedTuple):
    """The result of the child; see Table for the fields."""

    rows: list[Row]
    tab: str
    delimiter: str
    formulas: frozenset[tuple[int, int]]
    reading: Reading


class SandboxError(Exception):
    """How the child ended, for --debug."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        super().__init__(f"exit status {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")


def parse(data: bytes, kind: str, options: ReadingOptions) -> Parsed:
    """Return the rows that are not blank.

    Raises:
        UnreadableSheetError: the child reported an error or died. The message continues after the file's name and has
            no full stop.
    """
    head, *lines = _answer(data, kind, options)
    found = json.loads(head)
    if "error" in found:
        raise UnreadableSheetError(found["error"])
    rows = [
        Row(number, trimmed([unescape_formula(cell) for cell in cells])) for number, cells in map(json.loads, lines)
    ]
    formulas = frozenset((row, column) for row, column in found["formulas"])
    return Parsed(rows, found["tab"], found["delimiter"], formulas, _reading(found["reading"]))


def _reading(found: dict[str, Any]) -> Reading:
    """Rebuild the record that the child sent as JSON."""
    return Reading(
        **{
            **found,
            "hidden_rows": tuple(found["hidden_rows"]),
            "hidden_columns": tuple(HiddenColumn(*column) for column in found["hidden_columns"]),
            "unread_tabs": tuple(UnreadTab(*tab) for tab in found["unread_tabs"]),
            "unreadable_tabs": tuple(UnreadableTab(*tab) for tab in found["unreadable_tabs"]),
            "shown_numbers": tuple(ShownNumber(*number) for number in found["shown_numbers"]),
            "region_dates": tuple(RegionDate(*date) for date in found["region_dates"]),
            "choices": tuple(found["choices"]),
            "bad_rows": tuple(BadRow(*row) for row in found["bad_rows"]),
            "doubts": tuple(BadRow(*row) for row in found["doubts"]),
        }
    )


def _answer(data: bytes, kind: str, options: ReadingOptions) -> list[bytes]:
    """Run the child, with this process's import path but without the rest of its environment."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
    command = [sys.executable, "-P", "-c", _CHILD, kind, json.dumps(asdict(options))]
    try:
        done = subprocess.run(  # noqa: S603
            command,
            input=data,
            capture_output=True,
            timeout=SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableSheetError("takes too long to read. Copy the table to a new sheet") from error
    if done.returncode:
        raise UnreadableSheetError(_death(done)) from SandboxError(done)
    return done.stdout.splitlines()


def _death(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the message for a child that exceeded its limits, or for one that failed unexpectedly."""
    if done.returncode < 0 or b"MemoryError" in done.stderr:
        return "needs too much memory or time to read. Copy the table to a new sheet"
    return "cannot be read. Open it in a spreadsheet program and save it again as XLSX"
