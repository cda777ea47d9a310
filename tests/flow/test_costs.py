"""Device time in money: what is refused, where a run stops, and what is shown."""

import json
from pathlib import Path

import pytest
from cli_runner import reelmill
from dashboard_client import PASSWORD, client_of
from priced_cards import priced_card

from adapters.catalogue import catalogue_name
from adapters.catalogue.accounts.passwords import hash_password
from adapters.sheets import read_table
from app.report.report import report_of
from app.session import Session
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.costs.device_use import Cause, DeviceUse, UseKind
from manifests.costs.sums import sums_text
from manifests.errors import GenerationError, OverBudgetError, SettingsError
from tasks.runtime.device_use.use_file import UseFile
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")
CLIP_S = 100.0
"""Reported device time of a clip; at the price below it costs 1 EUR."""


@pytest.fixture(autouse=True)
def _priced(home, fake_models, reported_time, monkeypatch):
    fake_models.device_seconds = CLIP_S
    reported_time(fake_models)
    monkeypatch.setenv("REELMILL_DEVICE_PRICES", '{"cpu": 36}')
    monkeypatch.setenv("REELMILL_CURRENCY", "EUR")


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def test_a_run_stops_when_its_budget_in_money_is_spent(ten, capsys):
    ended = reelmill(capsys, "run", ten, "--budget", "2.5 EUR")
    assert ended.code == 0
    assert "The budget of 2.50 EUR is used up; " in ended.err
    [run] = catalogue().runs.all()
    assert (run.outcome, str(run.budget)) == ("budget", "2.50 EUR")
    assert 250 <= run.spent_s < 1000
    shown = reelmill(capsys, "runs")
    assert "budget 2.50 EUR" in shown.out
    assert f"{run.spent_s / 100:.2f} EUR" in shown.out
    [campaign_id] = [row.campaign_id for row in catalogue().campaigns.all()]
    again = reelmill(capsys, "resume", campaign_id, "--budget", "20 EUR")
    assert again.code == 0
    report = report_of(catalogue(), campaign_id, prices=Session.open().prices)
    assert report.published == 10
    assert report.cost == pytest.approx(10, abs=0.05)
    assert report.cost_of_a_passing_clip == pytest.approx(1, abs=0.05)


def test_plan_and_run_refuse_more_than_the_budget_and_the_advice_works(ten, capsys):
    reelmill(capsys, "run", ten, "--sample", 1)
    [before] = catalogue().campaigns.all()
    other = ten.with_name("other.csv")
    other.write_text(ten.read_text().replace("red", "green"))
    shown = reelmill(capsys, "plan", other)
    assert shown.code == 0
    assert "10 clips, 17 min, cost 10.00 EUR at 36.00 EUR an hour (measured here)" in " ".join(shown.out.split())
    plan = json.loads(reelmill(capsys, "plan", other, "--json").out)
    assert (plan["money"], plan["currency"]) == (pytest.approx(10, abs=0.05), "EUR")
    for command in ("plan", "run"):
        refused = reelmill(capsys, command, other, "--budget", "5 EUR")
        assert refused.code == 1
        assert "10 clips would cost about 10.00 EUR, which is over the budget of 5.00 EUR." in refused.err
        assert [row.campaign_id for row in catalogue().campaigns.all()] == [before.campaign_id]
    assert "Generate fewer clips with --sample, or raise the budget with --budget" in refused.err
    assert reelmill(capsys, "run", other, "--budget", "5 EUR", "--sample", 4).code == 0


def test_a_plan_over_budget_says_it_first_and_a_suggested_command_keeps_the_budget(ten, capsys):
    reelmill(capsys, "run", ten, "--sample", 1)
    refused = reelmill(capsys, "plan", ten, "--budget", "5 EUR")
    assert refused.code == 1
    assert refused.err.startswith("Error: 9 clips would cost about 9.00 EUR, which is over the budget of 5.00 EUR.")
    assert refused.err.count("over the budget") == 1
    assert "circle" in refused.out
    assert "Start with" not in refused.out
    shown = " ".join(reelmill(capsys, "plan", ten, "--budget", "20 EUR").out.split())
    assert f"Start with `reelmill run {ten} --budget '20 EUR'`." in shown


def test_the_flow_takes_a_budget(ten):
    from flows.campaign import campaign

    for budget, error in (("0.01 EUR", OverBudgetError), ("9 USD", SettingsError), ("nine", SettingsError)):
        with pytest.raises(error):
            campaign(sheet=str(ten), budget=budget)
    assert catalogue().campaigns.all() == []
    campaign(sheet=str(ten), budget="2.5 EUR")
    [run] = catalogue().runs.all()
    assert (run.outcome, str(run.budget)) == ("budget", "2.50 EUR")


def test_a_registered_campaign_over_the_budget_is_refused_on_resume(ten, capsys, monkeypatch):
    assert reelmill(capsys, "run", ten, "--budget", "2.5 EUR").code == 0
    monkeypatch.setenv("REELMILL_BUDGET", "1 EUR")
    refused = reelmill(capsys, "resume", "ten")
    assert refused.code == 1
    assert "over the budget of 1.00 EUR. Raise the budget with --budget or REELMILL_BUDGET." in refused.err
    assert reelmill(capsys, "resume", "ten", "--budget", "20 EUR").code == 0


def test_clips_that_are_no_longer_needed_do_not_count(ten, capsys):
    ten.write_text("brief_id,prompt,placements,variants,want\ncircle,a red circle,16:9,10,2\n")
    assert reelmill(capsys, "run", ten).code == 0
    for command in ("plan", "run"):
        assert reelmill(capsys, command, ten, "--budget", "1 EUR").code == 0


def test_a_budget_without_prices_is_refused_and_the_advice_works(ten, capsys, monkeypatch):
    monkeypatch.delenv("REELMILL_DEVICE_PRICES")
    refused = reelmill(capsys, "run", ten, "--budget", "5 EUR")
    assert refused.code == 1
    assert "The budget of 5.00 EUR needs the price of device time. Set REELMILL_DEVICE_PRICES" in refused.err
    monkeypatch.setenv("REELMILL_DEVICE_PRICES", '{"H200": 3.5}')
    assert reelmill(capsys, "plan", ten, "--budget", "5 EUR").code == 0


def test_costs_are_shown_everywhere(ten, capsys, tmp_path):
    ended = reelmill(capsys, "run", ten, "--out", tmp_path / "out")
    assert "Cost: 10.00 EUR, 1.00 EUR per published clip." in ended.out
    assert "cpu: generate 17 min" in ended.out
    table = read_table(tmp_path / "out" / "ten-results.csv")
    cells = dict(zip(table.columns, table.rows[0].cells, strict=False))
    assert float(cells["Reelmill cost"]) == pytest.approx(10, abs=0.05)

    [listed] = json.loads(reelmill(capsys, "status", "--json").out)
    assert (listed["cost"], listed["currency"]) == (pytest.approx(10, abs=0.05), "EUR")
    assert "10.00 EUR" in reelmill(capsys, "status").out
    one = json.loads(reelmill(capsys, "status", "ten", "--json").out)
    assert {use["kind"] for use in one["device_use"]} >= {"generate"}
    assert one["cost"] == pytest.approx(listed["cost"])
    [run] = json.loads(reelmill(capsys, "runs", "--json").out)
    assert run["cost"] == pytest.approx(listed["cost"])

    catalogue().accounts.add("viewer", "viewer", "person:ann", password_hash=hash_password(PASSWORD))
    client = client_of(Session.open(), "viewer")
    [of_api] = client.get("/api/campaigns").json()
    assert (of_api["cost"], of_api["device_seconds"]) == (pytest.approx(10, abs=0.05), pytest.approx(1000, abs=5))
    assert "Cost: 10.00 EUR" in client.get(f"/campaigns/{listed['campaign_id']}/status").text


def test_failed_variants_cost_and_are_in_the_total_only(ten, capsys, fake_models):
    other = ten.with_name("other.csv")
    other.write_text(ten.read_text().replace("10", "2").replace("red", "blue"))
    generate = fake_models.generate

    def failing(variants, *rest):
        for _ in generate(variants, *rest):
            yield GenerationError("no room")

    fake_models.generate = failing
    reelmill(capsys, "run", other)
    campaign_id = catalogue().campaigns.get("other").campaign_id
    report = report_of(catalogue(), campaign_id, prices=Session.open().prices)
    assert report.device_seconds == pytest.approx(200, abs=5)
    assert report.cost == pytest.approx(2, abs=0.05)
    assert (report.briefs[0].device_seconds, report.briefs[0].cost.sums, report.published) == (None, (), 0)


def test_the_clips_of_another_campaign_cost_nothing(ten, capsys, fake_models):
    reelmill(capsys, "run", ten)
    worked = fake_models.worked_s
    again = ten.with_name("again.csv")
    again.write_text(ten.read_text())
    reelmill(capsys, "run", again)
    assert fake_models.worked_s == worked
    report = report_of(catalogue(), catalogue().campaigns.get("again").campaign_id)
    assert {use.kind for use in report.device_use} <= {"score"}
    assert report.device_seconds < 1
    assert report.briefs[0].device_seconds == 0


def test_shared_clips_are_paid_by_the_campaign_that_made_them(ten, capsys, fake_models, monkeypatch):
    monkeypatch.setenv("REELMILL_SHARE_CLIPS", "true")
    reelmill(capsys, "run", ten)
    again = ten.with_name("again.csv")
    again.write_text(ten.read_text())
    reelmill(capsys, "run", again)
    prices = Session.open().prices
    first, second = (
        report_of(catalogue(), catalogue().campaigns.get(name).campaign_id, prices=prices) for name in ("ten", "again")
    )
    assert (first.published, second.published) == (10, 10)
    assert sums_text(first.briefs[0].cost.sums, short=True) == "10.00 EUR"
    assert (second.cost, sums_text(second.briefs[0].cost.sums)) == (0, "0.00 EUR")


def test_status_includes_what_a_killed_process_has_left(ten, capsys, home):
    reelmill(capsys, "run", ten, "--sample", 1)
    [row] = catalogue().campaigns.all()
    [run] = catalogue().runs.all()
    cause = Cause(row.campaign_id, run.run_id, "starter")
    use = DeviceUse("ab" * 16, cause, UseKind.LOAD, "host:0:1:1", "cpu", "cpu", 300.0)
    UseFile.create(home / "device-use", catalogue_name(catalogue().url), use).close()
    [listed] = json.loads(reelmill(capsys, "status", "--json").out)
    assert listed["cost"] == pytest.approx(4, abs=0.05)
    assert catalogue().runs.get(run.run_id).spent_s == pytest.approx(400, abs=5)
    assert list((home / "device-use").iterdir()) == []


@pytest.fixture
def hosted_folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder of model cards with a hosted one: 0.25 USD for a clip."""
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "hosted.json").write_text(priced_card().model_dump_json())
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    monkeypatch.setenv("REELMILL_CURRENCY", "USD")
    return folder


def test_hosted_clips_are_priced_and_refused_before_anything_is_registered(ten, capsys, hosted_folder, monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_VENDOR_KEY", "secret-of-a-test")
    ten.write_text(ten.read_text().replace("variants\n", "variants,model\n").replace(",10\n", ",10,hosted\n"))
    shown = " ".join(reelmill(capsys, "plan", ten).out.split())
    assert "circle │ hosted │ 10 │ 0.25 USD │ 2.50 USD" in shown
    assert "Total: 2.50 USD. Unconfirmed prices as of 2026-11-01: hosted." in shown
    assert "hosted: 10 clips at vendor (the time at vendor is not known)." in shown
    assert "10 clips to generate, 0 already generated. Price of the provider jobs: 2.50 USD. Start with" in shown
    plan = json.loads(reelmill(capsys, "plan", ten, "--json").out)
    assert plan["totals"] == [{"micros": 2_500_000, "currency": "USD"}]
    assert plan["prices"][0]["least_micros"] == 250_000
    for command in ("plan", "run"):
        refused = reelmill(capsys, command, ten, "--budget", "1", "USD")
        assert refused.code == 1
        assert "10 clips would cost 2.50 USD, which is over the budget of 1.00 USD." in refused.err
        other = reelmill(capsys, command, ten, "--budget", "9 EUR")
        assert other.code == 1
    assert catalogue().campaigns.all() == []
    assert reelmill(capsys, "plan", ten, "--budget", "1", "USD", "--sample", 4).code == 0
    assert reelmill(capsys, "plan", ten, "--budget", "2.50", "USD").code == 0
    assert reelmill(capsys, "plan", ten, "--budget", "").code == 0
