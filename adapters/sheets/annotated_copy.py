"""A copy of a sheet in which invalid cells are marked in colour and all findings are listed on a separate tab."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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

ERRORS = "Errors"
MAX_COMMENTS = 2_000
"""Maximum number of comments; more make spreadsheet programs slow. Colours and the Errors tab cover all cells."""

Marks = Mapping[tuple[int, str], tuple[str, bool]]


def annotate(table: Table, problems: Iterable[CellProblem], warnings: Iterable[CellProblem], out: Path) -> None:
    """Write a copy as XLSX: cells with errors in red, with warnings in yellow, with comments and an Errors tab.

    Every row keeps its number, so that the row numbers in the messages are correct.

    Raises:
        SheetError: ``out`` does not end in .xlsx, is the sheet itself, or cannot be written.
        DiskFullError: the disk is full.
    """
    findings = [(problem, True) for problem in problems] + [(warning, False) for warning in warnings]
    with new_book(out, table.path) as book:
        _write_copy(book, table, _marks(findings))
        _write_errors(book, findings)


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


def _write_copy(book: Workbook, table: Table, marks: Marks) -> None:
    title = table.tab if table.tab and table.tab.casefold() != ERRORS.casefold() else "Campaign"
    tab = add_tab(book, title, widths_of(table), table.header_row or 1)
    marked_rows = {row for row, _ in marks}
    left = MAX_COMMENTS
    for number, texts in lines_of(table):
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


def _marked(tab: Any, texts: Sequence[str], index: int, mark: tuple[str, bool] | None, comments: bool) -> Any:
    text = texts[index] if index < len(texts) else ""
    if mark is None:
        return cell_of(tab, text)
    sentence, bad = mark
    cell = cell_of(tab, text, RED if bad else YELLOW)
    if comments:
        cell.comment = Comment(sentence, "Reelmill", height=120, width=320)
    return cell


def _write_errors(book: Workbook, findings: Sequence[tuple[CellProblem, bool]]) -> None:
    tab = add_tab(book, ERRORS, dict(enumerate((8, 8, 8, 24, 32, 60))))
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
