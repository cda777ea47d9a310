"""Findings about how a file was read. Nothing that was left out or guessed stays unmentioned."""

import shlex
from collections.abc import Container, Iterator

from manifests.pluralize import count_of, one_or_more
from manifests.sheet.problem import CellProblem, shown
from manifests.sheet.reading import SOME_NUMBERS, Reading
from manifests.sheet.row_ranges import row_ranges
from manifests.sheet.table import Table, letter


def reading_problems(table: Table) -> Iterator[CellProblem]:
    """Yield an error for each row that cannot be read."""
    for row in table.reading.bad_rows:
        yield CellProblem(row.number, "", "", row.value, row.message)


def reading_warnings(table: Table) -> Iterator[CellProblem]:
    """Yield a warning for everything that was guessed or left out."""
    reading = table.reading
    messages = (
        _encoding(reading),
        _no_header(table),
        _hidden_rows(reading),
        *_hidden_columns(reading),
        *_unread_tabs(table),
        *_unreadable_tabs(reading),
    )
    for message in filter(None, messages):
        yield CellProblem(0, "", "", "", message)
    yield from _shown_numbers(table)
    for row in reading.doubts:
        yield CellProblem(row.number, "", "", row.value, row.message)


def _no_header(table: Table) -> str:
    if table.reading.has_header or not table.rows:
        return ""
    removed = table.reading.removed_markers
    if removed == SOME_NUMBERS:
        without = (
            " The numbers at the start of lines stay in the prompts because not all lines have one. To leave them out, "
            "delete the lines without a number."
        )
    else:
        without = f" The {removed} at the start of the lines are left out." if removed else ""
    first = shown(table.rows[0].cell(0))
    return f"The file has no header, so every line is read as a prompt. The first one is '{first}'.{without}"


def region_date_warnings(table: Table, columns: Container[int | None]) -> Iterator[CellProblem]:
    """Yield a warning for each date without a fixed order of day and month.

    Args:
        columns: indexes of the columns that prompts use; dates in other columns do not change clips.
    """
    texts = {row.number: row for row in table.rows}
    for date in table.reading.region_dates:
        text = texts[date.row].cell(date.column) if date.row in texts else ""
        if text and date.column in columns:
            message = (
                "is used as written here, but each computer shows this date in the order of its region. To use another "
                "form, choose a date format that does not follow the region, or type the date as text."
            )
            yield CellProblem(date.row, letter(date.column), _header(table, date.column), text, message)


def _shown_numbers(table: Table) -> Iterator[CellProblem]:
    rows = {row.number for row in table.rows}
    for number in table.reading.shown_numbers:
        if number.row in rows:
            is_shown = "is shown" if number.shown else "shows nothing"
            message = f"{is_shown}, but the cell contains {number.used}, which is used. Type the number that you want."
            header = _header(table, number.column)
            yield CellProblem(number.row, letter(number.column), header, number.shown, message)


def _header(table: Table, column: int) -> str:
    return table.columns[column] if column < len(table.columns) else ""


def _unreadable_tabs(reading: Reading) -> Iterator[str]:
    for tab in reading.unreadable_tabs:
        yield f"The tab '{shown(tab.name)}' was not searched for prompts: it {tab.reason}."


def _encoding(reading: Reading) -> str:
    if not reading.is_guess:
        return ""
    example = f" Row {reading.sample_row} reads: '{shown(reading.sample)}'." if reading.sample else ""
    return (
        f"The file is not in UTF-8; its encoding seems to be {reading.encoding}.{example} If this text is wrong, save "
        "the sheet as CSV in UTF-8, or name its encoding with --encoding."
    )


def _hidden_rows(reading: Reading) -> str:
    number = len(reading.hidden_rows)
    if not number:
        return ""
    rows = f"{count_of(number, 'row')} {one_or_more(number, 'is', 'are')} hidden or filtered out"
    which = f"(row{'s' * (number > 1)} {row_ranges(reading.hidden_rows)})"
    if reading.hidden_included:
        return f"{rows} {which} and {one_or_more(number, 'is', 'are')} used because hidden rows are included."
    return (
        f"{rows} {which} and {one_or_more(number, 'is', 'are')} left out. To use hidden rows, unhide them in the "
        "spreadsheet program, or include hidden rows (--include-hidden)."
    )


def _hidden_columns(reading: Reading) -> Iterator[str]:
    for column in reading.hidden_columns:
        header = f" '{shown(column.header)}'" if column.header else ""
        place = f"Column {letter(column.column)}{header} is hidden"
        if reading.hidden_included:
            yield f"{place} and is used because hidden columns are included."
        else:
            yield (
                f"{place} and is left out. To use it, unhide it in the spreadsheet program, or include hidden rows and "
                "columns (--include-hidden)."
            )


def _unread_tabs(table: Table) -> Iterator[str]:
    for tab in table.reading.unread_tabs:
        kind = "hidden tab" if tab.hidden else "tab"
        yield (
            f"The {kind} '{shown(tab.name)}' has a prompt column and {count_of(tab.rows, 'row')}, but only the tab "
            f"'{shown(table.tab)}' is read. To use the other one, choose it with --tab {shlex.quote(tab.name)}."
        )
