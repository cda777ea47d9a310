"""Writer for workbooks. Every row of a copied table keeps its row number."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
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
LINK = Font(color="0563C1", underline="single")
HEADER = PatternFill("solid", fgColor="DDE6F0")
RED = PatternFill("solid", fgColor="F4A6A0")
YELLOW = PatternFill("solid", fgColor="FFE699")
GREEN = PatternFill("solid", fgColor="C6E5B3")
FILLS: Mapping[str, PatternFill] = {"red": RED, "yellow": YELLOW, "green": GREEN}

_NARROWEST, _WIDEST = 10, 60
"""Limits of the column width, in characters."""


@contextmanager
def new_book(out: Path, source: Path) -> Iterator[Workbook]:
    """Yield a workbook that is written row by row and saved atomically as ``out``.

    Args:
        source: the sheet that is copied.

    Raises:
        SheetError: ``out`` does not end in .xlsx, is the source itself, or cannot be written.
        DiskFullError: the disk is full.
    """
    if out.suffix.lower() != ".xlsx":
        raise SheetError(f"The workbook cannot be written to '{out.name}'. Use a name that ends in .xlsx.")
    if out.resolve() == source.resolve():
        raise SheetError(f"'{out.name}' is the sheet itself. Use another name for the copy.")
    with saving(out) as unfinished, save_rows(unfinished) as book:
        yield book


@contextmanager
def save_rows(out: Path) -> Iterator[Workbook]:
    """Yield a workbook that is written row by row and saved as ``out``."""
    book = Workbook(write_only=True)
    try:
        yield book
        book.save(out)
    finally:
        _close(book)


def _close(book: Workbook) -> None:
    """Close the tabs of a workbook that was not saved; otherwise openpyxl warns about them on standard error."""
    for tab in book.worksheets:
        with suppress(OSError, ValueError):
            if not tab.closed:
                tab.close()


def add_tab(book: Workbook, title: str, widths: Mapping[int, int], frozen: int = 1) -> Any:
    """Add a tab with its column widths in characters; the first ``frozen`` rows stay visible."""
    tab = book.create_sheet(title)
    for index, width in widths.items():
        tab.column_dimensions[letter(index)].width = min(max(width + 2, _NARROWEST), _WIDEST)
    tab.freeze_panes = f"A{frozen + 1}"
    return tab


def cell_of(tab: Any, text: str, fill: PatternFill | None = None, font: Font | None = None) -> Any:
    """Return a styled cell with escaped text."""
    return styled(tab, cell_value(text) if text else None, fill, font)


def styled(
    tab: Any, value: str | float | Decimal | None, fill: PatternFill | None = None, font: Font | None = None
) -> Any:
    """Return a styled cell; text in it must be escaped already."""
    cell = WriteOnlyCell(tab, value)
    if fill:
        cell.fill = fill
    if font:
        cell.font = font
    return cell


def values_of(texts: Sequence[str]) -> list[str | float | None]:
    """Return escaped texts for cells; an empty text leaves its cell empty."""
    return [cell_value(text) if text else None for text in texts]


def lines_of(table: Table) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield every row of a sheet with its row number; blank rows are empty.

    A header that is not in the file (the keys of JSON objects, or that of a list of prompts) has the number 0.
    """
    filled = {row.number: row.cells for row in (*table.above, *table.rows)}
    filled[table.header_row] = table.columns
    for number in range(1 if table.header_row else 0, max(filled) + 1):
        yield number, filled.get(number, ())


def widths_of(table: Table) -> dict[int, int]:
    """Return the longest text among each column's header and first cells, in characters."""
    widths: dict[int, int] = {}
    for texts in (table.columns, *(row.cells for row in table.rows[:100])):
        for index, text in enumerate(texts):
            widths[index] = max(widths.get(index, 0), len(text))
    return widths
