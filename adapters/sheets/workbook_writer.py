"""Writing workbooks: a table laid out anew, every row where it was."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font, PatternFill

from adapters.sheets.atomic_save import saving
from adapters.sheets.escaping import cell_value
from manifests.errors import SheetError
from manifests.sheet.table import Table, letter

BOLD = Font(bold=True)
HEADER = PatternFill("solid", fgColor="DDE6F0")
RED = PatternFill("solid", fgColor="F4A6A0")
YELLOW = PatternFill("solid", fgColor="FFE699")
GREEN = PatternFill("solid", fgColor="C6E5B3")

_NARROWEST, _WIDEST = 10, 60
"""Widths of columns, in characters."""


@contextmanager
def new_book(out: Path, source: Path) -> Iterator[Workbook]:
    """Yield a workbook that is written row by row; at the end it lies at ``out``, whole or not at all.

    Args:
        source: the sheet that it is a copy of.

    Raises:
        SheetError: the name does not end in .xlsx, is the source's own, or cannot be written.
        DiskFullError: no room.
    """
    if out.suffix.lower() != ".xlsx":
        raise SheetError(f"'{out.name}' is to be a workbook; give it a name that ends in .xlsx.")
    if out.resolve() == source.resolve():
        raise SheetError(f"'{out.name}' is the sheet itself; give the copy another name.")
    with saving(out) as unfinished:
        book = Workbook(write_only=True)
        try:
            yield book
            book.save(unfinished)
        finally:
            _close(book)


def _close(book: Workbook) -> None:
    """Close the tabs of a book that was not saved, or openpyxl complains of them on standard error."""
    for tab in book.worksheets:
        with suppress(OSError, ValueError):
            if not tab.closed:
                tab.close()


def add_tab(book: Workbook, title: str, widths: Mapping[int, int], frozen: int = 1) -> Any:
    """Add a tab with its column widths in characters; the first ``frozen`` rows stay in sight."""
    tab = book.create_sheet(title)
    for index, width in widths.items():
        tab.column_dimensions[letter(index)].width = min(max(width + 2, _NARROWEST), _WIDEST)
    tab.freeze_panes = f"A{frozen + 1}"
    return tab


def cell_of(tab: Any, text: str, fill: PatternFill | None = None, font: Font | None = None) -> Any:
    """Return a cell that is safe to open, in a style."""
    cell = WriteOnlyCell(tab, cell_value(text) if text else None)
    if fill:
        cell.fill = fill
    if font:
        cell.font = font
    return cell


def values_of(texts: Sequence[str]) -> list[str | float | None]:
    """Return texts as they are written to cells; an empty text leaves its cell empty."""
    return [cell_value(text) if text else None for text in texts]


def lines_of(table: Table) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield every line of a sheet down to its last, with its row number; blank ones are empty."""
    filled = {row.number: row.cells for row in (*table.above, *table.rows)}
    filled[table.header_row] = table.columns
    for number in range(1, max(filled) + 1):
        yield number, filled.get(number, ())


def widths_of(table: Table) -> dict[int, int]:
    """Return how many characters each column's header and first cells take."""
    widths: dict[int, int] = {}
    for texts in (table.columns, *(row.cells for row in table.rows[:100])):
        for index, text in enumerate(texts):
            widths[index] = max(widths.get(index, 0), len(text))
    return widths
