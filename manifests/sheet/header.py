"""Where the table begins: the row of the headers, below titles and blank lines."""

from collections.abc import Iterable, Sequence
from itertools import islice

from manifests.sheet.columns import is_result, name_of

LOOKED_AT = 50
"""Rows that are not blank in which a header is looked for."""


def known_in(cells: Iterable[str]) -> int:
    """Return how many of the cells are headers that we know; a prompt column counts for three."""
    names = {name_of(cell) for cell in cells if cell.strip() and len(cell) < 100}
    return len(names - {None}) + 2 * ("prompt" in names)


def header_index(rows: Sequence[Sequence[str]]) -> int:
    """Return the place of the header among rows that are not blank.

    It is the row that names most of our columns, the first of equals. Where none names any,
    it is the first row with as many cells as the widest of the first rows, but for titles.
    """
    first = list(islice(rows, LOOKED_AT))
    known = [known_in(row) for row in first]
    if max(known, default=0):
        return known.index(max(known))
    widths = [_width(row) for row in first]
    usual = sorted(widths)[len(widths) // 2] if widths else 0
    return next((index for index, width in enumerate(widths) if width >= usual), 0)


def _width(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell.strip() and not is_result(cell))
