"""Budgets of hosted campaigns: refused before the run, stopped in time, and what was paid is shown."""

import csv
import json

import pytest
from cli_runner import reelmill
from hosted_world import jobs_of, paid, use_cards, write_card, write_sheet
from vendor_server import VendorServer

from flows import registration
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.costs.money import Money
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server", "fake_models")


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def test_a_budget_stops_in_time_and_a_larger_one_finishes(tmp_path, home, capsys, monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_VENDOR_KEY", "a-key-of-a-test")
    with VendorServer("openai_videos", polls_until_done=2) as vendor:
        use_cards(monkeypatch, write_card(tmp_path / "cards", "hosted", vendor.base_url, **paid()))
        sheet = write_sheet(tmp_path / "s.csv", ["a red ball"], variants=8)
        refused = reelmill(capsys, "run", sheet, "--budget", "1.10", "USD")
        assert "8 clips would cost 2.00 USD, which is over the budget of 1.10 USD." in refused.err
        assert (refused.code, sum(vendor.billed.values())) == (1, 0)
        with monkeypatch.context() as patch:  # a run can become more expensive than its estimate, as by failed jobs
            patch.setattr(registration, "check_budget", lambda *_: None)
            stopped = reelmill(capsys, "run", sheet, "--budget", "1.10", "USD")
        assert stopped.code == 0, stopped.err
        assert "The budget of 1.10 USD is used up; 4 variants are left." in stopped.err
        assert sum(vendor.billed.values()) == 4
        [row] = catalogue().campaigns.all()
        too_low = reelmill(capsys, "resume", row.campaign_id, "--budget", "0.99 USD")
        assert "4 clips would cost 1.00 USD" in too_low.err
        finished = reelmill(capsys, "resume", row.campaign_id, "--budget", "1 USD", "--out", tmp_path / "out")
        assert finished.code == 0, finished.err
        assert sum(vendor.billed.values()) == 8
    shown = " ".join(finished.out.split())
    assert "Cost: 2.00 USD (including 2.00 USD estimated), 0.25 USD per published clip." in shown
    assert {job.cost for job in jobs_of(catalogue())} == {Money.of("0.25", "USD")}
    status = json.loads(reelmill(capsys, "status", row.campaign_id, "--json").out)
    assert status["spent"] == status["estimated"] == [{"micros": 2_000_000, "currency": "USD"}]
    assert status["reserved"] == status["wasted"] == []
    [line] = csv.DictReader((tmp_path / "out" / "s-results.csv").open(encoding="utf-8-sig"))
    money = [line[f"Reelmill {name}"] for name in ("cost", "currency", "cost basis")]
    assert money == ["2", "USD", "estimated"]
    runs = json.loads(reelmill(capsys, "runs", "--json").out)
    assert sorted(run["spent"][0]["micros"] for run in runs) == [1_000_000, 1_000_000]
