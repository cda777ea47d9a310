"""`reelmill stock` with a fake model; everything else is real."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_runner import reelmill
from priced_cards import priced_card

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.runtime.resources import catalogue_of

nightly = pytest.mark.usefixtures("prefect_server", "fake_models")
EXAMPLE = Path(__file__).parents[2] / "examples" / "stock.csv"


def campaigns():
    return catalogue_of(resources_of(load_settings())).campaigns.all()


@nightly
def test_a_night_gives_a_report_and_a_campaign(home, capsys, tmp_path):
    ended = reelmill(
        capsys, "stock", EXAMPLE, "--until", "", "--budget-money", 10, "--price-hour", 2, "--out", tmp_path / "out"
    )
    assert ended.code == 0, ended.err
    for part in (
        "12 / 0 / 0",
        "12 / 12 / 12",
        "5.0 h of device time (cost: 10.00)",
        "all chosen combinations are finished",
    ):
        assert part in ended.out
    assert (tmp_path / "out" / "contact-sheet.png").is_file()
    assert len((tmp_path / "out" / "clips.csv").read_text().splitlines()) > 12

    [row] = campaigns()
    today = datetime.now(UTC).date().isoformat()
    assert row.campaign_id.startswith(f"{today}-stock-")
    assert json.loads(reelmill(capsys, "status", row.name, "--json").out)["states"]["published"] == 12
    assert reelmill(capsys, "resume", row.campaign_id).code == 0

    again = json.loads(reelmill(capsys, "stock", EXAMPLE, "--until", "", "--json").out)
    assert (again["campaign_id"], again["published"], again["ended"]) == (row.campaign_id, 12, "finished")


@nightly
def test_sheet_window_and_budget_come_from_the_settings(home, capsys, monkeypatch):
    monkeypatch.setenv("REELMILL_STOCK", str(EXAMPLE))
    monkeypatch.setenv("REELMILL_STOCK_UNTIL", "5:30")
    monkeypatch.setenv("REELMILL_STOCK_BUDGET_H", "2")
    monkeypatch.setenv("REELMILL_TIMEZONE", "Europe/Berlin")
    answer = json.loads(reelmill(capsys, "stock", "--dry-run", "--json").out)
    assert (answer["budget_s"], answer["chosen"]) == (7200, 12)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d 05:30 \(Europe/Berlin\)", answer["stop"])


def test_a_dry_run_needs_no_prefect_and_starts_nothing(home, capsys):
    ended = reelmill(capsys, "stock", EXAMPLE, "--dry-run")
    assert ended.code == 0
    assert "dry run, nothing was started" in ended.out
    assert campaigns() == []
    assert not (home / "prefect").exists()


def test_a_time_that_has_passed_today_means_tomorrow(home, capsys):
    now = datetime.now(UTC)
    tomorrow = f"{(now - timedelta(minutes=1)) + timedelta(days=1):%Y-%m-%d %H:%M} (UTC)"
    ended = reelmill(capsys, "stock", EXAMPLE, "--dry-run", "--until", tomorrow[11:16])
    assert tomorrow in ended.out


def test_one_bad_cell_is_one_error(home, capsys, tmp_path):
    sheet = tmp_path / "bad.csv"
    sheet.write_text("theme,want\na red circle,0\n")
    assert "has 1 error. " in reelmill(capsys, "stock", sheet).err


def test_all_bad_cells_are_reported_at_once(home, capsys, tmp_path):
    sheet = tmp_path / "bad.csv"
    sheet.write_text("theme,tries,want,most,nightly\na red circle,many,0,x,-3\n")
    ended = reelmill(capsys, "stock", sheet)
    assert ended.code == 1
    for column in ("B 'tries': 'many'", "C 'want': '0'", "D 'most': 'x'", "E 'nightly': '-3'"):
        assert f"Row 2, column {column}" in ended.out
    assert "has 4 errors" in ended.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "No stock sheet is set. Set REELMILL_STOCK, or pass a sheet: `reelmill stock SHEET`."),
        (["nowhere.csv"], "There is no stock sheet 'nowhere.csv', neither as a file nor as a key in the bucket"),
        (
            [EXAMPLE, "--until", "25:00"],
            "'25:00' is not a valid time of day. Use a time from 00:00 to 23:59",
        ),
        ([EXAMPLE, "--budget-hours", "-1"], "Invalid budget: hours = -1. Use 0 or a positive number."),
        ([EXAMPLE, "--budget-money", "5"], "A budget in money requires the price of a device hour. Set --price-hour"),
        ([EXAMPLE, "--model", "nosuch"], "There is no model 'nosuch'. List the models with `reelmill models`"),
    ],
)
def test_a_wrong_option_is_reported_in_one_line(home, capsys, words, sentence):
    ended = reelmill(capsys, "stock", *words)
    assert ended.code == 1
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_a_budget_of_device_time_does_not_cover_a_provider_and_the_advice_works(home, capsys, tmp_path, monkeypatch):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "hosted.json").write_text(priced_card().model_dump_json())
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(tmp_path / "cards")]))
    sheet = tmp_path / "stock.csv"
    sheet.write_text(EXAMPLE.read_text())
    words = ("stock", sheet, "--until", "", "--budget-money", 10, "--price-hour", 2, "--model", "hosted")
    refused = reelmill(capsys, *words)
    assert refused.code == 1
    assert "covers only device time, but hosted is billed by its provider. Set REELMILL_BUDGET" in refused.err
    monkeypatch.setenv("REELMILL_BUDGET", "0.01 USD")
    assert "is over the budget of 0.01 USD" in reelmill(capsys, *words).err
    assert campaigns() == []
