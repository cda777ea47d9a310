"""Detection of the header row, which may follow titles and blank lines."""

from collections.abc import Iterable, Sequence
from itertools import islice

from manifests.sheet.columns import is_result, name_of

LOOKED_AT = 50
"""Number of rows, without blank ones, that are searched for a header."""


def known_in(cells: Iterable[str]) -> int:
    """Return how many of the cells are known headers; a prompt column counts three times."""
    names = {name_of(cell) for cell in cells if cell.strip() and len(cell) < 100}
    return len(names - {None}) + 2 * ("prompt" in names)


def header_index(rows: Sequence[Sequence[str]]) -> int:
    """Return the index of the header among rows that are not blank.

    The header is the row with the most known headers, or the first of several such rows. If no row has any, it is the
    first row with at least as many cells as the median row, which excludes titles.
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
