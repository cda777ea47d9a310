"""Detect a sharp drop of a campaign's pass rate below its earlier rate, with an exact test."""

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

WINDOWS = (30, 60, 120)
"""Window sizes in clips: small ones detect a steep drop early, large ones detect a drop from a low rate reliably."""
FEW = 0.10
"""A pass rate above this is never a drop."""
EARLIER = 30
"""Minimum number of clips before the window to compare with."""
CHANCE = 1e-6
"""Maximum probability of so few passes at an unchanged rate; small, because a long campaign is checked very often."""
OPENING = 60
"""First clips of a campaign that are reported if none passes: there is no earlier rate, and devices cost money."""


class PassRateDrop(NamedTuple):
    """A drop of the pass rate.

    Attributes:
        judged, passed: number of clips in the window, and how many of them passed.
        before: the earlier pass rate, 0..1; None at the beginning of a campaign.
    """

    judged: int
    passed: int
    before: float | None

    @property
    def sentence(self) -> str:
        """A sentence for alerts."""
        passed = f"only {self.passed}" if self.passed else "none"
        if self.before is None:
            return f"{passed} of its first {self.judged} clips passed the gate."
        return f"{passed} of the last {self.judged} clips passed the gate, compared with {self.before:.0%} before."


def pass_rate_drop_of(passed: Sequence[bool], *, alerted_before: bool = False) -> PassRateDrop | None:
    """Find a drop in a campaign's verdicts, newest first.

    A low rate from the beginning is not a drop, because a strict threshold may be intended. It is reported, once, only
    if none of the first OPENING clips passed.

    Args:
        alerted_before: whether there was an alert before these verdicts.
    """
    if not alerted_before and len(passed) >= OPENING and not any(passed):
        return PassRateDrop(len(passed), 0, None)
    for judged in WINDOWS:
        if len(passed) < judged + EARLIER:
            break
        now, before = sum(passed[:judged]), sum(passed[judged:])
        if now < FEW * judged and _chance(now, judged, before, len(passed) - judged) < CHANCE:
            return PassRateDrop(judged, now, before / (len(passed) - judged))
    return None


def _chance(now: int, judged: int, before: int, earlier: int) -> float:
    """Return the probability that at most ``now`` of all passes fall into the window (Fisher's exact test)."""
    passes, everything = now + before, judged + earlier
    ways = sum(comb(passes, number) * comb(everything - passes, judged - number) for number in range(now + 1))
    return ways / comb(everything, judged)
