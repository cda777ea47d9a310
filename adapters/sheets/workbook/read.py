"""Read a workbook of any kind: the best tab as people see it, and what was left out."""

import struct
from dataclasses import dataclass

from adapters.sheets.file_kind import OLD_WORKBOOK
from adapters.sheets.workbook.exact_numbers import with_exact_numbers
from adapters.sheets.workbook.package import DAMAGE, DAMAGED, Package
from adapters.sheets.workbook.package_kind import ODS, XLSB, package_kind
from adapters.sheets.workbook.tab import Tab
from adapters.sheets.workbook.tab_choice import Candidate, Choice, choose_tab
from manifests.errors import UnreadableSheetError
from manifests.sheet.reading import HiddenColumn, Reading, ReadingOptions, RegionDate, UnreadableTab
from manifests.sheet.table import Row

SHOWN_DATES = 1_000
"""Number of dates without a fixed order that are reported."""


@dataclass(frozen=True, slots=True)
class Workbook:
    """The tab of a workbook that was read.

    Attributes:
        tab: the tab's name.
        rows: its rows that are not blank, hidden ones too.
        formulas: (row, column) of formulas without a stored result.
        reading: how it was read.
    """

    tab: str
    rows: list[Row]
    formulas: list[tuple[int, int]]
    reading: Reading


def read_workbook(data: bytes, kind: str, options: ReadingOptions) -> Workbook:
    """Return a tab of a workbook.

    Args:
        kind: see file_kind.py.

    Raises:
        UnreadableSheetError: a ZIP bomb, a damaged file, an unknown tab, no data, or too many rows.
    """
    try:
        name, tabs = _tabs(data, kind)
        return _workbook(name, choose_tab(tabs, options.tab, options.include_hidden))
    except UnreadableSheetError:
        raise
    except (*DAMAGE, struct.error) as error:
        raise UnreadableSheetError(DAMAGED) from error
    except BaseException as error:
        _raise_if_unexpected(error, kind)
        raise UnreadableSheetError(DAMAGED) from error


def _raise_if_unexpected(error: BaseException, kind: str) -> None:
    """Raise all exceptions again that do not mean a damaged file.

    calamine's panics are no subclass of Exception; one of them means that Python has no memory for a text. xlrd fails
    on damaged files with exceptions of any type.
    """
    if type(error).__name__ == "PanicException":
        if "pointer is null" in str(error):
            raise MemoryError from error
    elif kind != OLD_WORKBOOK or not isinstance(error, Exception) or isinstance(error, MemoryError):
        raise error


def _tabs(data: bytes, kind: str) -> tuple[str, list[Tab]]:
    """Return the kind of workbook as people call it, and its tabs."""
    if kind == OLD_WORKBOOK:
        from adapters.sheets.workbook.xls import xls_tabs

        return "XLS", xls_tabs(data)
    package = Package(data)
    name = package_kind(package)
    if name == ODS:
        from adapters.sheets.workbook.ods import ods_tabs

        return name, ods_tabs(package)
    if name == XLSB:
        from adapters.sheets.workbook.xlsb import xlsb_tabs

        return name, xlsb_tabs(package)
    from adapters.sheets.workbook.xlsx import xlsx_tabs

    return name, xlsx_tabs(data, package)


def _workbook(kind: str, choice: Choice) -> Workbook:
    chosen = choice.chosen
    cells = chosen.cells
    if cells is None or not chosen.rows:
        raise UnreadableSheetError(_nothing_on(chosen))
    exact = with_exact_numbers(cells.rows, chosen.rows[chosen.index], cells.numbers)
    is_default = choice.by_default is None or choice.by_default is chosen
    reading = Reading(
        kind,
        hidden_rows=cells.filled_hidden_rows,
        hidden_columns=tuple(HiddenColumn(index) for index in cells.filled_hidden_columns),
        unread_tabs=choice.unread,
        unreadable_tabs=tuple(UnreadableTab(*error) for error in choice.errors),
        shown_numbers=exact.different,
        region_dates=tuple(RegionDate(row, column) for row, column in cells.region_dates[:SHOWN_DATES]),
        choices=() if is_default else (f"tab={chosen.tab.name}",),
    )
    return Workbook(chosen.tab.name, exact.rows, cells.formulas, reading)


def _nothing_on(chosen: Candidate) -> str:
    if chosen.cells and chosen.cells.rows:
        return "has only hidden rows. Unhide them, or include hidden rows (--include-hidden)"
    return f"has no data on the tab '{chosen.tab.name}'. Choose another tab with --tab"
