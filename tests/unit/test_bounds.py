"""Limits on the duration of a run: end time and budget."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from app.cli.bounds import UNBOUNDED, bounds_of
from manifests.errors import SettingsError

BERLIN = "Europe/Berlin"


def test_no_options_mean_no_bounds():
    assert bounds_of(None, None, "UTC") == UNBOUNDED


@pytest.mark.parametrize("text", ["06:00", "6:00", "23:59", "00:00"])
def test_a_time_of_day_means_its_next_occurrence(text: str):
    until = bounds_of(text, None, BERLIN).until
    assert 0 < until - time.time() <= 25 * 3600
    hour, minute = map(int, text.split(":"))
    shown = datetime.fromtimestamp(until, ZoneInfo(BERLIN))
    assert (shown.hour, shown.minute, shown.second) == (hour, minute, 0)


def test_a_date_uses_its_own_offset_or_the_time_zone_of_the_settings():
    assert (
        bounds_of("2199-07-01T06:00", None, BERLIN).until
        == datetime(2199, 7, 1, 6, tzinfo=ZoneInfo(BERLIN)).timestamp()
    )
    assert bounds_of("2199-07-01T06:00", None, BERLIN) != bounds_of("2199-07-01T06:00", None, "UTC")
    assert bounds_of("2199-07-01 06:00+02:00", None, "UTC") == bounds_of("2199-07-01T04:00Z", None, BERLIN)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("25:00", "is not a valid time of day"),
        ("soon", "is not a valid time of day"),
        ("", "is not a valid time of day"),
        ("tomorrow", "is not a valid time"),
        ("2020-01-01T06:00", "in the past"),
        ("9999-99-99", "is not a valid time"),
    ],
)
def test_an_invalid_time_is_refused(text: str, told: str):
    with pytest.raises(SettingsError, match=told) as failure:
        bounds_of(text, None, BERLIN)
    assert "--until" in str(failure.value)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(SettingsError, match="Unknown time zone 'Mars/Olympus'"):
        bounds_of("06:00", None, "Mars/Olympus")


def test_a_budget_is_given_in_hours():
    assert bounds_of(None, 1.5, "UTC").budget_s == 5400


@pytest.mark.parametrize("hours", [0.0, -1.0, float("nan"), float("inf")])
def test_a_zero_negative_or_infinite_budget_is_refused(hours: float):
    with pytest.raises(SettingsError, match="above 0"):
        bounds_of(None, hours, "UTC")
