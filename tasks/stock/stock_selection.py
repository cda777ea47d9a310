"""Selection of the combinations of a stock sheet for a night."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from manifests.nightly.stock import ID_DIGITS, Combination, StockSheet

GIVE_UP = 4
"""A combination is given up after this many nights of failed tries, for each good clip and for the next one."""


@dataclass(frozen=True, slots=True)
class ExistingClips:
    """The existing clips of a combination.

    Attributes:
        good: number of clips that passed and were not rejected, or are being generated.
        failed: number of clips that failed the gate, were rejected, or could not be generated.
        used: seeds that were tried, successfully or not.
    """

    good: int = 0
    failed: int = 0
    used: frozenset[int] = frozenset()


NO_CLIPS = ExistingClips()
ListValue = tuple[str, str]
"""A list and one of its values."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The selected brief ids, the most wanted first, and the combinations that are skipped.

    Attributes:
        enough: number of combinations that have all their clips.
        given_up: brief ids of combinations whose tries failed too often.
    """

    wanted: tuple[str, ...]
    enough: int
    given_up: tuple[str, ...]


def choose(
    sheet: StockSheet,
    named: Mapping[str, Combination],
    existing: Mapping[str, ExistingClips],
    limit: int,
    taken: Collection[str] = (),
) -> Choice:
    """Return at most ``limit`` combinations, those with the least covered values first.

    Args:
        named: the sheet's combinations by brief id.
        existing: existing clips by brief id; a combination that is not included has none.
        taken: brief ids that the night has already started; they are neither selected nor counted.
    """
    enough, given_up = 0, []
    coverage: Counter[ListValue] = Counter()
    open_: list[tuple[int, tuple[ListValue, ...], str]] = []
    lists = sheet.lengths
    for brief_id, combination in named.items():
        clips = existing.get(brief_id, NO_CLIPS)
        list_values = tuple(pair for pair in combination.list_values if pair[0] in lists)
        coverage.update(dict.fromkeys(list_values, clips.good))
        if brief_id in taken:
            continue
        if clips.good >= sheet.most:
            enough += 1
        elif is_given_up(sheet, clips):
            given_up.append(brief_id)
        else:
            # A failed night counts as a clip, or combinations that the model cannot generate would always come first.
            open_.append((clips.good + clips.failed // sheet.tries, list_values, brief_id))
    wanted = tuple(_fairly(open_, coverage, sheet.want, limit))
    return Choice(wanted, enough, tuple(given_up))


def is_given_up(sheet: StockSheet, clips: ExistingClips) -> bool:
    """Return whether so many tries failed that more are not worth their device time."""
    return clips.failed >= GIVE_UP * sheet.tries * (clips.good + 1)


def _fairly(
    open_: Iterable[tuple[int, tuple[ListValue, ...], str]], coverage: Counter[ListValue], gain: int, limit: int
) -> Iterator[str]:
    """Repeatedly yield the combination with the least covered values and count it as generated.

    Coverage only grows, so it is sufficient to update an entry of the heap when it reaches the top. Ties are broken by
    the hashes at the end of the ids.
    """
    heap = [
        (level, _covered(list_values, coverage), brief_id[-ID_DIGITS:], brief_id, list_values)
        for level, list_values, brief_id in open_
    ]
    heapq.heapify(heap)
    while heap and limit > 0:
        level, covered, order, brief_id, list_values = heap[0]
        now = _covered(list_values, coverage)
        if now > covered:
            heapq.heapreplace(heap, (level, now, order, brief_id, list_values))
            continue
        heapq.heappop(heap)
        coverage.update(dict.fromkeys(list_values, gain))
        limit -= 1
        yield brief_id


def _covered(list_values: Iterable[ListValue], coverage: Mapping[ListValue, int]) -> tuple[int, int]:
    counts = [coverage[pair] for pair in list_values]
    return max(counts, default=0), sum(counts)


def free_seed(first: int, tries: int, used: Collection[int], seeds: int) -> int:
    """Return the start of the first ``tries`` unused seeds in a row, searching from ``first`` and wrapping to 0."""
    start, run = first, 0
    for step in range(seeds + tries - 1):
        seed = (first + step) % seeds
        if seed in used:
            start, run = (seed + 1) % seeds, 0
            continue
        run += 1
        if run == tries:
            return start
    return first
