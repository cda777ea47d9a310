"""Records of CSV files. A record that is quoted wrong is reported, and the next ones are read.

Quotes follow RFC 4180, and white space is allowed around a quoted cell, as in ``"a red, circle", "x, y"``. The standard
library's reader is used for files without errors, because it is much faster.
"""

import csv
import io
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from manifests.sheet.header import LOOKED_AT, header_index
from manifests.sheet.reading import BadRow
from manifests.sheet.table import MAX_ROWS, SPARE_ROWS, Row

MAX_CELL_LENGTH = 32_000
"""Maximum length of a cell. Excel's limit is 32,767; the difference is reserved for escaping."""
UNCLOSED = "has an unclosed double quote. Close it, or delete it."
STRAY = "has a stray double quote. Write two double quotes for each one in a quoted text, or save the sheet as XLSX."
TOO_LONG = f"has a cell with more than {MAX_CELL_LENGTH:,} characters. Shorten the cell."
LINE_END = re.compile(r"\r\n|\r|\n")


class Records(NamedTuple):
    """The rows of a text file that are not blank, its unreadable rows, and warnings about rows."""

    rows: list[Row]
    bad: list[BadRow]
    doubts: list[BadRow]


class Cells(NamedTuple):
    """The patterns of the cells for one delimiter."""

    quoted: re.Pattern[str]
    opened: re.Pattern[str]
    bare: re.Pattern[str]


@lru_cache
def cells_of(delimiter: str) -> Cells:
    """Return the patterns of a delimiter. Possessive quantifiers keep the time linear."""
    end, space = re.escape(delimiter), r"[ \xa0]" if delimiter == "\t" else r"[ \t\xa0]"
    content = r'"((?:[^"]++|"")*+)"'
    return Cells(
        re.compile(rf"{space}*+{content}{space}*+(?={end}|[\r\n]|\Z)"),
        re.compile(content),
        re.compile(rf"(?:(?!{end})[^\r\n])*+"),
    )


def read_records(text: str, delimiter: str) -> Records:
    """Return the records of a CSV file."""
    rows, bad = _quick(text, delimiter), list[BadRow]()
    if rows is None:
        rows, bad = _split(records(text, delimiter))
    index = header_index([row.cells for row in rows[:LOOKED_AT]])
    width = len(rows[index].cells) if rows else 0
    if any(len(row.cells) > width and _spans_lines(row) for row in rows[index + 1 :]):
        rows, bad = _split(records(text, delimiter, width))
    return Records(rows, bad, [doubt for row in rows[index + 1 :] if (doubt := _swallowed(row, delimiter, width))])


def _quick(text: str, delimiter: str) -> list[Row] | None:
    """Return the records of a file without errors, or None."""
    if re.search(rf'(?:^|[{re.escape(delimiter)}\r\n])[ \t\xa0]++"', text):
        return None
    csv.field_size_limit(MAX_CELL_LENGTH)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    filled = (Row(number, tuple(cells)) for number, cells in enumerate(reader, 1) if any(map(str.strip, cells)))
    try:
        return list(islice(filled, MAX_ROWS + SPARE_ROWS))
    except csv.Error:
        return None


def _split(found: Iterator[Row | BadRow]) -> tuple[list[Row], list[BadRow]]:
    rows: list[Row] = []
    bad: list[BadRow] = []
    for record in islice(found, MAX_ROWS + SPARE_ROWS):
        if isinstance(record, Row):
            rows.append(record)
        else:
            bad.append(record)
    return rows, bad


def records(text: str, delimiter: str, width: int = 0) -> Iterator[Row | BadRow]:
    """Yield every record that is not blank, as a row or as the error that makes it unreadable.

    After an error, reading continues with the next line, so that an unclosed quote does not swallow the file.

    Args:
        width: a record over several lines with more cells has an unclosed quote; 0 for any number.
    """
    for record, _ in raw_records(text, delimiter, width):
        if isinstance(record, BadRow) or any(map(str.strip, record.cells)):
            yield record


def raw_records(text: str, delimiter: str, width: int = 0) -> Iterator[tuple[Row | BadRow, str]]:
    """Yield every record as ``records`` does, also blank ones, with its text in the file and its line end."""
    patterns = cells_of(delimiter)
    start, number = 0, 0
    while start < len(text):
        number += 1
        record, end = _record(text, start, delimiter, patterns, number, width)
        yield record, text[start:end]
        start = end


def _record(
    text: str, start: int, delimiter: str, patterns: Cells, number: int, width: int
) -> tuple[Row | BadRow, int]:
    """Return the record that starts at a place, and the place of the next one."""
    cells: list[str] = []
    place, first_break = start, -1
    while True:
        found = patterns.quoted.match(text, place)
        if found:
            cell = found[1].replace('""', '"')
            if first_break < 0 and LINE_END.search(cell):
                first_break = place
        elif text.startswith('"', place):
            return _unreadable(text, start, place, number, _fault(text, place, patterns))
        else:
            found = patterns.bare.match(text, place)
            assert found  # an empty cell matches
            cell = found[0]
        if len(cell) > MAX_CELL_LENGTH:
            return _unreadable(text, start, place, number, UNCLOSED if LINE_END.search(cell) else TOO_LONG)
        cells.append(cell)
        if not text.startswith(delimiter, found.end()):
            break
        place = found.end() + len(delimiter)
    if first_break >= 0 and 0 < width < len(cells):
        return _unreadable(text, start, first_break, number, UNCLOSED)
    line_end = LINE_END.match(text, found.end())
    return Row(number, tuple(cells)), line_end.end() if line_end else len(text)


def _fault(text: str, place: int, patterns: Cells) -> str:
    found = patterns.opened.match(text, place)
    return STRAY if found and not LINE_END.search(found[1]) else UNCLOSED


def _unreadable(text: str, start: int, place: int, number: int, message: str) -> tuple[BadRow, int]:
    """Return the error of a record, and the place of the line below the cell that causes it."""
    line_end = LINE_END.search(text, place)
    end, below = (line_end.start(), line_end.end()) if line_end else (len(text), len(text))
    value = text[start:end] if end - start <= 200 else text[place : min(end, place + 200)]
    return BadRow(number, value, message), below


def _spans_lines(row: Row) -> bool:
    return any("\n" in cell or "\r" in cell for cell in row.cells)


def _swallowed(row: Row, delimiter: str, width: int) -> BadRow | None:
    """Return a warning if each line of a record over several lines looks like a record of its own."""
    if width < 2 or not _spans_lines(row):
        return None
    lines = [line for line in LINE_END.split(delimiter.join(row.cells)) if line.strip()]
    if len(lines) < 2 or any(line.count(delimiter) != width - 1 for line in lines):
        return None
    value = next(cell for cell in row.cells if LINE_END.search(cell))
    message = (
        f"is read as one cell over {len(lines)} lines. If these are several rows, the first one has an unclosed double "
        "quote: close it, or delete it."
    )
    return BadRow(row.number, value, message)
