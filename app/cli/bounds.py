"""How long a run may go on: until a time, and within a budget of device hours."""

import math
import time
from datetime import datetime
from typing import NamedTuple

from manifests.errors import SettingsError
from manifests.nightly.night import next_stop, time_of, zone_of


class Bounds(NamedTuple):
    """When a run takes no more work.

    Attributes:
        until: seconds since 1970; None for no end.
        budget_s: device seconds; None for no limit.
    """

    until: float | None = None
    budget_s: float | None = None


UNBOUNDED = Bounds()


def bounds_of(until: str | None, budget_hours: float | None, zone: str) -> Bounds:
    """Read what a person wrote behind ``--until`` and ``--budget-hours``.

    Args:
        until: ``HH:MM``, whose next time is meant, or a date and time by ISO 8601; without an offset in ``zone``.
        budget_hours: device hours.
        zone: such as ``Europe/Berlin``.

    Raises:
        SettingsError: no time, one that is over, no positive number of hours, or no time zone.
    """
    return Bounds(
        _moment(until, zone) if until is not None else None,
        _seconds(budget_hours) if budget_hours is not None else None,
    )


def _moment(text: str, zone: str) -> float:
    now, place = time.time(), zone_of(zone)
    if len(text.strip()) <= len("HH:MM"):
        return next_stop(now, time_of(text), place)
    try:
        read = datetime.fromisoformat(text.strip())
        until = (read if read.tzinfo else read.replace(tzinfo=place)).timestamp()
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{text!r} is no time to stop at; write --until 06:00 or --until 2026-11-27T06:00, in the "
            f"time zone {zone} or with an offset such as +01:00."
        ) from None
    if until <= now:
        raise SettingsError(f"--until {text} is over already; name a time to come (REELMILL_TIMEZONE is {zone}).")
    return until


def _seconds(hours: float) -> float:
    if not 0 < hours < math.inf:
        raise SettingsError(
            f"A budget is a number of device hours above 0, and {hours:g} is none; mend --budget-hours."
        )
    return hours * 3600
