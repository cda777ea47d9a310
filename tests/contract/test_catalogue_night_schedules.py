"""Schedules of nightly runs: stored, paused, resumed and removed, each change with its audit entry."""

from dataclasses import replace

import pytest

from adapters.catalogue import Catalogue
from manifests.errors import NotFoundError, SettingsError
from manifests.nightly.night_schedule import BY_SETTINGS, NightSchedule, check_name

WEEKDAYS = NightSchedule("weekdays", "/sheets/stock.csv", "0 22 * * 1-5", "Europe/Berlin", "06:00", 8.0)


def test_schedules_are_stored_and_listed_by_name(catalogue: Catalogue):
    other = replace(WEEKDAYS, name="a-first", until=None, budget_h=None, model="starter")
    for schedule in (WEEKDAYS, other):
        catalogue.night_schedules.add(schedule, "ann")
    assert catalogue.night_schedules.all() == [other, WEEKDAYS]
    assert catalogue.night_schedules.get("weekdays") == WEEKDAYS


def test_a_name_is_used_once(catalogue: Catalogue):
    catalogue.night_schedules.add(WEEKDAYS, "ann")
    with pytest.raises(SettingsError, match="reelmill nights remove weekdays"):
        catalogue.night_schedules.add(replace(WEEKDAYS, sheet="other.csv"), "ann")
    assert catalogue.night_schedules.get("weekdays").sheet == WEEKDAYS.sheet
    catalogue.night_schedules.remove("weekdays", "ann")
    catalogue.night_schedules.add(replace(WEEKDAYS, sheet="other.csv"), "ann")


def test_pause_and_resume_are_recorded_once(catalogue: Catalogue):
    catalogue.night_schedules.add(WEEKDAYS, "ann")
    assert [catalogue.night_schedules.set_active("weekdays", False, "ann") for _ in range(2)] == [True, False]
    assert not catalogue.night_schedules.get("weekdays").is_active
    assert catalogue.night_schedules.set_active("weekdays", True, "ann")
    assert catalogue.night_schedules.get("weekdays") == WEEKDAYS
    whats = [entry.detail["what"] for entry in catalogue.audit.entries() if entry.action == "schedule"]
    assert whats == ["resumed", "paused", "added"]


def test_the_schedule_of_the_settings_can_be_paused_but_not_removed(catalogue: Catalogue):
    assert not catalogue.night_schedules.is_settings_paused()
    assert catalogue.night_schedules.set_active(BY_SETTINGS, False, "ann")
    assert catalogue.night_schedules.is_settings_paused()
    assert catalogue.night_schedules.all() == []
    with pytest.raises(SettingsError, match="Clear that setting"):
        catalogue.night_schedules.remove(BY_SETTINGS, "ann")
    assert catalogue.night_schedules.set_active(BY_SETTINGS, True, "ann")
    assert not catalogue.night_schedules.is_settings_paused()


def test_an_unknown_name_is_named(catalogue: Catalogue):
    for change in (
        lambda: catalogue.night_schedules.remove("none", "ann"),
        lambda: catalogue.night_schedules.set_active("none", True, "ann"),
        lambda: catalogue.night_schedules.get("none"),
    ):
        with pytest.raises(NotFoundError, match=r"no schedule 'none'\. List them with `reelmill nights list`"):
            change()


@pytest.mark.parametrize("name", ["", "Week Days", "-x", "settings", "ä", "x" * 41, "a/b"])
def test_names_that_are_not_allowed(name: str):
    with pytest.raises(SettingsError, match="cannot be the name of a schedule"):
        check_name(name)
