"""Reader for sheets. A child process with limits parses the file."""

import hashlib
from dataclasses import replace
from pathlib import Path

from adapters.sheets.file_kind import EMPTY, WORKBOOKS, kind_of
from adapters.sheets.sandbox import Parsed, parse
from manifests.errors import UnreadableSheetError
from manifests.sheet.columns import name_of
from manifests.sheet.header import header_index
from manifests.sheet.reading import DETECT, HiddenColumn, Reading, ReadingOptions
from manifests.sheet.table import MAX_COLUMNS, MAX_ROWS, Row, Table, trimmed

MAX_BYTES = 64 * 2**20
ALL_HIDDEN = "has only hidden rows. Unhide them, or include hidden rows (--include-hidden)"


def read_table(path: Path, options: ReadingOptions = DETECT) -> Table:
    """Read CSV, semicolon CSV, TSV, JSON, JSON Lines, a list of prompts or XLSX, with cells as people see them.

    Raises:
        UnreadableSheetError: the file does not exist or is not a sheet; the message says what it is instead.
    """
    data = _bytes_of(path)
    try:
        kind = kind_of(data, path.suffix)
        if options.tab and kind not in WORKBOOKS:
            raise UnreadableSheetError(f"is a text file and has no tabs. Remove the tab name '{options.tab}'")
        if options.encoding and kind in WORKBOOKS:
            raise UnreadableSheetError("is a workbook, which needs no encoding. Remove --encoding")
        return _table(path, hashlib.sha256(data).hexdigest(), parse(data, kind, options), options.include_hidden)
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


def _table(path: Path, sha256: str, parsed: Parsed, include_hidden: bool) -> Table:
    rows, reading = parsed.rows, parsed.reading
    if not include_hidden:
        rows = _visible(rows, reading)
    elif reading.hidden_rows or reading.hidden_columns:
        reading = replace(reading, hidden_included=True, choices=(*reading.choices, "hidden"))
    if not rows:
        raise UnreadableSheetError(ALL_HIDDEN if parsed.rows else EMPTY)
    index = header_index([row.cells for row in rows[:200]]) if rows[0].number else 0
    header, below = rows[index], rows[index + 1 :]
    if len(below) > MAX_ROWS:
        raise UnreadableSheetError(f"has more than {MAX_ROWS:,} rows. Split it into several sheets")
    width = sum(1 for cell in header.cells if cell.strip())
    if width > MAX_COLUMNS:
        raise UnreadableSheetError(f"has more than {MAX_COLUMNS} columns. Delete those that are not needed")
    return Table(
        path,
        _name(path, parsed),
        sha256,
        header.cells,
        header.number,
        tuple(below),
        tuple(rows[:index]),
        parsed.tab,
        parsed.delimiter,
        parsed.formulas,
        _with_headers(reading, parsed.rows, header.number),
        () if include_hidden else _hidden(parsed.rows, reading),
    )


def _name(path: Path, parsed: Parsed) -> str:
    """Return the file's name, with the tab if it is another one than the reader chooses."""
    is_other_tab = any(choice.startswith("tab=") for choice in parsed.reading.choices)
    return f"{path.stem} {parsed.tab}" if is_other_tab else path.stem


def _visible(rows: list[Row], reading: Reading) -> list[Row]:
    """Return the rows that a person sees; the cells of hidden columns are blank, so that columns keep their letters."""
    hidden_rows = set(reading.hidden_rows)
    hidden = {hidden.column for hidden in reading.hidden_columns}
    visible = [row for row in rows if row.number not in hidden_rows]
    if hidden:
        blanked = (
            Row(row.number, trimmed(["" if index in hidden else cell for index, cell in enumerate(row.cells)]))
            for row in visible
        )
        visible = [row for row in blanked if row.cells]
    return visible


def _hidden(rows: list[Row], reading: Reading) -> tuple[Row, ...]:
    numbers = set(reading.hidden_rows)
    return tuple(row for row in rows if reading.hidden_columns or row.number in numbers)


def _with_headers(reading: Reading, rows: list[Row], header_row: int) -> Reading:
    """Return the reading with the headers of its hidden columns, and without hidden rows above the header.

    If the header has no prompt column, hidden rows above it stay: one of them may be the real header.
    """
    header = next(row for row in rows if row.number == header_row)
    columns = tuple(HiddenColumn(hidden.column, header.cell(hidden.column)) for hidden in reading.hidden_columns)
    has_prompts = any(name_of(cell) == "prompt" for cell in header.cells)
    below = tuple(number for number in reading.hidden_rows if number > header_row or not has_prompts)
    return replace(reading, hidden_columns=columns, hidden_rows=below)
