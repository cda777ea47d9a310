"""A fallback model generates what the row's model cannot, and the records name both."""

import csv
import json

import pytest
from cli_runner import reelmill

from flows.campaign import campaign
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from models.fake import FakeGenerator
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("home", "prefect_server")


def by_model() -> dict[str, list]:
    catalogue = catalogue_of(resources_of(load_settings()))
    [head] = catalogue.campaigns.all()
    found: dict[str, list] = {}
    for row in catalogue.variants.of_campaign(head.campaign_id):
        found.setdefault(row.variant.card, []).append(row)
    return found


NOTE = "fallback for starter: out of order"


def assert_the_files_show_the_fallback(capsys, campaign_id, path):
    answer = reelmill(capsys, "run", path)
    folder = load_settings().home / "campaigns" / campaign_id
    with (folder / "clips.csv").open(encoding="utf-8-sig") as file:
        table = {row["variant_id"]: row for row in csv.DictReader(file)}
    assert [(row["card"], row["state"], row["fallback"]) for row in table.values() if row["fallback"]] == [
        ("starter", "failed", "replaced by the fallback starter-4step"),
        ("starter-4step", "published", NOTE),
    ]
    with (folder / "balls-clips.csv").open(encoding="utf-8-sig") as file:
        listed = {row["Variant"]: row for row in csv.DictReader(file)}
    shown = [(row["Model"], row["State"], row["Note"]) for row in listed.values() if row["Note"]]
    assert shown == [
        ("starter", "replaced by a fallback", "replaced by the fallback starter-4step"),
        ("starter-4step", "published", NOTE),
    ]
    assert "1 clip of starter-4step, fallback for starter: out of order" in answer.out
    assert "2 published, 1 replaced by a fallback;" in answer.out
    [row] = csv.DictReader((folder / "balls-results.csv").open(encoding="utf-8-sig"))
    assert (row["Reelmill status"], row["Reelmill models"]) == ("published", "starter, starter-4step")
    assert row["Reelmill why"] == f"1 from starter-4step, {NOTE}"
    status = json.loads(reelmill(capsys, "status", "--json").out)
    assert "replaced by a fallback" in json.dumps(status)


def test_a_variant_that_failed_is_replaced_once(capsys, tmp_path, fake_models: FakeGenerator):
    path = tmp_path / "balls.csv"
    path.write_text("brief_id,prompt,fallback,variants\nball,a red ball,starter-4step,2\n")
    planned = json.loads(reelmill(capsys, "plan", path, "--json", "--prompts").out)
    assert planned["to_make"] == 2
    campaign_id = campaign(sheet=str(path), settings={}, action="pause")
    catalogue = catalogue_of(resources_of(load_settings()))
    first, second = (row.variant_id for row in catalogue.variants.of_campaign(campaign_id))
    fake_models.failures[first] = RuntimeError("out of order")
    campaign(campaign_id=campaign_id, settings={}, action="resume")
    rows = by_model()
    assert {row.variant_id: row.state for row in rows["starter"]} == {first: "failed", second: "published"}
    [used] = rows["starter-4step"]
    assert (used.parent_id, used.state, used.variant.prompt) == (first, "published", "a red ball")
    assert_the_files_show_the_fallback(capsys, campaign_id, path)
    record = json.loads(next((load_settings().home / "bucket").rglob(f"*{used.variant_id[:12]}*.json")).read_text())
    assert record["fallback_for"] == {"model": "starter", "variant_id": first, "reason": "out of order"}
    assert reelmill(capsys, "retry", campaign_id, "--failed").code == 0
    campaign(campaign_id=campaign_id, settings={})
    rows = by_model()
    assert [row.state for row in rows["starter-4step"]] == ["published"]
    assert {row.variant_id: row.state for row in rows["starter"]} == {first: "failed", second: "published"}


@pytest.mark.usefixtures("fake_models")
def test_a_hosted_model_without_a_key_is_replaced_before_the_run(capsys, tmp_path):
    path = tmp_path / "balls.csv"
    path.write_text("brief_id,prompt,model,fallback\nball,a red ball,runway-gen4.5,starter\n")
    assert reelmill(capsys, "run", path, "--json").code == 0
    rows = by_model()
    [refused], [used] = rows["runway-gen4.5"], rows["starter"]
    assert (refused.state, used.state, used.parent_id) == ("failed", "published", refused.variant_id)
    assert "Set REELMILL_PROVIDER_RUNWAY_KEY" in refused.error


@pytest.mark.usefixtures("fake_models")
def test_a_paused_account_only_holds_back_rows_without_a_fallback(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_REELMILL_KEY", "secret-of-a-test")
    catalogue_of(resources_of(load_settings())).provider_accounts.pause("reelmill", "money", "no credit")
    path = tmp_path / "balls.csv"
    path.write_text(
        "brief_id,prompt,model,fallback\na,a red ball,hosted-starter,starter\nb,a blue ball,hosted-starter,\n"
    )
    reelmill(capsys, "run", path)
    rows = by_model()
    assert {row.variant.prompt: row.state for row in rows["hosted-starter"]} == {
        "a red ball": "failed",
        "a blue ball": "planned",
    }
    assert [(row.variant.prompt, row.state) for row in rows["starter"]] == [("a red ball", "published")]


@pytest.mark.usefixtures("fake_models")
def test_without_a_fallback_a_missing_key_ends_the_run_before_anything_is_registered(capsys, tmp_path):
    path = tmp_path / "balls.csv"
    path.write_text(
        "brief_id,prompt,model,fallback\na,a red ball,runway-gen4.5,starter\nb,a blue ball,runway-gen4.5,\n"
    )
    answer = reelmill(capsys, "run", path)
    assert answer.code == 1
    assert "Set REELMILL_PROVIDER_RUNWAY_KEY" in answer.err
    assert catalogue_of(resources_of(load_settings())).campaigns.all() == []


def test_a_plan_shows_the_price_with_fallbacks_and_what_the_budget_does(capsys, tmp_path):
    path = tmp_path / "balls.csv"
    path.write_text("brief_id,prompt,model,fallback,variants\nball,a red ball,runway-gen4.5,runway-veo3.1,2\n")
    plan = json.loads(reelmill(capsys, "plan", path, "--budget", "2 USD", "--json").out)
    [line] = plan["prices"]
    [most] = line["with_fallbacks"]
    assert (line["fallbacks"], most["currency"]) == (["runway-veo3.1"], "USD")
    assert line["total_micros"] <= 2_000_000 < most["micros"]
    assert "over the budget of 2.00 USD. The run then stops" in plan["budget_note"]
    answer = reelmill(capsys, "plan", path, "--budget", "2 USD")
    assert answer.code == 0
    shown = " ".join(answer.err.split())
    assert f"Warning: {plan['budget_note']}" in shown
    assert "If fallback models are used, the total is at most" in answer.out
    assert json.loads(reelmill(capsys, "plan", path, "--budget", "100 USD", "--json").out)["budget_note"] == ""
