"""Nightly runs: which night a start belongs to and when it ends, including clock changes."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manifests.errors import SettingsError
from manifests.nightly.night import HALF_A_DAY_S, Night, next_stop, night_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/St_Johns",
    "Pacific/Apia",
    "Africa/Cairo",
]


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("starts", "until", "ends", "day"),
    [
        ("2026-11-26 22:00", "06:00", "2026-11-27 06:00", "2026-11-26"),
        ("2026-11-27 03:00", "06:00", "2026-11-27 06:00", "2026-11-26"),
        ("2026-11-27 06:00", "06:00", "2026-11-28 06:00", "2026-11-27"),
        ("2026-11-27 07:00", "6:00", "2026-11-28 06:00", "2026-11-27"),
        ("2026-11-27 20:00", "23:30", "2026-11-27 23:30", "2026-11-27"),
        ("2026-12-31 22:00", "06:00", "2027-01-01 06:00", "2026-12-31"),
    ],
)
def test_a_night_has_the_date_of_its_first_evening(starts, until, ends, day):
    night = night_of(at(starts), until, "Europe/Berlin")
    assert (night.until, night.day) == (at(ends), date.fromisoformat(day))
    assert night.stop == f"{ends} (Europe/Berlin)", "the date is shown because it can be the next day"


def test_without_an_end_a_night_has_the_date_of_the_time_zone():
    assert night_of(at("2026-11-27 00:30"), "", "Europe/Berlin") == Night(date(2026, 11, 27))
    assert night_of(at("2026-11-27 00:30"), "", "America/New_York") == Night(date(2026, 11, 26))


@pytest.mark.parametrize(
    ("starts", "until", "hours"),
    [
        ("2026-03-28 22:00", "06:00", 7),  # clocks go from 2 to 3
        ("2026-10-24 22:00", "06:00", 9),  # clocks go from 3 back to 2
        ("2026-06-01 22:00", "06:00", 8),
        ("2026-03-28 22:00", "02:30", 4),  # 02:30 is skipped: the night ends when the clocks change
        ("2026-10-24 22:00", "02:30", 4.5),  # 02:30 occurs twice: the night ends the first time
    ],
)
def test_nights_with_a_clock_change(starts, until, hours):
    assert night_of(at(starts), until, "Europe/Berlin").until - at(starts) == hours * 3600


def test_after_the_first_of_two_identical_clock_times_the_next_night_has_begun():
    assert next_stop(at("2026-10-25 02:45"), time(2, 30), BERLIN) == at("2026-10-26 02:30")
    assert next_stop(at("2026-10-25 02:15", fold=1), time(2, 30), BERLIN) == at("2026-10-26 02:30")


@settings(max_examples=300, deadline=None)
@given(starts=st.floats(1.5e9, 2.2e9), minute=st.integers(0, 24 * 60 - 1), zone=st.sampled_from(ZONES))
@example(starts=at("2011-12-29 22:00", "Pacific/Apia"), minute=360, zone="Pacific/Apia")  # Samoa skipped the 30th
def test_a_stop_is_the_first_moment_at_or_skipped_past_the_given_time(starts, minute, zone):
    place, wanted = ZoneInfo(zone), time(minute // 60, minute % 60)
    ends = next_stop(starts, wanted, place)
    assert starts < ends <= starts + 50 * 3600
    shown = datetime.fromtimestamp(ends, place).replace(tzinfo=None)
    before = datetime.fromtimestamp(ends - 1, place).replace(tzinfo=None)
    if shown.time() != wanted:
        days = (shown.date() - timedelta(days=back) for back in range(2))
        assert any(before < datetime.combine(day, wanted) < shown for day in days)
    moments = (starts + step * 60 for step in range(int((ends - starts) // 60)))
    exact = (moment - moment % 60 + 60 for moment in moments)
    earlier = [
        moment
        for moment in exact
        if starts < moment < ends
        and datetime.fromtimestamp(moment, place).time() == wanted
        and not datetime.fromtimestamp(moment, place).fold
    ]
    assert earlier == []


@settings(max_examples=200, deadline=None)
@given(
    starts=st.floats(1.5e9, 2.2e9),
    wait=st.floats(0, 1),
    minute=st.integers(0, 24 * 60 - 1),
    zone=st.sampled_from(ZONES),
)
def test_a_restart_before_the_end_belongs_to_the_same_night(starts, wait, minute, zone):
    until = f"{minute // 60:02}:{minute % 60:02}"
    night = night_of(starts, until, zone)
    again = starts + wait * (night.until - 1 - starts)
    assert night_of(max(starts, again), until, zone) == night
    assert night.day == datetime.fromtimestamp(night.until - HALF_A_DAY_S, ZoneInfo(zone)).date()


@pytest.mark.parametrize("until", ["25:00", "6", "6 am", "06:60", "six"])
def test_an_invalid_time_of_day_is_refused(until):
    with pytest.raises(
        SettingsError, match=r"is not a valid time of day\. Use a time from 00:00 to 23:59, for example 06:00"
    ):
        night_of(0.0, until, "UTC")


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd"])
def test_an_unknown_time_zone_is_refused(zone):
    with pytest.raises(SettingsError, match="Unknown time zone"):
        night_of(0.0, "06:00", zone)
