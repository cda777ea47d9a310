"""`reelmill models` with hosted models: state, price, and what is known and not confirmed."""

import json

import pytest
from cli_runner import reelmill
from hosted_samples import CARD, card_folder, hosted_card
from rich.cells import cell_len

from adapters.catalogue import open_catalogue
from app.hosted_facts import limits_text, price_lines, retention_text, short_price, time_text
from tasks.runtime.resources import close_resources

KEY = "key-of-acme-0123456789"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    cards = card_folder(
        tmp_path / "cards",
        {},
        {"name": "acme-video-0", "retired": "Acme closed it on 1 May 2026; use acme-video-1."},
        {"name": "own-video", "provider": "own", "costs_money": False, "prices": None},
        {"name": "other-video", "provider": "other", "prices": None},
    )
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(cards)]))
    close_resources()
    yield
    close_resources()


def row_of(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return [cell.strip() for cell in line.split("│")]


def test_the_list_shows_provider_price_and_state(capsys, monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_KEY", KEY)
    shown = reelmill(capsys, "models").out
    assert row_of(shown, "acme-video-1") == ["acme-video-1", "text", "acme", "0.12 USD/s", "ready"]
    assert row_of(shown, "acme-video-0")[-1] == "retired"
    assert row_of(shown, "own-video")[-2:] == ["free", "unknown"]
    assert row_of(shown, "other-video")[-2:] == ["not known", "no key"]
    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []
    assert "Stable Video Diffusion is available as the local model" in shown
    assert KEY not in shown


def test_a_paused_account_is_shown(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_KEY", KEY)
    (tmp_path / "home").mkdir()
    with open_catalogue(f"sqlite:///{tmp_path}/home/catalogue.sqlite") as catalogue:
        catalogue.provider_accounts.pause("acme", "money", "no credits")
    assert row_of(reelmill(capsys, "models").out, "acme-video-1")[-1] == "paused"


def test_validate_warns_of_a_mistyped_provider(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("REELMILL_PROVIDER_ACNE_KEY", KEY)
    (tmp_path / "sheet.csv").write_text("prompt\na red circle on a white background\n")
    warned = " ".join(reelmill(capsys, "validate", "sheet.csv").err.split())
    assert "Warning: The settings contain an account of acne" in warned
    assert "Did you mean acme?" in warned
    assert "account of acne" in json.loads(reelmill(capsys, "validate", "sheet.csv", "--json").out)["unready"][0]


def test_one_card_is_shown_with_all_that_is_known(capsys):
    shown = " ".join(reelmill(capsys, "models", "show", "acme-video-1").out.split())
    for words in (
        "State: no key. acme-video-1 needs an API key. Set REELMILL_PROVIDER_ACME_KEY,",
        "Provider: acme, model video-1, protocol runway",
        "Generates from: text",
        "Output: 5 or 10 s at 24 fps; 16:9 1280x720, with or without sound (requested without sound)",
        "Seed: used",
        "Negative prompt: not used",
        "Longest prompt: 1,000 characters",
        "720p: 0.12 USD a second As of 2026-11-01, not confirmed by a bill; source: https://acme.example/prices",
        "Account: 2 jobs at a time, 10 a minute; a job is overdue after 15 minutes",
        "The provider keeps files for: 24 hours",
        "An uncertain job is found in the provider's list of jobs",
        "The provider's Content Credential: signs its files",
        "Watermark: not known",
        "Not confirmed: whether failed jobs are billed",
    ):
        assert words in shown


def test_a_retired_card_names_another_one(capsys):
    shown = " ".join(reelmill(capsys, "models", "show", "acme-video-0").out.split())
    assert "State: retired. acme-video-0 is retired: Acme closed it on 1 May 2026; use acme-video-1." in shown
    assert "Price" not in shown


def test_programs_get_state_and_price_and_no_key(capsys, monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_KEY", KEY)
    out = reelmill(capsys, "models", "--json").out
    cards = {card["name"]: card for card in json.loads(out)}
    assert cards["acme-video-1"]["state"] == "ready"
    assert cards["acme-video-1"]["price"] == "0.12 USD/s"
    assert cards["acme-video-0"]["state"] == "retired"
    assert cards["acme-video-0"]["problem"].endswith("use acme-video-1.")
    assert "state" not in cards["starter"]
    assert json.loads(reelmill(capsys, "models", "show", "acme-video-1", "--json").out)["state"] == "ready"
    assert KEY not in out


@pytest.mark.parametrize(
    ("prices", "text"),
    [
        ({"per_second": {"720p": "0.05", "1080p": "0.125"}}, "0.05 USD/s"),
        ({"per_second": {"720p": "0.05", "any": "0.125"}}, "0.05–0.125 USD/s"),
        ({"per_clip": {"720p/5": "0.2", "720p/10": "0.40"}}, "0.20–0.40 USD/clip"),
        ({"per_second": {"any": "1"}}, "1.00 USD/s"),
        ({}, "not known"),
    ],
)
def test_a_price_is_short_in_the_list(prices, text):
    table = {"currency": "USD", "as_of": "2026-11-01", "source": "x", **prices}
    assert short_price(hosted_card(prices=table)) == text


def test_all_prices_are_listed_with_their_date():
    table = {**CARD["prices"], "per_clip": {"720p/5": "0.2"}, "least": "0.1", "confirmed": True}
    assert price_lines(hosted_card(prices=table)) == [
        "720p: 0.12 USD a second",
        "720p: 0.20 USD for 5 s",
        "at least 0.10 USD for a clip",
        "As of 2026-11-01, confirmed by a bill; source: https://acme.example/prices",
    ]
    assert price_lines(hosted_card(prices=None)) == ["Not known. See the provider's price list."]


def test_limits_and_times_are_words():
    assert limits_text(hosted_card(limits_of_account={"concurrency": 1, "per_day": 50})) == "1 job at a time, 50 a day"
    assert retention_text(hosted_card(retention_s=None)) == "not known"
    assert [time_text(each) for each in (90, 900, 86_400, 2_592_000)] == ["90 s", "15 minutes", "24 hours", "30 days"]
