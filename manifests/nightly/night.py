"""The time window of a nightly run, and the date that identifies it."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from manifests.errors import SettingsError

UNTIL = r"^$|^([01]?\d|2[0-3]):[0-5]\d$"
"""A time of day as people type it; empty for no end."""
HALF_A_DAY_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class Night:
    """The window of one nightly run.

    Attributes:
        day: the date that identifies the run. A window that ends at six belongs to the day before, so that a restart
            after midnight resumes the same night.
        until: end of the window, seconds since 1970; no work is started after it. None for no end.
        stop: ``until`` in readable form: ``2026-11-27 06:00 (Europe/Berlin)``. It includes the date, because a run
            that starts after that time of day ends on the next day.
    """

    day: date
    until: float | None = None
    stop: str = ""


def night_of(starts: float, until: str, zone: str) -> Night:
    """Return the night that a start time belongs to.

    Args:
        starts: the scheduled start, seconds since 1970; a late start has the same end.
        until: ``HH:MM``, or empty for a night that is a calendar day without an end.
        zone: time zone, such as ``Europe/Berlin``.

    Raises:
        SettingsError: invalid time of day, or unknown time zone.
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
    """Return the first stop time after ``after``, both in seconds since 1970."""
    today = datetime.fromtimestamp(after, zone).date()
    stops = (_first_at(today + timedelta(days=days), at, zone) for days in range(4))
    return next(stop for stop in stops if stop > after)


def time_of(text: str) -> time:
    """Parse a time of day.

    Raises:
        SettingsError: the text is not a time of day.
    """
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()
    except ValueError:
        raise SettingsError(
            f"{text!r} is not a valid time of day. Use a time from 00:00 to 23:59, for example 06:00, in --until or "
            "REELMILL_STOCK_UNTIL."
        ) from None


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        SettingsError: unknown time zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"Unknown time zone {name!r}. Set REELMILL_TIMEZONE to a name such as Europe/Berlin."
        ) from None


def _first_at(day: date, at: time, zone: ZoneInfo) -> float:
    """Return the moment at which the clocks first show a time of day, or a later one.

    If the time occurs twice (clocks go back), this is its first occurrence. If it is skipped (clocks go forward), this
    is the moment of the change.
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
