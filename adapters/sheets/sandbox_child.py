"""The child process that parses a sheet, so that a malicious upload can crash only this process.

It reads the file's bytes from standard input and writes lines of JSON: first a head with either ``error`` (a message)
or ``tab``, ``delimiter``, ``formulas`` and ``reading``, then a line for each row that is not blank.
"""

import json
import resource
import sys
from contextlib import suppress
from dataclasses import asdict

from adapters.sheets.file_kind import WORKBOOKS
from manifests.errors import UnreadableSheetError
from manifests.sheet.reading import ReadingOptions
from manifests.sheet.table import Row

MEMORY = 2**30
"""Limit of the address space in bytes."""
CPU_SECONDS = 60
MAX_RETURNED_CHARACTERS, MAX_RETURNED_CELLS = 50_000_000, 4_000_000
"""Limits of what the parent has to keep in memory: a workbook can reference one long text a million times."""


def main() -> None:
    """Parse standard input; the arguments are the kind of file and the ReadingOptions as JSON."""
    _limit()
    kind, options = sys.argv[1], ReadingOptions(**json.loads(sys.argv[2]))
    try:
        head, rows = _parse(sys.stdin.buffer.read(), kind, options)
    except UnreadableSheetError as error:
        head, rows = {"error": str(error)}, []
    except MemoryError:
        head, rows = {"error": "needs too much memory or time to read. Copy the table to a new sheet"}, []
    print(json.dumps(head))
    for row in rows:
        print(json.dumps(row))


def _limit() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with suppress(ValueError, OSError):  # macOS defines the limits but does not support all of them
            resource.setrlimit(limit, (value, value))


def _parse(data: bytes, kind: str, options: ReadingOptions) -> tuple[dict[str, object], list[Row]]:
    head: dict[str, object]
    if kind in WORKBOOKS:
        from adapters.sheets.workbook.read import read_workbook

        book = read_workbook(data, kind, options)
        rows = book.rows
        head = {"tab": book.tab, "delimiter": "", "formulas": book.formulas, "reading": asdict(book.reading)}
    else:
        from adapters.sheets.text.text_reader import read_text

        delimiter, rows, reading = read_text(data, kind, options)
        head = {"tab": "", "delimiter": delimiter, "formulas": [], "reading": asdict(reading)}
    if sum(len(cell) for row in rows for cell in row.cells) > MAX_RETURNED_CHARACTERS:
        raise UnreadableSheetError(
            f"has more than {MAX_RETURNED_CHARACTERS:,} characters. Split it into several sheets"
        )
    if sum(len(row.cells) for row in rows) > MAX_RETURNED_CELLS:
        raise UnreadableSheetError(f"has more than {MAX_RETURNED_CELLS:,} cells. Split it into several sheets")
    return head, rows


if __name__ == "__main__":
    main()
