"""The child process that parses a sheet: what people upload can kill only this one.

Takes the file's bytes on standard input and answers in lines of JSON: first a head with
either ``error`` (a sentence) or ``tab``, ``delimiter`` and ``formulas``; then a line for
each row that is not blank.
"""

import json
import resource
import sys
from contextlib import suppress

from adapters.sheets.file_kind import WORKBOOK, check_package
from manifests.errors import UnreadableSheetError
from manifests.sheet.table import Row

MEMORY = 2**30
"""Bytes of address space."""
CPU_SECONDS = 60
MAX_CHARACTERS, MAX_CELLS = 50_000_000, 4_000_000
"""What the parent may have to hold: a workbook can name one long text a million times."""


def main() -> None:
    """Parse standard input; the arguments are the kind of file and a JSON text or null, the tab."""
    _limit()
    kind, tab = sys.argv[1], json.loads(sys.argv[2])
    try:
        head, rows = _parse(sys.stdin.buffer.read(), kind, tab)
    except UnreadableSheetError as error:
        head, rows = {"error": str(error)}, []
    except MemoryError:
        head, rows = {"error": "needs more memory than a sheet should; copy the table into a new sheet"}, []
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
        with suppress(ValueError, OSError):  # macOS knows the name of the limit, but not the limit
            resource.setrlimit(limit, (value, value))


def _parse(data: bytes, kind: str, tab: str | None) -> tuple[dict[str, object], list[Row]]:
    head: dict[str, object]
    if kind == WORKBOOK:
        from adapters.sheets.workbook_reader import read_workbook

        check_package(data)
        name, rows, formulas = read_workbook(data, tab)
        head = {"tab": name, "delimiter": "", "formulas": formulas}
    else:
        from adapters.sheets.delimited_reader import read_delimited

        delimiter, rows = read_delimited(data)
        head = {"tab": "", "delimiter": delimiter, "formulas": []}
    if sum(len(cell) for row in rows for cell in row.cells) > MAX_CHARACTERS:
        raise UnreadableSheetError(f"holds more than {MAX_CHARACTERS:,} characters; split it into several sheets")
    if sum(len(row.cells) for row in rows) > MAX_CELLS:
        raise UnreadableSheetError(f"holds more than {MAX_CELLS:,} cells; split it into several sheets")
    return head, rows


if __name__ == "__main__":
    main()
