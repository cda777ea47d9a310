"""Row numbers as text."""

from collections.abc import Iterable

SHOWN_RANGES = 5


def row_ranges(numbers: Iterable[int], rows: Iterable[int] | None = None) -> str:
    """Return ``5``, ``5 and 7 to 9`` or ``5, 7 to 9, 12, 14, 16 and 20 more``; the numbers ascend.

    Args:
        rows: numbers of all rows that are not blank; numbers with only blank rows between them are one range.
    """
    wanted = list(numbers)
    places = {number: place for place, number in enumerate(rows)} if rows is not None else None
    ranges: list[list[int]] = []
    for number in wanted:
        if ranges and _follows(ranges[-1][-1], number, places):
            ranges[-1].append(number)
        else:
            ranges.append([number])
    texts = [f"{each[0]:,} to {each[-1]:,}" if len(each) > 1 else f"{each[0]:,}" for each in ranges[:SHOWN_RANGES]]
    rest = sum(map(len, ranges[SHOWN_RANGES:]))
    if rest:
        return f"{', '.join(texts)} and {rest:,} more"
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) if texts else ""


def _follows(last: int, number: int, places: dict[int, int] | None) -> bool:
    if places is None:
        return number == last + 1
    return places[number] == places[last] + 1
