"""`reelmill nights`: schedules of nightly runs that can be changed at any time."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_runner import reelmill

from app.cli.commands import nights
from app.cli.commands.up import _only_one, running_server, write_server_url

STOCK = Path(__file__).parents[2] / "examples" / "stock.csv"


def listed(capsys: Any) -> list[dict[str, Any]]:
    return json.loads(reelmill(capsys, "nights", "list", "--json").out)


def test_schedules_can_be_added_paused_resumed_and_removed(home, capsys):
    assert "No schedules yet. Add one with" in reelmill(capsys, "nights", "list").out
    added = reelmill(capsys, "nights", "add", "weekdays", STOCK, "--cron", "30 22 * * 1-5", "--until", "06:00")
    assert added.code == 0, added.err
    assert "Added the schedule weekdays. It runs next at 20" in added.out
    assert reelmill(capsys, "nights", "add", "daily", STOCK, "--at", "21:05", "--timezone", "Europe/Berlin").code == 0
    daily, weekdays = listed(capsys)
    assert (daily["cron"], daily["timezone"], daily["until"]) == ("5 21 * * *", "Europe/Berlin", None)
    assert (weekdays["cron"], weekdays["sheet"], weekdays["until"]) == ("30 22 * * 1-5", str(STOCK), "06:00")
    assert "paused. Resume it with `reelmill nights resume daily`" in reelmill(capsys, "nights", "pause", "daily").out
    assert [each["next_run"] is None for each in listed(capsys)] == [True, False]
    assert "already paused" in reelmill(capsys, "nights", "pause", "daily").out
    assert "runs next at" in reelmill(capsys, "nights", "resume", "daily").out
    assert reelmill(capsys, "nights", "remove", "daily").code == 0
    assert [each["name"] for each in listed(capsys)] == ["weekdays"]
    assert "`reelmill up` is not running" in reelmill(capsys, "nights", "list").err


def test_the_schedule_of_the_settings_is_listed_and_can_be_paused(home, capsys, monkeypatch):
    assert "The settings define no schedule" in reelmill(capsys, "nights", "pause", "settings").err
    monkeypatch.setenv("REELMILL_STOCK", str(STOCK))
    assert [each["name"] for each in listed(capsys)] == ["settings"]
    assert reelmill(capsys, "nights", "pause", "settings").code == 0
    assert [each["is_active"] for each in listed(capsys)] == [False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([STOCK], "either --at, such as --at 22:00, or --cron"),
        ([STOCK, "--at", "22:00", "--cron", "0 22 * * *"], "either --at"),
        ([STOCK, "--at", "half past"], "'half past' is not a valid time of day"),
        ([STOCK, "--cron", "every day"], "'every day' is not a valid cron expression. Enter minute"),
        ([STOCK, "--at", "22:00", "--timezone", "Mars/Base"], "Mars/Base"),
        ([STOCK, "--at", "22:00", "--until", "late"], "'late' is not a valid time of day"),
        ([STOCK, "--at", "22:00", "--budget-money", "5"], "price"),
        ([STOCK, "--at", "22:00", "--model", "nothing"], "There is no model 'nothing'"),
        (["nowhere.csv", "--at", "22:00"], "There is no stock sheet 'nowhere.csv'"),
    ],
)
def test_a_schedule_that_could_never_run_is_refused(home, capsys, options, message):
    ended = reelmill(capsys, "nights", "add", "weekdays", *options)
    assert ended.code == 1
    assert message in " ".join(ended.err.split())
    assert listed(capsys) == []


def test_a_run_uses_the_services_of_up_if_they_are_running(home, capsys, monkeypatch):
    import os

    reelmill(capsys, "nights", "add", "weekdays", STOCK, "--at", "22:00", "--budget-hours", "2")
    seen: list[Any] = []
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "of:another")
    monkeypatch.setattr(
        nights, "start_now", lambda schedule: seen.append((schedule, os.environ["PREFECT_API_URL"])) or "odd-cat"
    )
    monkeypatch.setattr(nights, "stock", lambda **given: seen.append(given))
    assert running_server(home) is None
    assert reelmill(capsys, "nights", "run", "weekdays").code == 0
    assert seen.pop() == {"sheet": str(STOCK), "budget_h": 2.0, "model": None, "as_json": False}
    with _only_one(home):
        write_server_url(home, "http://127.0.0.1:4200/api")
        assert "started as the flow run odd-cat" in reelmill(capsys, "nights", "run", "weekdays").out
    assert seen[0][1] == "http://127.0.0.1:4200/api"
    assert "PREFECT_API_URL" not in os.environ
    assert os.environ["PREFECT_API_AUTH_STRING"] == "of:another"
    assert "no schedule 'none'" in reelmill(capsys, "nights", "run", "none").err
