"""Parsing in a child process: whatever a file does to it, this process goes on."""

import json
import os
import subprocess
import sys
from typing import NamedTuple

from adapters.sheets.escaping import unguarded
from manifests.errors import UnreadableSheetError
from manifests.sheet.table import Row, trimmed

SECONDS = 90
"""Wall clock for the child; its own limits are in child.py."""

_CHILD = "from adapters.sheets.sandbox_child import main; main()"


class Parsed(NamedTuple):
    """What the child found in a file; see Table for the fields."""

    rows: list[Row]
    tab: str
    delimiter: str
    formulas: frozenset[tuple[int, int]]


class SandboxError(Exception):
    """How the child ended, for --debug."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        super().__init__(f"exit status {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")


def parse(data: bytes, kind: str, tab: str | None) -> Parsed:
    """Return the rows that are not blank.

    Raises:
        UnreadableSheetError: what the child said, or that it died; goes on after the file's name.
    """
    head, *lines = _answer(data, kind, tab)
    found = json.loads(head)
    if "error" in found:
        raise UnreadableSheetError(found["error"])
    rows = [Row(number, trimmed([unguarded(cell) for cell in cells])) for number, cells in map(json.loads, lines)]
    formulas = frozenset((row, column) for row, column in found["formulas"])
    return Parsed(rows, found["tab"], found["delimiter"], formulas)


def _answer(data: bytes, kind: str, tab: str | None) -> list[bytes]:
    """Run the child; it gets this process's import path and nothing else of its environment."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
    command = [sys.executable, "-P", "-c", _CHILD, kind, json.dumps(tab)]
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
        raise UnreadableSheetError("takes too long to read; copy the table into a new sheet") from error
    if done.returncode:
        raise UnreadableSheetError(_death(done)) from SandboxError(done)
    return done.stdout.splitlines()


def _death(done: subprocess.CompletedProcess[bytes]) -> str:
    """Tell a child that ran into its limits from one that met something nobody thought of."""
    if done.returncode < 0 or b"MemoryError" in done.stderr:
        return "needs more memory or time than a sheet should; copy the table into a new sheet"
    return "cannot be read; open it in its program and save it anew as XLSX"
