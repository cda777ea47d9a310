"""Reader for sheets. A child process with limits parses the file."""

import hashlib
from pathlib import Path

from adapters.sheets.file_kind import EMPTY, WORKBOOK, kind_of
from adapters.sheets.sandbox import Parsed, parse
from manifests.errors import UnreadableSheetError
from manifests.sheet.header import header_index
from manifests.sheet.table import MAX_COLUMNS, MAX_ROWS, Table

MAX_BYTES = 64 * 2**20


def read_table(path: Path, tab: str | None = None) -> Table:
    """Read CSV, semicolon CSV, TSV or XLSX, with every cell as the text that people see.

    Args:
        tab: name of the tab in a workbook; None for the first visible one with a prompt column.

    Raises:
        UnreadableSheetError: the file does not exist or is not a sheet; the message says what it is instead.
    """
    data = _bytes_of(path)
    try:
        kind = kind_of(data)
        if tab is not None and kind != WORKBOOK:
            raise UnreadableSheetError(f"is a text file and has no tabs. Remove the tab name '{tab}'")
        return _table(path, hashlib.sha256(data).hexdigest(), parse(data, kind, tab))
    except UnreadableSheetError as error:
        raise UnreadableSheetError(f"'{path.name}' {error}.") from error


def _bytes_of(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UnreadableSheetError(f"'{path}' is a folder. Enter the path of the sheet inside it.")
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableSheetError(
                f"'{path.name}' is larger than {MAX_BYTES // 2**20} MiB. Split it into several sheets."
            )
        if not path.is_file():
            raise UnreadableSheetError(f"'{path}' is not a regular file. Enter the path of a sheet.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableSheetError(f"'{path}' does not exist. Check the name and the folder.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"'{path}' cannot be opened ({reason}). Check its name and its permissions."
        raise UnreadableSheetError(message) from error


def _table(path: Path, sha256: str, parsed: Parsed) -> Table:
    if not parsed.rows:
        raise UnreadableSheetError(EMPTY)
    index = header_index([row.cells for row in parsed.rows[:200]])
    header, below = parsed.rows[index], parsed.rows[index + 1 :]
    if len(below) > MAX_ROWS:
        raise UnreadableSheetError(f"has more than {MAX_ROWS:,} rows. Split it into several sheets")
    width = sum(1 for cell in header.cells if cell.strip())
    if width > MAX_COLUMNS:
        raise UnreadableSheetError(f"has more than {MAX_COLUMNS} columns. Delete those that are not needed")
    return Table(
        path,
        path.stem,
        sha256,
        header.cells,
        header.number,
        tuple(below),
        tuple(parsed.rows[:index]),
        parsed.tab,
        parsed.delimiter,
        parsed.formulas,
    )
