"""Covering arrays of strength two: few combinations in which every pair of values of two axes occurs."""

from functools import lru_cache
from itertools import combinations, product

MAX_PAIRS = 10_000
"""Limit for the product of the two longest of three or more axes: building the array takes a second at this size."""


@lru_cache(1024)
def pairwise(lengths: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return rows of indexes, one index for each axis; every pair of indexes of two axes occurs in a row.

    The same lengths give the same rows. The method is IPO (Lei and Tai, 1998): start with the two longest axes, add
    one axis after the other to the existing rows, then add rows for the pairs that are left.

    Args:
        lengths: number of values of each axis.
    """
    order = sorted(range(len(lengths)), key=lambda axis: -lengths[axis])
    rows: list[list[int | None]] = [list(row) for row in product(*(range(lengths[axis]) for axis in order[:2]))]
    for axis in range(2, len(order)):
        _add_axis(rows, [lengths[place] for place in order], axis)
    back = [order.index(axis) for axis in range(len(lengths))]
    return tuple(sorted({tuple(row[place] or 0 for place in back) for row in rows}))


def is_too_large(lengths: tuple[int, ...]) -> bool:
    """Return whether the array would take too long to build; with two axes it is every combination."""
    longest = sorted(lengths, reverse=True)
    return len(longest) > 2 and longest[0] * longest[1] > MAX_PAIRS


def _add_axis(rows: list[list[int | None]], lengths: list[int], axis: int) -> None:
    left = {
        (before, old, new) for before in range(axis) for old in range(lengths[before]) for new in range(lengths[axis])
    }
    for number, row in enumerate(rows):
        choice = max(range(lengths[axis]), key=lambda new: (_gain(row, new, left), -((new - number) % lengths[axis])))
        row.append(choice if _gain(row, choice, left) else None)
        left -= {(before, old, choice) for before, old in enumerate(row[:axis]) if old is not None}
    for before, old, new in sorted(left):
        fitting = [row for row in rows if _fits(row, before, old, axis, new)][:1]
        if not fitting:
            fitting = [[None] * (axis + 1)]
            rows += fitting
        fitting[0][before], fitting[0][axis] = old, new


def _gain(row: list[int | None], new: int, left: set[tuple[int, int, int]]) -> int:
    return sum((before, old, new) in left for before, old in enumerate(row) if old is not None)


def _fits(row: list[int | None], before: int, old: int, axis: int, new: int) -> bool:
    is_open = row[before] is None or row[axis] is None
    return is_open and row[before] in (None, old) and row[axis] in (None, new)


def covers(rows: tuple[tuple[int, ...], ...], lengths: tuple[int, ...]) -> bool:
    """Return whether every pair of indexes of two axes occurs in a row."""
    return all(
        len({(row[one], row[two]) for row in rows}) == lengths[one] * lengths[two]
        for one, two in combinations(range(len(lengths)), 2)
    )
