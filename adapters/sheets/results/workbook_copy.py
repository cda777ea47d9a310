"""Results in a workbook: a copy of the user's workbook, or one that is made from the texts of a table."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.sheets.package.sheet_cells import MAX_COLUMN, Layout, NewCell
from adapters.sheets.package.workbook import Workbook
from adapters.sheets.reader import read_table
from adapters.sheets.results.deliverable_results import DELIVERABLES, DeliverableResult
from adapters.sheets.results.outcome import (
    CLIPS,
    EARLIER_CLIPS,
    RESULTS,
    ClipResult,
    Outcome,
    Result,
    in_workbook,
    within_limit,
)
from adapters.sheets.workbook_writer import (
    BOLD,
    FILLS,
    HEADER,
    LINK,
    add_tab,
    cell_of,
    lines_of,
    save_rows,
    styled,
    values_of,
    widths_of,
)
from manifests.errors import SheetError
from manifests.sheet.columns import is_result, normalise
from manifests.sheet.reading import ReadingOptions
from manifests.sheet.table import Table

CLIPS_TITLE, DELIVERABLES_TITLE = "Clips", "Deliverables"
"""Names of our tabs; a numbered one, such as ``Clips (2)``, is used if the user has a tab with the name."""


def write_workbook_copy(
    book: Workbook,
    table: Table,
    outcomes: Mapping[int, Outcome],
    clips: Sequence[ClipResult],
    out: Path,
    deliverables: Sequence[DeliverableResult] = (),
) -> None:
    """Write a workbook with our columns on the campaign's tab, and a tab with one row for each clip.

    Deliverables get another tab, if there are any.

    Raises:
        ValueError, LookupError, expat errors: the workbook has a structure that cannot be edited.
    """
    layout = book.layout(table.tab, table.header_row)
    places = _places(table, layout)
    last_style = layout.header_styles.get(_last_header(table), 0)
    header_style = last_style or book.styles.get("header", 0)
    cells: dict[int, dict[int, NewCell]] = {
        table.header_row: {places[name]: NewCell(name, header_style) for name in RESULTS}
    }
    earlier = {row.number for row in table.rows} if places.keys() & _present(table).keys() else set()
    rows = sorted(outcomes.keys() | earlier)
    lines = (outcomes[row].results if row in outcomes else [Result(None)] * len(RESULTS) for row in rows)
    for row, line in zip(rows, within_limit(lines, layout.hyperlinks), strict=True):
        cells[row] = dict(zip((places[name] for name in RESULTS), _cells(book, line), strict=True))
    present = _present(table)
    book.write_cells(table.tab, cells, {places[name]: width for name, width in RESULTS.items() if name not in present})
    _write_list(book, table, CLIPS_TITLE, CLIPS, clips)
    if deliverables:
        _write_list(book, table, DELIVERABLES_TITLE, DELIVERABLES, deliverables)
    book.open_on(table.tab)
    book.save(out)


def write_table_workbook(
    table: Table,
    outcomes: Mapping[int, Outcome],
    clips: Sequence[ClipResult],
    note: str,
    out: Path,
    deliverables: Sequence[DeliverableResult] = (),
) -> None:
    """Write a workbook that contains the texts of a table, with our columns and the list of clips.

    Args:
        note: shown above the list of clips.
    """
    kept = _kept(table)
    widths = widths_of(table)
    columns = [*(widths.get(index, 0) for index in kept), *RESULTS.values()]
    with save_rows(out) as book:
        title = table.tab if table.tab and table.tab.casefold() != CLIPS_TITLE.casefold() else "Campaign"
        tab = add_tab(book, title, dict(enumerate(columns)), table.header_row or 1)
        numbers = sorted(outcomes)
        results = dict(zip(numbers, within_limit(outcomes[number].results for number in numbers), strict=True))
        for number, texts in _lines(table, max(numbers, default=0)):
            line = [texts[index] if index < len(texts) else "" for index in kept]
            if number == table.header_row:
                tab.append([cell_of(tab, text, HEADER, BOLD) for text in (*line, *RESULTS)])
            else:
                tab.append([*values_of(line), *(_styled(tab, result) for result in results.get(number, ()))])
        _add_list(book, CLIPS_TITLE, CLIPS, clips, note)
        if deliverables:
            _add_list(book, DELIVERABLES_TITLE, DELIVERABLES, deliverables)


def _add_list(
    book: Any, title: str, headers: Mapping[str, int], listed: Sequence[ClipResult | DeliverableResult], note: str = ""
) -> None:
    """Add a tab with a list, below a note if there is one."""
    tab = add_tab(book, title, dict(enumerate(headers.values())), 2 if note else 1)
    if note:
        tab.append([note])
    tab.append([cell_of(tab, text, HEADER, BOLD) for text in headers])
    for found in within_limit(each.results for each in listed):
        tab.append([_styled(tab, result) for result in found])


def _lines(table: Table, last: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield every row of a table, and empty ones up to the last row with a result: rows that could not be read."""
    number = -1
    for number, texts in lines_of(table):
        yield number, texts
    for following in range(number + 1, last + 1):
        yield following, ()


def _styled(tab: Any, result: Result) -> Any:
    cell = styled(tab, in_workbook(result.value), FILLS.get(result.colour), LINK if result.link else None)
    if result.link:
        cell.hyperlink = result.link
    return cell


def _present(table: Table) -> dict[str, int]:
    """Return the columns of ours that a sheet already has, with their indexes."""
    ours = {normalise(name): name for name in RESULTS}
    found: dict[str, int] = {}
    for index, header in enumerate(table.columns):
        if name := ours.get(normalise(header)):
            found.setdefault(name, index)
    return found


def _places(table: Table, layout: Layout) -> dict[str, int]:
    """Return the index of each of our columns: its earlier place, or one after all others."""
    places = _present(table)
    free = max(layout.width, len(table.columns))
    for name in RESULTS:
        if name not in places:
            places[name], free = free, free + 1
    if free > MAX_COLUMN:
        raise ValueError("the tab has no free columns")
    return places


def _last_header(table: Table) -> int:
    """Return the index of the user's last header, whose style ours get."""
    return max((i for i, header in enumerate(table.columns) if header.strip() and not is_result(header)), default=0)


def _cells(book: Workbook, results: Iterable[Result]) -> list[NewCell]:
    return [
        NewCell(in_workbook(value), book.styles.get("link" if link else colour, 0), link)
        for value, colour, link in results
    ]


def _write_list(
    book: Workbook,
    table: Table,
    own_title: str,
    headers: Mapping[str, int],
    listed: Sequence[ClipResult | DeliverableResult],
) -> None:
    """Write a list to our tab of an earlier copy, or to a new one."""
    header = [NewCell(text, book.styles.get("header", 0)) for text in headers]
    lines = within_limit(each.results for each in listed)
    rows = [dict(enumerate(line)) for line in (header, *(_cells(book, found) for found in lines))]
    taken = {title.casefold(): title for title in book.titles}
    for title in (own_title, *(f"{own_title} ({number})" for number in range(2, 100))):
        if title.casefold() not in taken:
            book.add_tab(title, rows, list(headers.values()), 1)
            return
        if _is_ours(table, taken[title.casefold()], (tuple(headers), *(EARLIER_CLIPS if headers is CLIPS else ()))):
            book.replace_tab(taken[title.casefold()], rows, list(headers.values()), 1)
            return
    raise ValueError("no name is free for the list of clips")


def _is_ours(table: Table, title: str, ours: Collection[tuple[str, ...]]) -> bool:
    try:
        found = read_table(table.path, ReadingOptions(tab=title))
    except SheetError:
        return False
    return found.columns in ours


def _kept(table: Table) -> list[int]:
    """Return the indexes of all columns except ours."""
    width = max(len(table.columns), max((len(row.cells) for row in table.rows), default=0))
    ours = {index for index, header in enumerate(table.columns) if is_result(header)}
    return [index for index in range(width) if index not in ours]
