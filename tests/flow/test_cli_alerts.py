"""`reelmill alerts` as a person calls it."""

import json

import pytest
from cli_runner import reelmill
from webhook_server import Plan, webhook_server

from flows.settings import load_settings
from flows.wiring import wiring_of
from tasks.wiring import catalogue_of


@pytest.fixture
def catalogue(home):
    return catalogue_of(wiring_of(load_settings()))


def test_none_yet(catalogue, capsys):
    assert reelmill(capsys, "alerts") == (0, "No alert yet.\n", "")
    assert json.loads(reelmill(capsys, "alerts", "--json").out) == []


def test_they_are_listed_with_their_state_tries_and_last_error(catalogue, capsys):
    for number in range(3):
        catalogue.add_alert(f"{number}", "sweep", f"text [{number}]")
    sent, given_up, _ = catalogue.due_alerts()
    catalogue.alert_sent(sent)
    catalogue.alert_failed(given_up, "The webhook answered 404.", for_good=True)
    found = json.loads(reelmill(capsys, "alerts", "--json").out)
    assert [(each["text"], each["state"], each["tries"], each["last_error"]) for each in found] == [
        ("text [2]", "waiting", 0, ""), ("text [1]", "given up", 1, "The webhook answered 404."),
        ("text [0]", "sent", 0, "")]
    ended = reelmill(capsys, "alerts", "--limit", 2)
    assert ended.code == 0
    assert "text [2]" in ended.out
    assert "given up" in ended.out
    assert "text [0]" not in ended.out


def test_without_a_webhook_both_say_how_to_set_one(catalogue, capsys):
    for word in ("send", "test"):
        ended = reelmill(capsys, "alerts", word)
        assert (ended.code, ended.out) == (1, "")
        assert "set REELMILL_ALERT_WEBHOOK to its URL" in ended.err


def test_send_sends_what_waits_and_what_was_given_up(catalogue, capsys, monkeypatch):
    for number in range(5):
        catalogue.add_alert(f"{number}", "sweep", f"text {number}")
    for alert in catalogue.due_alerts()[:2]:
        catalogue.alert_failed(alert, "no", for_good=True)
    with webhook_server(Plan(), Plan(404, body="gone")) as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        ended = reelmill(capsys, "alerts", "send")
        assert ended.code == 1
        assert "4 alerts could not be sent and are kept. The webhook answered 404 (gone)" in ended.err
        assert "sEcReT" not in ended.out + ended.err
    with webhook_server() as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        assert json.loads(reelmill(capsys, "alerts", "send", "--json").out) == {"sent": 4, "failed": 0, "left": 0}
        assert sorted(receiver.texts) == [f"text {number}" for number in range(1, 5)]
        assert reelmill(capsys, "alerts", "send").out == "No alert waits.\n"


def test_a_test_message(catalogue, capsys, monkeypatch):
    with webhook_server(Plan(), Plan(403)) as receiver:
        monkeypatch.setenv("REELMILL_ALERT_WEBHOOK", receiver.url)
        ended = reelmill(capsys, "alerts", "test")
        assert ended.out.startswith("The webhook has taken the test message")
        assert receiver.texts[0].startswith("Reelmill can reach you here")
        ended = reelmill(capsys, "alerts", "test")
        assert ended.code == 1
        assert "The webhook answered 403" in ended.err
    assert catalogue.alerts() == []
