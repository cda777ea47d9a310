"""The texts of a sheet as they were typed, by row and column."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from manifests.sheet.reading import PLAIN, Reading

MAX_ROWS, MAX_COLUMNS = 100_000, 200
SPARE_ROWS = 1_000
"""Additional rows for titles. The child reads this many more, so that the reader can detect too many rows."""


class Row(NamedTuple):
    """A row that is not blank.

    Attributes:
        number: row number as the spreadsheet program shows it, from 1.
        cells: texts from column A on, without the empty cells at the end.
    """

    number: int
    cells: tuple[str, ...]

    def cell(self, index: int) -> str:
        """Return the text in a column, counted from 0; empty beyond the last cell."""
        return self.cells[index] if index < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Table:
    """The texts of a sheet, with its header.

    Attributes:
        path: the file from which it was read.
        name: the file's name without its extension.
        sha256: hex digest of the file's bytes.
        columns: headers as typed, from column A on; empty for a column without a header.
        header_row: row number of the header.
        rows: the rows below the header.
        above: the rows above the header (titles).
        tab: name of the tab in a workbook; empty for text files.
        delimiter: separator of the cells in a text file; empty for workbooks.
        formulas: (row number, column from 0) of formulas without a stored result; the cell's text is the formula.
        reading: how the file was read, and what was left out.
        hidden: the rows that are hidden, and all rows if a column is hidden, with the cells of hidden columns; they are
            not used and serve for a copy of the sheet only. Empty if hidden rows and columns are included.
    """

    path: Path
    name: str
    sha256: str
    columns: tuple[str, ...]
    header_row: int
    rows: tuple[Row, ...]
    above: tuple[Row, ...] = ()
    tab: str = ""
    delimiter: str = ""
    formulas: frozenset[tuple[int, int]] = frozenset()
    reading: Reading = PLAIN
    hidden: tuple[Row, ...] = ()


def letter(index: int) -> str:
    """Return a column's letter, counted from 0: 0 is A, 26 is AA."""
    text = ""
    while index >= 0:
        text, index = chr(ord("A") + index % 26) + text, index // 26 - 1
    return text


def trimmed(cells: Sequence[str]) -> tuple[str, ...]:
    """Return a row's cells without the blank ones at its end."""
    width = max((place for place, cell in enumerate(cells, 1) if cell.strip()), default=0)
    return tuple(cells[:width])
