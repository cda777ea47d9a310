"""Lists of prompts without a header: one prompt per line.

A text file (.txt) is a list unless it has a header with a prompt column, several known headers, or the same number of
tabs in every line. Other files are a list if they have one column whose first cell looks like a prompt and not like a
header: a sheet whose prompt column is missing must not be read as a list.
"""

import re
from collections.abc import Sequence
from statistics import median

from adapters.sheets.text.records import LINE_END, MAX_CELL_LENGTH, TOO_LONG, Records, cells_of
from manifests.sheet.columns import name_of, nearest_to_prompt, typo_of
from manifests.sheet.header import known_in
from manifests.sheet.reading import SOME_NUMBERS, BadRow
from manifests.sheet.table import Row

HEADER = Row(0, ("prompt",))
"""The header of a list; the row number 0 says that the file has none."""
_BULLET = re.compile(r"\s*([-*•–])\s+(?=\S)")
_COMMENT = re.compile(r"\s*(#|//|-{3,}|={3,})")
_NUMBER = re.compile(r"\s*(\d{1,6})\s*[.):]\s+(?=\S)")
_PROMPT_WORDS, _HEADER_WORDS = 3, 3
"""A first line with at least, or at most, this many words can be a prompt, or a header."""
_CHARACTERS = 5
"""Number of characters of a prompt in a script that has no spaces between words."""


def is_list_file(text: str, rows: Sequence[Row], delimiter: str) -> bool:
    """Return whether a .txt file is a list of prompts.

    Args:
        rows: its rows as a table with this delimiter.
    """
    rows = [row for row in rows if not _COMMENT.match(row.cells[0])] or rows  # the rules of rows report comments
    first = rows[0].cells
    known = sum(1 for cell in first if name_of(cell) or typo_of(cell))
    has_prompts = any(name_of(cell) == "prompt" for row in rows[:50] for cell in row.cells)
    same_tabs = delimiter == "\t" and len(first) > 1 and all(len(row.cells) == len(first) for row in rows)
    lines = [line for line in LINE_END.split(text) if line.strip() and not _COMMENT.match(line)] or [text]
    return not (has_prompts or known > 1 or same_tabs or _is_header(lines))


def is_list_column(rows: Sequence[Row]) -> bool:
    """Return whether the rows of a sheet are one column of prompts without a header."""
    if any(len(row.cells) != 1 or known_in(row.cells) for row in rows):
        return False
    texts = [row.cells[0] for row in rows]
    return _is_prompt(texts[0]) and not _is_header(texts)


def _is_prompt(text: str) -> bool:
    return len(text.split()) >= _PROMPT_WORDS or (not text.isascii() and len(text.strip()) >= _CHARACTERS)


def _is_header(texts: Sequence[str]) -> bool:
    """Return whether the first text is the header of the others: a misspelt 'prompt', or much shorter than they are."""
    first, others = texts[0], texts[1:]
    words = len(first.split())
    if words > _HEADER_WORDS:
        return False
    if typo_of(first):
        return True
    usual = median(len(text.split()) for text in others) if others else 0
    return nearest_to_prompt([first]) is not None and usual >= 2 * words


def read_lines(text: str) -> tuple[Records, str]:
    """Return the prompts of a .txt file, and what was removed from each line; see ``Reading.removed_markers``.

    Quotes are removed if every line is in quotes; bullets and numbers are removed if every line has the same bullet, or
    the numbers count up.
    """
    lines = [(number, line.strip()) for number, line in enumerate(LINE_END.split(text), 1) if line.strip()]
    lines, removed = _without_markers(_without_quotes(lines))
    rows = [Row(number, (line,)) for number, line in lines if len(line) <= MAX_CELL_LENGTH]
    bad = [BadRow(number, line[:200], TOO_LONG) for number, line in lines if len(line) > MAX_CELL_LENGTH]
    return Records(rows, bad, []), removed


def _without_quotes(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    quoted = [cells_of("\n").quoted.fullmatch(line) for _, line in lines]
    if not all(quoted):
        return lines
    return [(number, found[1].replace('""', '"')) for (number, _), found in zip(lines, quoted, strict=True) if found]


def _without_markers(lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], str]:
    if len(lines) < 2:
        return lines, ""
    bullets = [_BULLET.match(line) for _, line in lines]
    if len({found[1] if found else "" for found in bullets}) == 1 and bullets[0]:
        return _cut(lines, bullets), "bullets"
    numbers = [_NUMBER.match(line) for _, line in lines]
    counted = [int(found[1]) for found in numbers if found]
    counts_up = len(counted) > 1 and counted == list(range(counted[0], counted[0] + len(counted)))
    if counts_up and len(counted) == len(lines):
        return _cut(lines, numbers), "numbers"
    return lines, SOME_NUMBERS if counts_up else ""


def _cut(lines: list[tuple[int, str]], found: Sequence[re.Match[str] | None]) -> list[tuple[int, str]]:
    return [(number, line[mark.end() :] if mark else line) for (number, line), mark in zip(lines, found, strict=True)]
