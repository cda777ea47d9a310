"""Records of TSV files, in which a double quote is a letter unless the file shows otherwise.

The registered format (IANA, text/tab-separated-values) and Google Sheets have no quoting. Excel, LibreOffice, pandas
and Python quote cells as in CSV. A file is read as quoted if all double quotes in it can be the quotes of whole cells,
and at least one cell proves it: a quoted header, or a cell with a line break, a tab or doubled quotes. Otherwise quotes
are letters, except around cells with properly doubled quotes. See decision 44.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from adapters.sheets.text.records import LINE_END, MAX_CELL_LENGTH, TOO_LONG, Records, cells_of
from manifests.sheet.reading import BadRow
from manifests.sheet.table import MAX_ROWS, SPARE_ROWS, Row

_TAB = cells_of("\t")
_BARE = re.compile(r"[^\t\r\n]*+")
_READ_AS_QUOTES = (
    "is a cell in double quotes, which are not read as part of the text. If they are, write them three times."
)
_READ_AS_LETTERS = "is a cell in double quotes, which are read as part of the text. If they are not, delete them."


class _Cell(NamedTuple):
    """A cell: its text as in the file, its content if it is quoted as in CSV, and its place."""

    raw: str
    content: str | None
    row: int
    is_first_row: bool

    @property
    def is_proof(self) -> bool:
        """Whether only a program that quotes cells writes this one."""
        content = self.content or ""
        return self.content is not None and (
            self.is_first_row or '"' in content or bool(re.search(r"[\t\r\n]", content))
        )


def read_tsv(text: str) -> Records:
    """Return the records of a TSV file."""
    if '"' not in text:
        return _collected(_records(text, "never"), [])
    cells = [cell for row in _cells(text, "always") for cell in row if '"' in cell.raw and cell.content != ""]
    quoted = [cell for cell in cells if cell.content is not None]
    if len(quoted) < len(cells):
        return _collected(_records(text, "doubled"), [])
    if not quoted or any(cell.is_proof for cell in quoted):
        return _collected(_records(text, "always"), [])
    from_excel = all("," in (cell.content or "") for cell in quoted) and not _has_bare_comma(text)
    message = _READ_AS_QUOTES if from_excel else _READ_AS_LETTERS
    doubts = [BadRow(cell.row, cell.raw.strip(), message) for cell in quoted]
    return _collected(_records(text, "always" if from_excel else "doubled"), doubts)


def _has_bare_comma(text: str) -> bool:
    """Return whether a cell with a comma is not quoted; Excel quotes all of them."""
    return any("," in cell.raw and cell.content is None for row in _cells(text, "always") for cell in row)


def _collected(found: Iterator[Row | BadRow], doubts: list[BadRow]) -> Records:
    records = list(islice(found, MAX_ROWS + SPARE_ROWS))
    rows = [record for record in records if isinstance(record, Row)]
    return Records(rows, [record for record in records if isinstance(record, BadRow)], doubts)


def _records(text: str, quotes: str) -> Iterator[Row | BadRow]:
    for cells in _cells(text, quotes):
        texts = [cell.raw if cell.content is None else cell.content for cell in cells]
        if any(len(each) > MAX_CELL_LENGTH for each in texts):
            yield BadRow(cells[0].row, texts[0][:200], TOO_LONG)
        elif any(map(str.strip, texts)):
            yield Row(cells[0].row, tuple(texts))


def _cells(text: str, quotes: str) -> Iterator[list[_Cell]]:
    """Yield the cells of each record.

    Args:
        quotes: ``always`` to read every properly quoted cell as in CSV, ``doubled`` to do so only for cells that no
            person types (doubled quotes, or a line break without tabs), ``never`` for the others.
    """
    place, number = 0, 0
    while place < len(text):
        number += 1
        cells: list[_Cell] = []
        while True:
            cell, place = _cell(text, place, quotes, number)
            cells.append(cell)
            if not text.startswith("\t", place):
                break
            place += 1
        line_end = LINE_END.match(text, place)
        place = line_end.end() if line_end else len(text)
        yield cells


def _cell(text: str, place: int, quotes: str, number: int) -> tuple[_Cell, int]:
    found = _TAB.quoted.match(text, place) if quotes != "never" else None
    if found and (quotes == "always" or not found[1] or _is_typed_by_nobody(found[1])):
        return _Cell(found[0], found[1].replace('""', '"'), number, number == 1), found.end()
    bare = _BARE.match(text, place)
    assert bare  # an empty cell matches
    return _Cell(bare[0], None, number, number == 1), bare.end()


def _is_typed_by_nobody(content: str) -> bool:
    return "\t" not in content and ('""' in content or bool(LINE_END.search(content)))
