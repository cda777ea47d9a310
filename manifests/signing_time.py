"""Whether a clock is accurate enough to sign: a pure comparison with times that have passed and with other clocks."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

TOLERANCE_S = 300.0
"""Clocks that are synchronised over the network differ by far less, even while they are adjusted. S3 rejects requests
that are off by 15 minutes, so a larger difference would only be reported by another service, and later."""
DAY_S = 86_400.0
EITHER = "wrong one of the clocks"
"""What to set if nothing shows which of two clocks is wrong."""


class PastTime(NamedTuple):
    """A time that has certainly passed.

    Attributes:
        what: what happened then, as a noun phrase with an article.
        at: seconds since 1970.
        tolerance_s: how far it may lie ahead of the clock.
        detail: more about ``what``; empty if nothing is known.
    """

    what: str
    at: float
    tolerance_s: float = TOLERANCE_S
    detail: str = ""

    @property
    def text(self) -> str:
        """What happened then, with the detail in parentheses."""
        return f"{self.what} ({self.detail})" if self.detail else self.what


class OtherClock(NamedTuple):
    """The clock of another machine.

    Attributes:
        what: whose clock it is, as a noun phrase with an article.
        ahead_s: seconds that it is ahead of this machine's clock; negative if it is behind.
    """

    what: str
    ahead_s: float


def clock_faults(now: float, past: Iterable[PastTime], others: Iterable[OtherClock]) -> list[str]:
    """Return what contradicts a clock, as clauses; an empty list if nothing does.

    Args:
        now: the clock, in seconds since 1970.
    """
    disagreeing = [
        f"{each.what} is {span_text(each.ahead_s)} {'ahead' if each.ahead_s > 0 else 'behind'}"
        for each in others
        if abs(each.ahead_s) > TOLERANCE_S
    ]
    ahead = [
        f"{each.text} is from {moment_text(each.at)}, {span_text(each.at - now)} later"
        for each in past
        if each.at - now > each.tolerance_s
    ]
    return disagreeing + ahead


def contradiction_text(now: float, faults: Iterable[str]) -> str:
    """Return that a clock seems wrong, and why, as a clause.

    Args:
        now: the clock, in seconds since 1970.
        faults: the result of ``clock_faults``.
    """
    return f"this machine's clock seems wrong: it says {moment_text(now)}, but {', and '.join(faults)}"


def set_clock_text(clock: str) -> str:
    """Return how to set a clock, as the beginning of a sentence; ``clock`` names it without an article."""
    return (
        f"Set the {clock} right, for example with `timedatectl set-ntp true` (in a container, set the clock of the "
        "host), then run the command again"
    )


def moment_text(at: float) -> str:
    """Return ``2026-11-30 07:40 UTC``."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def span_text(seconds: float) -> str:
    """Return ``12 min``, ``5.0 h`` or ``400 days``."""
    minutes = abs(seconds) / 60
    if minutes < 100:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 60 * 36 else f"{minutes / 1440:,.0f} days"
