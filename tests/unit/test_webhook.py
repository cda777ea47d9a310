"""The webhook against a real receiver: taken, refused, told to wait, hanging, and never named anywhere."""

import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from webhook_server import PATH, Plan, webhook_server

from adapters.notify.webhook import LONGEST_REST_S, TAKEN, Webhook, rest_s
from manifests.errors import SettingsError


def test_a_message_arrives_as_slack_takes_it():
    with webhook_server() as receiver:
        assert Webhook(receiver.url).post("Spring is *finished* – 3 clips ☂") == TAKEN
    assert receiver.texts == ["Spring is *finished* – 3 clips ☂"]
    assert receiver.paths == [PATH]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 451])
def test_what_a_client_did_wrong_never_will_work(status):
    with webhook_server(Plan(status, body="no_service")) as receiver:
        answer = Webhook(receiver.url).post("text")
    assert answer.for_good
    assert answer.error == f"The webhook answered {status} (no_service); check REELMILL_ALERT_WEBHOOK."


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status):
    with webhook_server(Plan(status, {"Retry-After": "17"}, "")) as receiver:
        answer = Webhook(receiver.url).post("text")
    assert answer == (f"The webhook answered {status}; it is tried again later.", 17.0, False)


def test_a_page_of_html_and_control_characters_are_not_repeated():
    with webhook_server(Plan(500, body="<html>boom</html>"), Plan(500, body="a\x1b[31mb" + "x" * 1000)) as receiver:
        webhook = Webhook(receiver.url)
        assert webhook.post("text").error == "The webhook answered 500; it is tried again later."
        assert webhook.post("text").error == "The webhook answered 500; it is tried again later."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_nowhere(status):
    with webhook_server() as elsewhere, webhook_server(Plan(status, {"Location": elsewhere.url})) as receiver:
        answer = Webhook(receiver.url).post("text")
    assert "a redirect, which is not followed" in answer.error
    assert not answer.for_good
    assert elsewhere.paths == []


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_no_receiver_holds_the_sender(how):
    with webhook_server(Plan(how=how)) as receiver:
        began = time.monotonic()
        answer = Webhook(receiver.url, whole_s=0.5).post("text")
        assert time.monotonic() - began < 5
    assert answer == ("The webhook did not answer within 0.5 s; is its host up?", 0.0, False)


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answer = Webhook(f"http://127.0.0.1:{port}{PATH}").post("text")
    assert answer.error.startswith("The webhook cannot be reached (ConnectError)")
    assert not answer.for_good


def test_a_receiver_that_speaks_no_tls():
    with webhook_server() as receiver:
        answer = Webhook(receiver.url.replace("http://", "https://"), whole_s=5).post("text")
    assert answer.error.startswith("The webhook cannot be")
    assert not answer.for_good


@pytest.mark.parametrize(
    "url", ["", "hooks.slack.com/services/x", "ftp://host/x", "https://", "https://[::1/x", "file:///etc/passwd"]
)
def test_a_setting_that_is_no_url_is_told_without_it(url):
    with pytest.raises(SettingsError, match="mend REELMILL_ALERT_WEBHOOK") as told:
        Webhook(url)
    assert not url or url not in str(told.value).replace("https://host/path", "")


def test_its_url_is_in_no_log_no_repr_and_no_error(caplog):
    caplog.set_level(logging.DEBUG)
    with webhook_server(Plan(404), Plan(how="hang"), Plan()) as receiver:
        webhook = Webhook(receiver.url, whole_s=0.5)
        said = [repr(webhook), *(webhook.post("text").error for _ in range(3))]
    assert "sEcReT" not in " ".join([*said, caplog.text])
    assert said[-1] == ""


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("120", 120),
        (" 7 ", 7),
        ("-5", 0),
        ("soon", 0),
        ("1.5", 0),
        ("٣", 0),
        ("9" * 5000, LONGEST_REST_S),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_REST_S),
        ("0", 0),
    ],
)
def test_how_long_a_receiver_wants_to_be_left_alone(header, seconds):
    assert rest_s(header) == seconds


def test_a_date_to_wait_for():
    assert 50 < rest_s(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)) <= 60
