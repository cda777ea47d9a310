"""`reelmill alerts` on the command line."""

import json

import pytest
from cli_runner import reelmill
from webhook_server import Plan, webhook_server

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.runtime.resources import catalogue_of


@pytest.fixture
def catalogue(home):
    return catalogue_of(resources_of(load_settings()))


def test_no_alerts_yet(catalogue, capsys):
    assert reelmill(capsys, "alerts") == (0, "No alerts yet.\n", "")
    assert json.loads(reelmill(capsys, "alerts", "--json").out) == []


def test_alerts_are_listed_with_state_tries_and_last_error(catalogue, capsys, monkeypatch):
    monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", "https://hooks.example/x")
    for number in range(3):
        catalogue.alerts.add(f"{number}", "sweep", f"text [{number}]")
    sent, given_up, _ = catalogue.alerts.due()
    catalogue.alerts.mark_sent(sent)
    catalogue.alerts.mark_failed(given_up, "The webhook answered 404.", permanent=True)
    found = json.loads(reelmill(capsys, "alerts", "--json").out)
    assert [(each["text"], each["state"], each["tries"], each["last_error"]) for each in found] == [
        ("text [2]", "waiting", 0, ""),
        ("text [1]", "given up", 1, "The webhook answered 404."),
        ("text [0]", "sent", 1, ""),
    ]
    ended = reelmill(capsys, "alerts", "--limit", 2)
    assert ended.code == 0
    assert "text [2]" in ended.out
    assert "given up" in ended.out
    assert "text [0]" not in ended.out


def test_alerts_without_a_receiver_or_older_than_it_are_kept(catalogue, capsys, monkeypatch):
    catalogue.alerts.add("0", "sweep", "text 0")
    assert json.loads(reelmill(capsys, "alerts", "--json").out)[0]["state"] == "kept", (
        "an alert without a webhook is not kept"
    )
    with webhook_server() as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        assert json.loads(reelmill(capsys, "alerts", "--json").out)[0]["state"] == "waiting"
        assert catalogue.alerts.skip_older(-60.0) == 1
        assert "kept" in reelmill(capsys, "alerts").out
        assert reelmill(capsys, "alerts", "send").out == "Sent 1 of 1 alert.\n"
        assert receiver.texts == ["text 0"]


@pytest.mark.parametrize("status", [429, 500])
def test_a_failed_test_message_is_not_retried(catalogue, capsys, monkeypatch, status):
    with webhook_server(Plan(status, body="")) as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        ended = reelmill(capsys, "alerts", "test")
    assert (ended.code, ended.err) == (1, f"Error: The webhook responded with {status}. Run the command again later.\n")


def test_a_single_unsent_alert_is_singular(catalogue, capsys, monkeypatch):
    catalogue.alerts.add("0", "sweep", "text 0")
    with webhook_server(Plan(500)) as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        assert "1 alert could not be sent and is kept." in reelmill(capsys, "alerts", "send").err


def test_without_a_webhook_send_and_test_explain_how_to_set_one(catalogue, capsys):
    for word in ("send", "test"):
        ended = reelmill(capsys, "alerts", word)
        assert (ended.code, ended.out) == (1, "")
        assert "Set REELMILL_ALERT_WEBHOOK to its URL" in ended.err


def test_send_sends_waiting_and_given_up_alerts(catalogue, capsys, monkeypatch):
    for number in range(5):
        catalogue.alerts.add(f"{number}", "sweep", f"text {number}")
    for alert in catalogue.alerts.due()[:2]:
        catalogue.alerts.mark_failed(alert, "no", permanent=True)
    with webhook_server(Plan(), Plan(404, body="gone")) as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        ended = reelmill(capsys, "alerts", "send")
        assert ended.code == 1
        assert "4 alerts could not be sent and are kept. The webhook responded with 404 (gone)" in ended.err
        assert "sEcReT" not in ended.out + ended.err
    with webhook_server() as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        assert json.loads(reelmill(capsys, "alerts", "send", "--json").out) == {"sent": 4, "failed": 0, "left": 0}
        assert sorted(receiver.texts) == [f"text {number}" for number in range(1, 5)]
        assert reelmill(capsys, "alerts", "send").out == "No alerts to send.\n"


def test_a_test_message_is_sent_and_not_stored(catalogue, capsys, monkeypatch):
    with webhook_server(Plan(), Plan(403)) as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        ended = reelmill(capsys, "alerts", "test")
        assert ended.out.startswith("The webhook accepted the test message")
        assert receiver.texts[0].startswith("This is the test message")
        ended = reelmill(capsys, "alerts", "test")
        assert ended.code == 1
        assert "The webhook responded with 403" in ended.err
    assert catalogue.alerts.all() == []
