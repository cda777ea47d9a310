"""Which combinations of a stock sheet a night begins with."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from manifests.nightly.stock import ID_DIGITS, Combination, StockSheet

GIVE_UP = 4
"""Nights' worth of tries in vain after which a combination is left alone, for each good clip and the next."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the catalogue has of a combination.

    Attributes:
        good: clips that passed and were not sent back, or are being made.
        vain: clips that failed the gate, were rejected, or never came out.
        used: seeds that were tried, good or not.
    """

    good: int = 0
    vain: int = 0
    used: frozenset[int] = frozenset()


NOTHING = Standing()
Face = tuple[str, str]
"""A list and one of its values."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The brief ids that a night could begin with, the most wanted first, and what it leaves alone.

    Attributes:
        enough: how many have as many good clips as the sheet wants.
        hopeless: those that were tried too often in vain.
    """

    wanted: tuple[str, ...]
    enough: int
    hopeless: tuple[str, ...]


def choose(
    sheet: StockSheet,
    named: Mapping[str, Combination],
    standings: Mapping[str, Standing],
    limit: int,
    taken: Collection[str] = (),
) -> Choice:
    """Return at most ``limit`` combinations, those first of whose values the catalogue has least.

    Args:
        named: the sheet's combinations by brief id.
        standings: by brief id; a combination that is not in it has nothing.
        taken: brief ids that the night has begun already; they are neither chosen nor counted.
    """
    enough, hopeless = 0, []
    coverage: Counter[Face] = Counter()
    open_: list[tuple[int, tuple[Face, ...], str]] = []
    lists = sheet.lengths
    for brief_id, combination in named.items():
        standing = standings.get(brief_id, NOTHING)
        faces = tuple(face for face in combination.faces if face[0] in lists)
        coverage.update(dict.fromkeys(faces, standing.good))
        if brief_id in taken:
            continue
        if standing.good >= sheet.most:
            enough += 1
        elif is_hopeless(sheet, standing):
            hopeless.append(brief_id)
        else:
            # A night in vain counts like a clip: what the model cannot make must not come first for ever.
            open_.append((standing.good + standing.vain // sheet.tries, faces, brief_id))
    wanted = tuple(_fairly(open_, coverage, sheet.want, limit))
    return Choice(wanted, enough, tuple(hopeless))


def is_hopeless(sheet: StockSheet, standing: Standing) -> bool:
    """True where so many tries were in vain that more are not worth their device time."""
    return standing.vain >= GIVE_UP * sheet.tries * (standing.good + 1)


def _fairly(
    open_: Iterable[tuple[int, tuple[Face, ...], str]], coverage: Counter[Face], gain: int, limit: int
) -> Iterator[str]:
    """Yield the combination whose values are covered least, count it as made, and go on.

    Coverage only grows, so a heap whose entries are looked at again when they come up is exact. Equals come in the
    order of the hashes that their ids end with.
    """
    heap = [
        (level, _covered(faces, coverage), brief_id[-ID_DIGITS:], brief_id, faces) for level, faces, brief_id in open_
    ]
    heapq.heapify(heap)
    while heap and limit > 0:
        level, covered, order, brief_id, faces = heap[0]
        now = _covered(faces, coverage)
        if now > covered:
            heapq.heapreplace(heap, (level, now, order, brief_id, faces))
            continue
        heapq.heappop(heap)
        coverage.update(dict.fromkeys(faces, gain))
        limit -= 1
        yield brief_id


def _covered(faces: Iterable[Face], coverage: Mapping[Face, int]) -> tuple[int, int]:
    counts = [coverage[face] for face in faces]
    return max(counts, default=0), sum(counts)


def free_seed(first: int, tries: int, used: Collection[int], seeds: int) -> int:
    """Return the first seed from ``first`` on of ``tries`` in a row that were never tried; after the last comes 0."""
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
