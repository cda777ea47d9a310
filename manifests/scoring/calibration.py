"""Agreement of a gate threshold with human reviews, and proposals for a better threshold."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from manifests.pluralize import count_of

Z = 1.96
"""Normal quantile of a two-sided 95 % interval."""
MIN_LABELS = 30
MIN_PER_OUTCOME = 5


class Label(NamedTuple):
    """A clip's score with its review.

    Attributes:
        score: prompt adherence, -1..1.
        good: a person approved the clip.
        open: the clip meets all other rules, so the adherence threshold decides.
        passes: the clip passes the gate today.
    """

    score: float
    good: bool
    open: bool = True
    passes: bool = True


class Share(NamedTuple):
    """A share with its 95 % interval (Wilson, 1927), all 0..1; ``value`` is None for an empty sample."""

    value: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Point:
    """The gate at one threshold, compared with the reviews.

    Attributes:
        true_passes: good clips that would pass.
        false_passes: other clips that would pass.
        missed: good clips that would fail.
    """

    threshold: float
    true_passes: int
    false_passes: int
    missed: int

    @property
    def passes(self) -> int:
        """Number of labelled clips that would pass."""
        return self.true_passes + self.false_passes

    @property
    def precision(self) -> Share:
        """Share of good clips among those that would pass."""
        return wilson(self.true_passes, self.passes)

    @property
    def recall(self) -> Share:
        """Share of the good clips that would pass."""
        return wilson(self.true_passes, self.true_passes + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0..1; 0 if no good clip would pass."""
        both = 2 * self.true_passes + self.false_passes + self.missed
        return 2 * self.true_passes / both if both else 0.0


class Agreement(NamedTuple):
    """Agreement between first and second reviews.

    Attributes:
        pairs: number of clips with both reviews.
        share: share of pairs that agree, 0..1; None without pairs.
        kappa: Cohen's kappa (1960), -1..1; None if chance alone would always agree.
    """

    pairs: int
    share: float | None
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A better threshold and its effect on the labelled clips.

    Attributes:
        newly_pass, newly_fail: numbers of (good, other) clips whose verdict would change.
    """

    point: Point
    now: Point
    newly_pass: tuple[int, int]
    newly_fail: tuple[int, int]


def wilson(hits: int, tries: int) -> Share:
    """Return a share with its 95 % interval (Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    if not tries:
        return Share(None, 0.0, 1.0)
    share = hits / tries
    middle = (share + Z * Z / (2 * tries)) / (1 + Z * Z / tries)
    half = Z / (1 + Z * Z / tries) * sqrt(share * (1 - share) / tries + Z * Z / (4 * tries * tries))
    return Share(share, max(0.0, middle - half), min(1.0, middle + half))


def at(labels: Iterable[Label], threshold: float) -> Point:
    """Return the gate at one threshold; a clip that breaks another rule never passes."""
    labels = list(labels)
    passing = [label for label in labels if label.open and label.score >= threshold]
    hits = sum(label.good for label in passing)
    return Point(threshold, hits, len(passing) - hits, sum(label.good for label in labels) - hits)


def curve(labels: Iterable[Label]) -> list[Point]:
    """Return the gate at every threshold at which its result changes, lowest first, in one pass over sorted scores."""
    labels = list(labels)
    good = sum(label.good for label in labels)
    points: list[Point] = []
    hits = false = 0
    ordered = sorted((label for label in labels if label.open), key=lambda label: -label.score)
    for index, label in enumerate(ordered):
        hits, false = hits + label.good, false + (not label.good)
        if index + 1 == len(ordered) or ordered[index + 1].score != label.score:
            points.append(Point(label.score, hits, false, good - hits))
    return points[::-1]


def agreement(pairs: Iterable[tuple[bool, bool]]) -> Agreement:
    """Return the agreement of two reviews of the same clips.

    Kappa after Cohen, Educ. Psychol. Meas. 20 (1960): (observed − expected) / (1 − expected).
    """
    counted = Counter(pairs)
    number = counted.total()
    if not number:
        return Agreement(0, None, None)
    same = (counted[True, True] + counted[False, False]) / number
    first = (counted[True, True] + counted[True, False]) / number
    second = (counted[True, True] + counted[False, True]) / number
    chance = first * second + (1 - first) * (1 - second)
    return Agreement(number, same, None if chance >= 1 else (same - chance) / (1 - chance))


def propose(labels: Sequence[Label], now: float, precision: float | None = None) -> Proposal | None:
    """Return a better threshold, or None if today's is the best.

    Args:
        now: today's threshold.
        precision: lowest acceptable precision, 0..1. The lowest threshold that reaches it is proposed, because it
            keeps the most good clips. None proposes the highest F1, and among equals the threshold nearest to today's.
    """
    points = curve(labels)
    if precision is not None:
        points = [point for point in points if (point.precision.value or 0.0) >= precision]
        best = min(points, key=lambda point: point.threshold, default=None)
    else:
        best = max(points, key=lambda point: (point.f1, -abs(point.threshold - now)), default=None)
    here = at(labels, now)
    if best is None or (best.true_passes, best.false_passes) == (here.true_passes, here.false_passes):
        return None
    if precision is None and best.f1 <= here.f1:
        return None
    return Proposal(best, here, _between(labels, best.threshold, now), _between(labels, now, best.threshold))


def best_precision(labels: Iterable[Label]) -> float:
    """Return the highest precision that any threshold reaches, 0..1."""
    return max((point.precision.value or 0.0 for point in curve(labels)), default=0.0)


def _between(labels: Iterable[Label], low: float, high: float) -> tuple[int, int]:
    """Return the numbers of (good, other) clips with a score in ``[low, high)`` that the threshold decides."""
    some = [label.good for label in labels if label.open and low <= label.score < high]
    return sum(some), len(some) - sum(some)


def doubts(labels: Sequence[Label]) -> list[str]:
    """Return the reasons not to rely on the labels, as sentences."""
    good = sum(label.good for label in labels)
    found = []
    if len(labels) < MIN_LABELS:
        found.append(
            f"{count_of(len(labels), 'clip')} reviewed so far. {MIN_LABELS - len(labels)} more are "
            "needed to propose a threshold."
        )
    elif min(good, len(labels) - good) < MIN_PER_OUTCOME:
        what = "approved" if good < MIN_PER_OUTCOME else "rejected"
        found.append(
            f"Only {count_of(min(good, len(labels) - good), 'clip')} {what} so far. At least {MIN_PER_OUTCOME} are "
            "needed to propose a threshold."
        )
    if labels and all(label.passes for label in labels):
        found.append(
            "No clip that failed the gate has been reviewed, so recall below today's threshold is unknown. "
            "Review some failed clips: approve them with a reason, or reject them."
        )
    return found


def is_enough(labels: Sequence[Label]) -> bool:
    """Return whether there are enough labels to propose a threshold."""
    good = sum(label.good for label in labels)
    return len(labels) >= MIN_LABELS and min(good, len(labels) - good) >= MIN_PER_OUTCOME
