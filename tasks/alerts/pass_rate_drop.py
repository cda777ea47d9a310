"""When a gate's pass rate has collapsed: clearly under what the same campaign passed before, by an exact test."""

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

WINDOWS = (30, 60, 120)
"""Clips that are looked at as one: few show a steep fall soon, many a fall from a low rate surely."""
FEW = 0.10
"""A share above this is no collapse, whatever it was before."""
EARLIER = 30
"""Clips before the window without which there is nothing to compare with."""
CHANCE = 1e-6
"""How likely so few passes may be at an unchanged rate; small, since a long campaign is looked at very often."""
OPENING = 60
"""So many clips of a campaign without one pass are told as well: there is no earlier rate, and devices cost money."""


class PassRateDrop(NamedTuple):
    """A fall of the pass rate.

    Attributes:
        judged, passed: clips of the window, and those of them that passed.
        before: the pass rate before it, 0..1; None where a campaign began so.
    """

    judged: int
    passed: int
    before: float | None

    @property
    def sentence(self) -> str:
        """For people."""
        passed = f"only {self.passed}" if self.passed else "none"
        if self.before is None:
            return f"{passed} of its first {self.judged} judged clips passed the gate."
        return f"{passed} of the last {self.judged} judged clips passed the gate, and {self.before:.0%} did before."


def pass_rate_drop_of(passed: Sequence[bool], *, told_before: bool = False) -> PassRateDrop | None:
    """Find a collapse in a campaign's verdicts, the newest first.

    A campaign that never passed many does not collapse: its strict threshold is meant. Only when nothing at all of
    its first OPENING clips passed is that told, once.

    Args:
        told_before: an alert was given before these verdicts.
    """
    if not told_before and len(passed) >= OPENING and not any(passed):
        return PassRateDrop(len(passed), 0, None)
    for judged in WINDOWS:
        if len(passed) < judged + EARLIER:
            break
        now, before = sum(passed[:judged]), sum(passed[judged:])
        if now < FEW * judged and _chance(now, judged, before, len(passed) - judged) < CHANCE:
            return PassRateDrop(judged, now, before / (len(passed) - judged))
    return None


def _chance(now: int, judged: int, before: int, earlier: int) -> float:
    """Return how likely ``now`` or fewer of all passes fall into the window by chance (Fisher's exact test)."""
    passes, everything = now + before, judged + earlier
    ways = sum(comb(passes, number) * comb(everything - passes, judged - number) for number in range(now + 1))
    return ways / comb(everything, judged)
