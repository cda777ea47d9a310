"""Limits of a run: an end time, and budgets of device hours and of money."""

import math
import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from manifests.errors import SettingsError
from manifests.nightly.night import next_stop, time_of, zone_of


class Bounds(NamedTuple):
    """When a run stops starting new clips.

    Attributes:
        until: seconds since 1970; None for no end.
        budget_s: device seconds; None for no limit.
    """

    until: float | None = None
    budget_s: float | None = None


UNBOUNDED = Bounds()


def bounds_of(until: str | None, budget_hours: float | None, zone: str) -> Bounds:
    """Parse the values of ``--until`` and ``--budget-hours``.

    Args:
        until: ``HH:MM`` for the next such time, or an ISO 8601 date and time; in ``zone`` unless it has an offset.
        budget_hours: device hours.
        zone: time zone, such as ``Europe/Berlin``.

    Raises:
        SettingsError: the time is invalid or in the past, the hours are not positive, or the time zone is unknown.
    """
    return Bounds(
        _moment(until, zone) if until is not None else None,
        _seconds(budget_hours) if budget_hours is not None else None,
    )


def with_whole_budgets(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with ``--budget 50 USD`` as one option, as in ``--budget '50 USD'``."""
    joined: list[str] = []
    for word in words:
        before, last = joined[-2:-1], joined[-1:]
        amounts = [amount for amount in last if re.fullmatch(r"(--budget=)?[\d.]+", amount)]
        if amounts and re.fullmatch("[A-Za-z]{3}", word) and (before == ["--budget"] or "=" in amounts[0]):
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def _moment(text: str, zone: str) -> float:
    now, place = time.time(), zone_of(zone)
    if len(text.strip()) <= len("HH:MM"):
        return next_stop(now, time_of(text), place)
    try:
        read = datetime.fromisoformat(text.strip())
        until = (read if read.tzinfo else read.replace(tzinfo=place)).timestamp()
    except (ValueError, OverflowError):
        raise SettingsError(
            f"--until {text!r} is not a valid time. Use --until 06:00 or --until 2026-11-27T06:00, in the "
            f"time zone {zone} or with an offset such as +01:00."
        ) from None
    if until <= now:
        raise SettingsError(f"--until {text} is in the past. Use a future time (REELMILL_TIMEZONE is {zone}).")
    return until


def _seconds(hours: float) -> float:
    if not 0 < hours < math.inf:
        raise SettingsError(f"--budget-hours {hours:g} is not valid. Use a number of device hours above 0.")
    return hours * 3600
