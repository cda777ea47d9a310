"""What `reelmill run` refuses or says before a campaign is registered."""

import json

import pytest
from cli_runner import reelmill
from hosted_samples import CARD, card_folder

from flows import registration
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.submit import submit
from models.registry import HOME
from tasks.runtime.resources import catalogue_of, close_resources


@pytest.fixture
def sheet(tmp_path, monkeypatch):
    """A sheet of one clip of acme-video-1; there are other cards of acme, and none of them has a key."""
    retired = {"name": "acme-video-0", "retired": "Acme closed it. Use acme-video-1."}
    folder = card_folder(tmp_path / "cards", {}, {"name": "acme-video-2"}, retired)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    monkeypatch.setenv("REELMILL_MODEL", "acme-video-1")
    monkeypatch.setattr(registration, "weights_problem", lambda *_: None)
    (tmp_path / "s.csv").write_text("prompt,variants\na red ball,1\n")
    close_resources()
    yield tmp_path / "s.csv"
    close_resources()


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def with_key(monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_KEY", "key-of-acme-0123456789")
    close_resources()


def register(sheet, **overrides):
    settings = load_settings(**overrides)
    return submit(settings, resources_of(settings), sheet).campaign_id


def changes_in_the_log(name: str) -> list[str]:
    entries = [each for each in catalogue().audit.entries() if each.action == "settings"]
    return [each.detail[name] for each in entries if name in each.detail]


def refusal(capsys, sheet, *words) -> str:
    ended = reelmill(capsys, "run", sheet, *words)
    assert ended.code == 1
    assert catalogue().campaigns.all() == []
    return " ".join(ended.err.split())


def test_a_run_without_a_key_registers_nothing(sheet, capsys):
    assert "Set REELMILL_PROVIDER_ACME_KEY, or" in refusal(capsys, sheet)


def test_a_run_of_a_paused_account_registers_nothing(sheet, capsys, monkeypatch):
    with_key(monkeypatch)
    catalogue().provider_accounts.pause("acme", "money", "no credits")
    assert "the account of acme is paused: no credits." in refusal(capsys, sheet)


def test_a_run_over_its_budget_registers_nothing(sheet, capsys, monkeypatch):
    with_key(monkeypatch)
    assert "which is over the budget of 0.10 USD" in refusal(capsys, sheet, "--budget", "0.10 USD")


def test_a_run_without_weights_registers_nothing(sheet, capsys, monkeypatch):
    with_key(monkeypatch)
    monkeypatch.setattr(registration, "weights_problem", lambda card, *_: f"The weights of {card.name} are missing.")
    assert "The weights of starter-openclip are missing." in refusal(capsys, sheet)


def test_a_fallback_that_can_be_used_is_enough(sheet, capsys):
    sheet.write_text("prompt,variants,fallback\na red ball,1,starter\n")
    settings = load_settings()
    assert submit(settings, resources_of(settings), sheet, will_run=True).campaign_id


def test_clips_that_another_campaign_has_need_no_key(sheet, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_SHARE_CLIPS", "true")
    campaign_id = register(sheet)
    [row] = catalogue().variants.of_campaign(campaign_id)
    [lease] = catalogue().leases.acquire([row.variant_id], "worker", 60.0, attempts_cap=5, campaign_id=campaign_id)
    catalogue().results.mark_failed(lease, "no clip")
    other = tmp_path / "other.csv"
    other.write_text("prompt,variants,campaign\na red ball,1,again\n")
    settings = load_settings()
    again = submit(settings, resources_of(settings), other, will_run=True).campaign_id
    assert again != campaign_id
    assert [each.variant_id for each in catalogue().variants.of_campaign(again)] == [row.variant_id]


def test_a_registered_campaign_is_kept_if_a_later_run_is_refused(sheet, capsys):
    campaign_id = register(sheet)
    assert reelmill(capsys, "run", sheet).code == 1
    assert [row.campaign_id for row in catalogue().campaigns.all()] == [campaign_id]


def test_another_model_is_named_before_the_run_and_in_the_record(sheet, capsys, caplog):
    campaign_id = register(sheet)
    sentence = (
        f"The campaign {campaign_id} was registered with the model acme-video-1. This run adds clips of acme-video-2 "
        "to it; the clips of acme-video-1 remain in it."
    )
    planned = reelmill(capsys, "plan", sheet, "--model", "acme-video-2")
    assert " ".join(planned.err.split()).count(sentence) == 1
    as_json = json.loads(reelmill(capsys, "plan", sheet, "--model", "acme-video-2", "--json").out)
    assert any(sentence in each for each in as_json["waiting"])
    assert register(sheet, model="acme-video-2") == campaign_id
    assert sentence in caplog.text
    assert changes_in_the_log("model") == ["acme-video-2, before acme-video-1"]
    assert {row.variant.card for row in catalogue().variants.of_campaign(campaign_id)} == {
        "acme-video-1",
        "acme-video-2",
    }


def test_the_advice_about_another_model_works(sheet, tmp_path):
    campaign_id = register(sheet)
    sheet.write_text("prompt,variants,model\na red ball,1,acme-video-2\n")
    assert register(sheet) != campaign_id


def test_the_same_settings_are_no_change(sheet, capsys, caplog):
    register(sheet)
    register(sheet)
    assert "was registered with" not in caplog.text
    sheet.write_text("prompt,variants,model\na red ball,1,acme-video-1\n")
    register(sheet)
    register(sheet, model="acme-video-2")  # each row has its own model
    assert "was registered with the model" not in caplog.text


def test_another_profile_is_named(sheet, caplog):
    campaign_id = register(sheet, model="starter")
    register(sheet, model="starter", profile="fast")
    assert f"The campaign {campaign_id} was registered with the profile exact." in caplog.text
    assert changes_in_the_log("profile") == ["fast, before exact"]


LACKS = "has no profile fast, so its clips are generated with the profile exact. Its profiles are: exact."


def test_a_profile_that_a_card_lacks_is_named(sheet, capsys, tmp_path, monkeypatch):
    content = json.loads((HOME / "cards" / "starter.json").read_text())
    content.pop("profiles")
    (tmp_path / "cards" / "plain.json").write_text(json.dumps({**content, "name": "plain", "vocabulary": None}))
    monkeypatch.setenv("REELMILL_MODEL", "plain")
    monkeypatch.setenv("REELMILL_PROFILE", "fast")
    for words in (("validate", sheet), ("plan", sheet)):
        shown = " ".join(reelmill(capsys, *words).err.split())
        assert shown.count(f"Warning: plain {LACKS}") == 1
    assert any(LACKS in each for each in json.loads(reelmill(capsys, "validate", sheet, "--json").out)["unready"])
    campaign_id = register(sheet)
    [row] = catalogue().variants.of_campaign(campaign_id)
    assert row.variant.profile == "exact"
    assert "has no profile" not in reelmill(capsys, "validate", sheet, "--model", "starter").err
    assert "has no profile" not in reelmill(capsys, "validate", sheet, "--model", CARD["name"]).err
