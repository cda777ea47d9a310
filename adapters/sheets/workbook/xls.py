"""Reader for XLS workbooks of Excel 5 to 2003, with xlrd: it knows what is hidden, and the number formats."""

import io
from functools import partial
from typing import Any

import xlrd

from adapters.sheets.file_kind import PROTECTED
from adapters.sheets.numbers.number_format import BUILT_IN, GENERAL
from adapters.sheets.workbook.calamine_cells import Grid, Shown, fill_merged, put, rows_of
from adapters.sheets.workbook.extent import DAYS_TO_1904, Extent
from adapters.sheets.workbook.package import DAMAGED
from adapters.sheets.workbook.tab import Tab, TabCells, column_range
from manifests.errors import UnreadableSheetError

_NO_WORKBOOK = (
    "is a file of an old Office program, but not a workbook. Copy the table to a spreadsheet and save it as XLSX"
)


def xls_tabs(data: bytes) -> list[Tab]:
    """Return the worksheets of a workbook.

    Raises:
        UnreadableSheetError: it is protected by a password, or not a workbook.
        Exception: of any type, because xlrd checks little of a damaged file.
    """
    try:
        book = xlrd.open_workbook(file_contents=data, formatting_info=True, ragged_rows=True, logfile=io.StringIO())
    except xlrd.XLRDError as error:
        raise UnreadableSheetError(_reason(str(error))) from error
    sheets = [book.sheet_by_index(index) for index in range(book.nsheets)]
    styles = dict(enumerate(_code(book, style) for style in book.xf_list))
    return [Tab(sheet.name, sheet.visibility != 0, partial(_cells, book, sheet, styles)) for sheet in sheets]


def _reason(message: str) -> str:
    if "encrypted" in message.lower():
        return PROTECTED
    return _NO_WORKBOOK if "find workbook" in message.lower() else DAMAGED


def _code(book: Any, style: Any) -> str:
    """Return a style's number format; built-in ones by their number, because xlrd has other texts for some."""
    found = book.format_map.get(style.format_key)
    code = BUILT_IN.get(style.format_key) or (found.format_str if found else "")
    return code or GENERAL


def _cells(book: Any, sheet: Any, styles: dict[int, str]) -> TabCells:
    extent, shown, grid = Extent(), Shown(styles, DAYS_TO_1904 if book.datemode else 0), Grid()
    for row in range(sheet.nrows):
        for column, cell in enumerate(sheet.row(row)):
            text = shown.text(row + 1, column, _value(cell), cell.xf_index or 0)
            if text:
                extent.add(row + 1, column)
                put(grid, row + 1, column, text)
    extent.check(sheet.name)
    extent.hidden_rows.update(row + 1 for row, info in sheet.rowinfo_map.items() if info.hidden or info.height == 0)
    for column, info in sheet.colinfo_map.items():
        if info.hidden or info.width == 0:
            extent.hidden_columns.update(column_range(column, column))
    fill_merged(grid, [((top, left), (end - 1, right - 1)) for top, end, left, right in sheet.merged_cells])
    return shown.cells(rows_of(grid), extent)


def _value(cell: Any) -> str | float | bool:
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#VALUE!"))
    return cell.value if isinstance(cell.value, float) else str(cell.value)
