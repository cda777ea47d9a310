"""A night: the window in which stock footage is made, and the day that it is called by."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from manifests.errors import SettingsError

UNTIL = r"^$|^([01]?\d|2[0-3]):[0-5]\d$"
"""A time of day as people give it; empty for no end."""
HALF_A_DAY_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class Night:
    """One night's window.

    Attributes:
        day: the date that it is called by. A window that ends at six belongs to the day before, so that whoever
            starts again after midnight goes on with the same night.
        until: when no more work is begun, seconds since 1970; None for no end.
        stop: the same as people say it: ``2026-11-27 06:00 (Europe/Berlin)``. With its date, since a start after the
            time of day means the next day's.
    """

    day: date
    until: float | None = None
    stop: str = ""


def night_of(starts: float, until: str, zone: str) -> Night:
    """Return the night that a start belongs to.

    Args:
        starts: seconds since 1970, as it was scheduled: a start that comes late has the same end.
        until: ``HH:MM``, or empty: then a night is a calendar day without an end.
        zone: such as ``Europe/Berlin``.

    Raises:
        SettingsError: no time of day, or no time zone.
    """
    place = zone_of(zone)
    if not until.strip():
        return Night(datetime.fromtimestamp(starts, place).date())
    ends = next_stop(starts, time_of(until), place)
    return Night(
        datetime.fromtimestamp(ends - HALF_A_DAY_S, place).date(),
        ends,
        f"{datetime.fromtimestamp(ends, place):%Y-%m-%d %H:%M} ({zone})",
    )


def next_stop(after: float, at: time, zone: ZoneInfo) -> float:
    """Return the first stop after a moment, seconds since 1970."""
    today = datetime.fromtimestamp(after, zone).date()
    stops = (_first_at(today + timedelta(days=days), at, zone) for days in range(4))
    return next(stop for stop in stops if stop > after)


def time_of(text: str) -> time:
    """Read a time of day.

    Raises:
        SettingsError: it is none.
    """
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()
    except ValueError:
        raise SettingsError(
            f"{text!r} is no time of day to stop at; write it as 06:00, at most 23:59, in --until or "
            "REELMILL_STOCK_UNTIL."
        ) from None


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        SettingsError: no zone is called so.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"There is no time zone {name!r}; let REELMILL_TIMEZONE name one such as Europe/Berlin."
        ) from None


def _first_at(day: date, at: time, zone: ZoneInfo) -> float:
    """Return when the clocks of a day first show a time or a later one.

    Of a time that comes twice that night, the first counts; where the clocks leap over it, the leap does.
    """
    shown = datetime.combine(day, at)
    first = shown.replace(tzinfo=zone).timestamp()
    if datetime.fromtimestamp(first, zone).replace(tzinfo=None) == shown:
        return first
    before, leapt = int(shown.replace(tzinfo=zone, fold=1).timestamp()), int(first)
    while leapt - before > 1:
        middle = (before + leapt) // 2
        late = datetime.fromtimestamp(middle, zone).replace(tzinfo=None) >= shown
        before, leapt = (before, middle) if late else (middle, leapt)
    return float(leapt)
