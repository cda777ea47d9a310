"""The cells of a tab that calamine has loaded, as the texts that people see."""

import datetime
from typing import Any

from python_calamine import CalamineSheet

from adapters.sheets.numbers.number_format import (
    GENERAL,
    changes_texts,
    follows_region,
    is_date,
    is_duration,
    plain,
    render,
    render_text,
)
from adapters.sheets.workbook.extent import Extent, Styles
from adapters.sheets.workbook.tab import TabCells
from manifests.sheet.table import Row, trimmed

_EPOCH = datetime.datetime(1899, 12, 30)
Grid = dict[int, list[str]]
Merged = tuple[tuple[int, int], tuple[int, int]]


def cells_of(sheet: CalamineSheet, extent: Extent, styles: Styles, days: int) -> TabCells:
    """Return the cells of a tab.

    Args:
        extent: what a scan of the tab has found.
        styles: number formats by style.
        days: days to add to dates, for workbooks that count from 1904.
    """
    start_row, start_column = sheet.start or (0, 0)
    found = Shown(styles, days)
    grid: Grid = {}
    for number, line in enumerate(sheet.to_python(skip_empty_area=True), start_row + 1):
        styled = extent.styled.get(number)
        texts = [usual_text(value) for value in line]
        for column, (style, value) in (styled or {}).items():
            if start_column <= column < start_column + len(line):
                place = column - start_column
                texts[place] = found.text(number, column, line[place] if value is None else value, style)
        grid[number] = [""] * start_column + texts
    for (number, column), text in (extent.errors | extent.formulas).items():
        put(grid, number, column, text)
    fill_merged(grid, sheet.merged_cell_ranges or [])
    return found.cells(rows_of(grid), extent)


class Shown:
    """Texts of formatted values; collects the numbers whose text is unusual, and dates without a fixed order.

    Args:
        styles: number formats by style.
        days: days to add to dates, for workbooks that count from 1904.
    """

    def __init__(self, styles: Styles, days: int = 0) -> None:
        self.styles, self.days = styles, days
        self.numbers: dict[int, dict[int, float]] = {}
        self.region_dates: list[tuple[int, int]] = []

    def text(self, row: int, column: int, value: Any, style: int) -> str:
        """Return a value as its format shows it."""
        code = self.styles.get(style, GENERAL)
        if isinstance(value, str):
            return render_text(value, code) if value and changes_texts(code) else value
        serial = serial_of(value)
        if serial is None:
            return usual_text(value)
        if is_date(code):
            if follows_region(code):
                self.region_dates.append((row, column))
            return render(serial + (self.days if serial >= 1 and not is_duration(code) else 0), code)
        shown = render(serial, code)
        if shown != plain(serial):
            self.numbers.setdefault(row, {})[column] = serial
        return shown

    def cells(self, rows: list[Row], extent: Extent) -> TabCells:
        """Return the cells of a tab."""
        return TabCells(
            rows,
            self.numbers,
            list(extent.formulas),
            frozenset(extent.hidden_rows),
            frozenset(extent.hidden_columns),
            self.region_dates,
        )


def put(grid: Grid, row: int, column: int, text: str) -> None:
    """Put a text into a grid."""
    line = grid.setdefault(row, [])
    line += [""] * (column + 1 - len(line))
    line[column] = text


def rows_of(grid: Grid) -> list[Row]:
    """Return the rows that are not blank, in order."""
    rows = (Row(number, trimmed(line)) for number, line in sorted(grid.items()))
    return [row for row in rows if row.cells]


def fill_merged(grid: Grid, ranges: list[Merged]) -> None:
    """Copy the value of vertically merged cells to each of their rows, as it appears on the screen."""
    for (top, column), (bottom, _) in ranges:
        source = grid.get(top + 1, [])
        if column < len(source) and source[column]:
            for number in range(top + 2, min(bottom + 1, max(grid)) + 1):
                put(grid, number, column, source[column])


def serial_of(value: Any) -> float | None:
    """Return a number, a date or a time as the number that the file contains; None for texts and truth values."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, datetime.datetime):
        return (value - _EPOCH) / datetime.timedelta(days=1)
    if isinstance(value, datetime.date):
        return float((value - _EPOCH.date()).days)
    if isinstance(value, datetime.time):
        return (datetime.datetime.combine(_EPOCH, value) - _EPOCH) / datetime.timedelta(days=1)
    if isinstance(value, datetime.timedelta):
        return value / datetime.timedelta(days=1)
    return None


def usual_text(value: Any) -> str:
    """Return a value without a format: 99 and 0.5, TRUE, 2026-11-23, 16:09."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return plain(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "minutes")
    if isinstance(value, datetime.time):
        return value.isoformat("seconds" if value.second else "minutes")
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
    return str(value)
