"""A copy of a sheet in which invalid cells are marked in colour and all findings are listed on a separate tab."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment

from adapters.sheets.workbook_writer import (
    BOLD,
    HEADER,
    RED,
    YELLOW,
    add_tab,
    cell_of,
    lines_of,
    new_book,
    values_of,
    widths_of,
)
from manifests.sheet.problem import CellProblem, shown
from manifests.sheet.table import Table, letter

ERRORS, WARNINGS = "Errors", "Warnings"
MAX_COMMENTS = 2_000
"""Maximum number of comments; more make spreadsheet programs slow. Colours and the Errors tab cover all cells."""

Marks = Mapping[tuple[int, str], tuple[str, bool]]


def annotate(table: Table, problems: Iterable[CellProblem], warnings: Iterable[CellProblem], out: Path) -> None:
    """Write a copy as XLSX: cells with errors in red, with warnings in yellow, with comments and a tab that lists them.

    Every row keeps its number, so that the row numbers in the messages are correct. Hidden rows and columns are hidden
    in the copy, too. Other tabs, formulas and formatting are not copied.

    Raises:
        SheetError: ``out`` does not end in .xlsx, is the sheet itself, or cannot be written.
        DiskFullError: the disk is full.
    """
    findings = [(problem, True) for problem in problems] + [(warning, False) for warning in warnings]
    with new_book(out, table.path) as book:
        listed = WARNINGS if findings and not any(is_error for _, is_error in findings) else ERRORS
        _write_copy(book, table, _marks(findings), listed)
        _write_findings(book, listed, table, findings)


def _marks(findings: Sequence[tuple[CellProblem, bool]]) -> Marks:
    """Return the comment of each cell and whether it is an error; findings of a whole row belong to its first cell."""
    comments: dict[tuple[int, str], list[str]] = defaultdict(list)
    errors: set[tuple[int, str]] = set()
    for problem, is_error in findings:
        if not problem.row:
            continue
        place = (problem.row, problem.column_letter or "A")
        comments[place].append(problem.sentence)
        errors |= {place} if is_error else set()
    return {place: ("\n".join(sentences), place in errors) for place, sentences in comments.items()}


def _write_copy(book: Workbook, table: Table, marks: Marks, listed: str) -> None:
    title = table.tab if table.tab and table.tab.casefold() != listed.casefold() else "Campaign"
    tab = add_tab(book, title, widths_of(table), table.header_row or 1)
    if not table.reading.hidden_included:
        _hide(tab, table)
    marked_rows = {row for row, _ in marks}
    left = MAX_COMMENTS
    for number, texts in _lines(table):
        if number in marked_rows:
            tab.append(
                [
                    _marked(tab, texts, index, marks.get((number, letter(index))), left > 0)
                    for index in range(max(len(texts), len(table.columns)))
                ]
            )
            left -= sum(1 for index in range(len(table.columns)) if (number, letter(index)) in marks)
        elif number == table.header_row:
            tab.append([cell_of(tab, text, HEADER, BOLD) for text in texts])
        else:
            tab.append(values_of(texts))


def _hide(tab: Any, table: Table) -> None:
    for row in table.reading.hidden_rows:
        tab.row_dimensions[row].hidden = True
    for column in table.reading.hidden_columns:
        tab.column_dimensions[letter(column.column)].hidden = True


def _lines(table: Table) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the rows of a sheet with the hidden ones and the cells of hidden columns."""
    hidden = {row.number: row.cells for row in table.hidden}
    last = -1
    for last, texts in lines_of(table):
        yield last, hidden.get(last, texts)
    for number in range(last + 1, max(hidden, default=last) + 1):
        yield number, hidden.get(number, ())


def _marked(tab: Any, texts: Sequence[str], index: int, mark: tuple[str, bool] | None, comments: bool) -> Any:
    text = texts[index] if index < len(texts) else ""
    if mark is None:
        return cell_of(tab, text)
    sentence, bad = mark
    cell = cell_of(tab, text, RED if bad else YELLOW)
    if comments:
        cell.comment = Comment(sentence, "Reelmill", height=120, width=320)
    return cell


def _write_findings(book: Workbook, title: str, table: Table, findings: Sequence[tuple[CellProblem, bool]]) -> None:
    tab = add_tab(book, title, dict(enumerate((8, 8, 8, 24, 32, 60))), 2)
    tab.append([cell_of(tab, _about(table), font=BOLD)])
    header = ("Row", "Column", "Kind", "Header", "Value", "Message")
    tab.append([cell_of(tab, text, HEADER, BOLD) for text in header])
    for problem, bad in findings:
        texts = (
            str(problem.row) if problem.row else "",
            problem.column_letter,
            "error" if bad else "warning",
            problem.column,
            shown(problem.value),
            problem.sentence,
        )
        tab.append(values_of(texts))


def _about(table: Table) -> str:
    if not table.tab:
        return "This copy contains only the texts of the sheet. Fix the errors in the original sheet."
    return (
        f"This copy contains only the texts of the tab '{shown(table.tab)}'. Fix the errors in the original sheet, "
        "which also has its formatting, formulas and other tabs."
    )
