"""The webhook with a real receiver: accepted, rejected, delayed and hanging messages; the URL is never shown."""

import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from webhook_server import PATH, Plan, webhook_server

from adapters.notify.webhook import ACCEPTED, MAX_RETRY_AFTER_S, Webhook, retry_after_s
from manifests.errors import SettingsError


def test_a_message_arrives_in_slacks_format():
    with webhook_server() as receiver:
        assert Webhook(receiver.url).post("Spring is *finished* – 3 clips ☂") == ACCEPTED
    assert receiver.texts == ["Spring is *finished* – 3 clips ☂"]
    assert receiver.paths == [PATH]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 451])
def test_client_errors_are_permanent(status):
    with webhook_server(Plan(status, body="no_service")) as receiver:
        answer = Webhook(receiver.url).post("text")
    assert answer.is_permanent
    assert answer.error == f"The webhook responded with {status} (no_service). Check REELMILL_ALERT_WEBHOOK."


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_transient_errors_are_retried(status):
    with webhook_server(Plan(status, {"Retry-After": "17"}, "")) as receiver:
        answer = Webhook(receiver.url).post("text")
    assert answer == (f"The webhook responded with {status}. It is sent again later.", 17.0, False)


def test_a_page_of_html_and_control_characters_are_not_repeated():
    with webhook_server(Plan(500, body="<html>boom</html>"), Plan(500, body="a\x1b[31mb" + "x" * 1000)) as receiver:
        webhook = Webhook(receiver.url)
        assert webhook.post("text").error == "The webhook responded with 500. It is sent again later."
        assert webhook.post("text").error == "The webhook responded with 500. It is sent again later."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status):
    with webhook_server() as elsewhere, webhook_server(Plan(status, {"Location": elsewhere.url})) as receiver:
        answer = Webhook(receiver.url).post("text")
    assert f"the redirect {status}, which is not followed" in answer.error
    assert not answer.is_permanent
    assert elsewhere.paths == []


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_slow_receiver_does_not_block_the_sender(how):
    with webhook_server(Plan(how=how)) as receiver:
        began = time.monotonic()
        answer = Webhook(receiver.url, timeout_s=0.5).post("text")
        assert time.monotonic() - began < 30
    assert answer == ("The webhook did not respond within 0.5 s. Check that its host is up.", 0.0, False)


def test_a_refused_connection():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answer = Webhook(f"http://127.0.0.1:{port}{PATH}").post("text")
    assert answer.error.startswith("The webhook cannot be reached (ConnectError)")
    assert not answer.is_permanent


def test_a_receiver_without_tls():
    with webhook_server() as receiver:
        answer = Webhook(receiver.url.replace("http://", "https://"), timeout_s=5).post("text")
    assert answer.error.startswith("The webhook cannot be")
    assert not answer.is_permanent


@pytest.mark.parametrize(
    "url", ["", "hooks.slack.com/services/x", "ftp://host/x", "https://", "https://[::1/x", "file:///etc/passwd"]
)
def test_an_invalid_url_is_reported_without_the_url(url):
    with pytest.raises(SettingsError, match="Fix REELMILL_ALERT_WEBHOOK") as told:
        Webhook(url)
    assert not url or url not in str(told.value).replace("https://host/path", "")


def test_the_url_appears_in_no_log_repr_or_error(caplog):
    caplog.set_level(logging.DEBUG)
    with webhook_server(Plan(404), Plan(how="hang"), Plan()) as receiver:
        webhook = Webhook(receiver.url, timeout_s=0.5)
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
        ("9" * 5000, MAX_RETRY_AFTER_S),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        ("0", 0),
    ],
)
def test_retry_after(header, seconds):
    assert retry_after_s(header) == seconds


def test_retry_after_with_a_date():
    assert 50 < retry_after_s(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)) <= 60
