"""Row numbers as text."""

from collections.abc import Iterable

SHOWN_RANGES = 5


def row_ranges(numbers: Iterable[int]) -> str:
    """Return ``5``, ``5 and 7 to 9`` or ``5, 7 to 9, 12, 14, 16 and 20 more``; the numbers ascend."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    texts = [str(first) if first == last else f"{first} to {last}" for first, last in ranges[:SHOWN_RANGES]]
    rest = sum(last - first + 1 for first, last in ranges[SHOWN_RANGES:])
    if rest:
        return f"{', '.join(texts)} and {rest:,} more"
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) if texts else ""
