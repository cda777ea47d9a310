"""Errors and warnings of a sheet as lines of text; many of the same kind are summed up."""

import re
from collections.abc import Iterable
from operator import itemgetter

from manifests.sheet import CellProblem

SHOWN_ERRORS = 3
"""Errors of one kind that are shown in full if there are more."""
UNUSABLE = "cannot run: "
"""Begins the message about a model that no row can use: it is not an error of single cells."""
SHOWN_WARNINGS = 2
"""Warnings of one kind that are shown in full; more become one line."""
SHOWN_ROWS = 5
SHOWN_EXAMPLES = 3

_VARIABLE = re.compile(r"(?<!\w)'[^']*'(?!\w)|\{[^}]*\}|\S*\d\S*")
"""Parts of a message that differ between rows with the same problem: quoted texts, placeholders, numbers, ids."""


def error_lines(problems: Iterable[CellProblem]) -> list[str]:
    """Return a line for each error, by row and column, and one line for the rest of a kind of which there are many."""
    lines: list[tuple[tuple[int, int, str], str]] = []
    for kind in _kinds(problems):
        shown = kind if len(kind) <= SHOWN_ERRORS + 1 else kind[:SHOWN_ERRORS]
        if are_of_one_model(kind):
            shown = kind[:1]
        lines += [(_position(problem), problem.sentence) for problem in shown]
        if rest := kind[len(shown) :]:
            more = f"The same error occurs {len(rest):,} more times, in {_rows_text(rest)}."
            lines.append((_position(shown[-1]), more))
    return [line for _, line in sorted(lines, key=itemgetter(0))]


def are_of_one_model(problems: Iterable[CellProblem]) -> bool:
    """Return whether all errors are that the same model cannot be used."""
    messages = {each.message for each in problems}
    return len(messages) == 1 and messages.pop().startswith(UNUSABLE)


def _position(problem: CellProblem) -> tuple[int, int, str]:
    return problem.row, len(problem.column_letter), problem.column_letter


def warning_lines(warnings: Iterable[CellProblem], rows: int) -> list[str]:
    """Return a line for each warning, or one line for a kind of which there are many."""
    lines = []
    for kind in _kinds(warnings):
        first, *rest = kind
        if len(kind) <= SHOWN_WARNINGS:
            lines += [warning.sentence for warning in kind]
        elif first.summary:
            affected = len({warning.row for warning in kind})
            lines.append(f"{affected:,} of {rows:,} rows {first.summary.replace('{examples}', _examples(kind))}")
        else:
            lines.append(f"{first.sentence} The same applies {len(rest):,} more times, in {_rows_text(rest)}.")
    return lines


def _kinds(problems: Iterable[CellProblem]) -> list[list[CellProblem]]:
    """Group problems that differ only in their row, value and variable parts, in order of appearance.

    Findings about the whole file, in row 0, are never summed up.
    """
    kinds: dict[tuple[str, str, str], list[CellProblem]] = {}
    for problem in problems:
        message = _VARIABLE.sub("…", problem.message) if problem.row else problem.message
        kind = problem.column_letter, problem.column, problem.summary or message
        kinds.setdefault(kind, []).append(problem)
    return list(kinds.values())


def _rows_text(problems: Iterable[CellProblem]) -> str:
    """Return ``row 5`` or ``rows 5, 6, 7, 8, 9 and 1,192 more``."""
    rows = list(dict.fromkeys(problem.row for problem in problems))
    listed = ", ".join(map(str, rows[:SHOWN_ROWS]))
    more = f" and {len(rows) - SHOWN_ROWS:,} more" if len(rows) > SHOWN_ROWS else ""
    return f"row{'s' if len(rows) > 1 else ''} {listed}{more}"


def _examples(problems: Iterable[CellProblem]) -> str:
    values = dict.fromkeys(value for problem in problems for value in problem.value.split(", "))
    return ", ".join(f"'{value}'" for value in list(values)[:SHOWN_EXAMPLES])
