"""Reader for text sheets: CSV, semicolon CSV and TSV."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from manifests.errors import UnreadableSheetError
from manifests.sheet.header import header_index, known_in
from manifests.sheet.table import MAX_ROWS, SPARE_ROWS, Row

DELIMITERS = ",;\t|"
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SAMPLE = 64
_MAX_CELL_LENGTH = 32_000
"""Maximum length of a cell. Excel's limit is 32,767; the difference is reserved for escaping."""


class _Shape(NamedTuple):
    """How well a delimiter fits; the greatest value wins."""

    known: int
    fitting: bool
    width: int
    preference: int


def decode(data: bytes) -> str:
    """Decode text by its byte order mark, or else as UTF-8, or else as Windows-1252.

    Raises:
        UnreadableSheetError: not text, or the encoding cannot be detected.
    """
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), None) or _unmarked(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableSheetError("cannot be decoded as text. Save it as CSV in UTF-8, or as XLSX") from error


def _unmarked(data: bytes) -> str:
    """Detect the encoding; in UTF-16, every second byte of Latin text is zero, and hardly any of the others."""
    even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
    if max(even, odd) * 4 > len(data[:4096]) and min(even, odd) * 20 <= max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if even or odd:
            raise UnreadableSheetError("is a binary file, not a sheet. Save the sheet as XLSX or CSV") from None
        return "cp1252"
    return "utf-8"


def read_delimited(data: bytes) -> tuple[str, list[Row]]:
    """Return the delimiter and the rows that are not blank.

    A first line ``sep=;`` sets the delimiter and is not counted as a row, as in Excel.

    Raises:
        UnreadableSheetError: not text, or an unclosed double quote.
    """
    csv.field_size_limit(_MAX_CELL_LENGTH)
    text = decode(data)
    if not text.strip(DELIMITERS + '" \r\n\0'):
        return DELIMITERS[0], []
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) <= 5:
        delimiter = first.rstrip("\r\n")[4:5] or "\t"
        return delimiter, list(islice(_rows(rest, delimiter), MAX_ROWS + SPARE_ROWS))
    delimiter = max(DELIMITERS, key=lambda candidate: _shape(text, candidate))
    return delimiter, list(islice(_rows(text, delimiter), MAX_ROWS + SPARE_ROWS))


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UnreadableSheetError(_quoting(number, str(error))) from error
        if any(cell.strip() for cell in cells):
            yield Row(number, tuple(cells))


def _quoting(number: int, error: str) -> str:
    if "end of data" in error:
        return f"has an unclosed double quote in row {number}. Close it, or delete it"
    if "field limit" in error:
        return (
            f"has a cell with more than {_MAX_CELL_LENGTH:,} characters in row {number}. "
            "Check for an unclosed double quote, or shorten the cell"
        )
    return (
        f"has a stray double quote in row {number}. Write two double quotes for each one in a quoted text, or save "
        "the sheet as XLSX"
    )


def _shape(text: str, delimiter: str) -> _Shape:
    try:
        rows = [row.cells for row in islice(_rows(text, delimiter), _SAMPLE)]
    except UnreadableSheetError:
        return _Shape(0, False, 0, -DELIMITERS.index(delimiter))
    if not rows:
        return _Shape(0, False, 0, -DELIMITERS.index(delimiter))
    header = header_index(rows)
    width = len(rows[header])
    fitting = all(len(cells) <= width for cells in rows[header:])
    return _Shape(known_in(rows[header]), fitting, width, -DELIMITERS.index(delimiter))
