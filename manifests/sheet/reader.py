"""From a file to a table. The parsing is done by a child process with limits."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from manifests.errors import SheetUnreadable
from manifests.sheet.header import header_index
from manifests.sheet.kind import WORKBOOK, kind_of
from manifests.sheet.safe import unguarded
from manifests.sheet.table import Row, Table

MAX_BYTES = 64 * 2**20
MAX_ROWS = 100_000
MAX_COLUMNS = 200
SECONDS = 90
"""Wall clock for the child."""

_CHILD = "from manifests.sheet.child import main; main()"


def read_table(path: Path, tab: str | None = None) -> Table:
    """Read CSV, semicolon CSV, TSV or XLSX; every cell as the text that people see.

    Args:
        tab: name of the tab in a workbook; None takes the first visible one with a prompt column.

    Raises:
        SheetUnreadable: no such file, or no sheet; one sentence says what it is instead.
    """
    data = _bytes_of(path)
    try:
        kind = kind_of(data)
        if tab is not None and kind != WORKBOOK:
            raise SheetUnreadable(f"is a text file and has no tabs; leave '{tab}' away")
        head, rows = _parsed(data, kind, tab)
        return _table(path, hashlib.sha256(data).hexdigest(), head, rows)
    except SheetUnreadable as error:
        raise SheetUnreadable(f"'{path.name}' {error}.") from error


def _bytes_of(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise SheetUnreadable(f"'{path}' is a folder; name the sheet inside it.")
        if path.stat().st_size > MAX_BYTES:
            raise SheetUnreadable(f"'{path.name}' has more than {MAX_BYTES // 2**20} MiB; "
                                  "split it into several sheets.")
        if not path.is_file():
            raise SheetUnreadable(f"'{path}' is no file; name a sheet.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SheetUnreadable(f"There is no file '{path}'; check the name and the folder.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SheetUnreadable(f"'{path}' cannot be opened ({reason}); check its rights and its name.") from error


def _parsed(data: bytes, kind: str, tab: str | None) -> tuple[dict[str, list[list[int]]], list[Row]]:
    """Return the child's answer.

    The child gets this process's import path and nothing else of its environment.
    """
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
    command = [sys.executable, "-P", "-c", _CHILD, kind, json.dumps(tab)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS,  # noqa: S603
                              env=environment, check=False)
    except subprocess.TimeoutExpired as error:
        raise SheetUnreadable("takes too long to read; copy the table into a new sheet") from error
    if done.returncode:
        raise SheetUnreadable("needs more memory or time than a sheet should; "
                              "copy the table into a new sheet") from ChildFailed(done)
    lines = done.stdout.splitlines()
    head = json.loads(lines[0])
    if "error" in head:
        raise SheetUnreadable(head["error"])
    return head, [Row(number, tuple(map(unguarded, cells))) for number, cells in map(json.loads, lines[1:])]


class ChildFailed(Exception):
    """How the child ended, for --debug."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        super().__init__(f"exit status {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")


def _table(path: Path, sha256: str, head: dict[str, list[list[int]]], rows: Sequence[Row]) -> Table:
    if not rows:
        raise SheetUnreadable("is empty; write a header and a prompt below it, or start from `reelmill init`")
    index = header_index([row.cells for row in rows[:200]])
    header, below = rows[index], rows[index + 1:]
    if len(below) > MAX_ROWS:
        raise SheetUnreadable(f"has {len(below):,} rows, more than {MAX_ROWS:,}; split it into several sheets")
    width = sum(1 for cell in header.cells if cell.strip())
    if width > MAX_COLUMNS:
        raise SheetUnreadable(f"has {width:,} columns, more than {MAX_COLUMNS}; delete those not needed")
    formulas = frozenset((row, column) for row, column in head["formulas"])
    return Table(path, path.stem, sha256, _trimmed(header.cells), header.number, tuple(below),
                 tuple(rows[:index]), str(head["tab"]), str(head["delimiter"]), formulas)


def _trimmed(headers: Sequence[str]) -> tuple[str, ...]:
    width = max((i for i, header in enumerate(headers, 1) if header.strip()), default=0)
    return tuple(headers[:width])
