"""A provider's key reaches its provider and nothing else: no output, log, error, parameter or child process."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cli_runner import reelmill
from hosted_samples import card_folder
from provider_job_samples import job_in
from sealed_catalogue import open_home

from adapters.child_environment import computing_environment
from flows.runtime.logs import prepare_logs
from flows.settings import load_settings
from manifests.hosted.job import JobState
from tasks.doctor.check import Finding
from tasks.runtime.resources import close_resources

KEY = "key-of-acme-0123456789abcdef"


class Provider:
    """A server that answers with a status, and repeats the key in its answer, as careless servers do."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[tuple[str, str]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append((self.command, self.headers.get("Authorization", "")))
                body = json.dumps({"error": f"no such key: {self.headers.get('Authorization')}"}).encode()
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def provider() -> Iterator[Provider]:
    opened = Provider()
    yield opened
    opened.close()


@pytest.fixture
def home(tmp_path, monkeypatch, provider):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(card_folder(tmp_path / "cards", {}))]))
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_URL", provider.url)
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_KEY", KEY)
    monkeypatch.setattr("tasks.doctor.checks.check_devices", lambda *_: Finding("ok", "cpu."))
    (tmp_path / "home").mkdir()
    close_resources()
    yield tmp_path / "home"
    close_resources()


def finding(capsys, name: str) -> dict[str, str]:
    out = reelmill(capsys, "doctor", "--json").out
    assert KEY not in out
    (found,) = [each for each in json.loads(out)["findings"] if each["check"] == name]
    return found


def test_doctor_sends_the_key_once_and_never_shows_it(home, provider, capsys):
    found = finding(capsys, "provider acme")
    assert (found["level"], "The provider accepts the key." in found["message"]) == ("ok", True)
    assert provider.asked == [("GET", f"Bearer {KEY}")]
    provider.status = 401
    found = finding(capsys, "provider acme")
    assert (found["level"], found["message"]) == ("fail", "The provider refused the key (401).")
    assert found["fix"] == "Set REELMILL_PROVIDER_ACME_KEY to a valid key."


def test_doctor_sends_nothing_without_a_key(home, provider, capsys, monkeypatch):
    monkeypatch.delenv("REELMILL_PROVIDER_ACME_KEY")
    assert finding(capsys, "provider acme")["level"] == "fail"
    assert provider.asked == []


def test_doctor_sends_no_key_without_tls(home, provider, capsys, monkeypatch):
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_URL", "http://api.acme.example")
    found = finding(capsys, "provider acme")
    assert (found["level"], "is not encrypted" in found["message"]) == ("fail", True)


def test_no_command_shows_the_key(home, provider, capsys):
    with open_home(home) as catalogue:
        job = job_in(catalogue, JobState.SUBMITTED, provider="acme", card="acme-video-1").job_id
    close_resources()
    provider.status = 500
    (home.parent / "sheet.csv").write_text("prompt,model\na red cup,acme-video-1\n")
    for words in (
        ["models", "--json"],
        ["models", "show", "acme-video-1", "--json"],
        ["providers", "list", "--json"],
        ["jobs", "list", "--state", "all", "--json"],
        ["jobs", "show", job, "--json"],
        ["jobs", "cancel", job, "--yes"],
        ["validate", "sheet.csv", "--json"],
        ["plan", "sheet.csv", "--json"],
        ["status", "--json"],
    ):
        ended = reelmill(capsys, *words)
        assert KEY not in ended.out + ended.err, words
        assert ended.out + ended.err, words


def test_a_header_that_cannot_be_sent_is_an_error_without_the_key(home, provider, capsys, monkeypatch):
    secret = "key-of-acme\nX-Injected: 1"
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_KEY", secret)
    found = finding(capsys, "provider acme")
    assert found["level"] in ("warn", "fail")
    assert "X-Injected" not in json.dumps(found)
    assert provider.asked == []


def test_the_key_is_redacted_in_logs_and_tracebacks(home, caplog):
    prepare_logs(load_settings())
    log = logging.getLogger("adapters.hosted.test")
    try:
        raise ValueError(f"Authorization: Bearer {KEY}")
    except ValueError:
        log.exception("The request with %s failed.", KEY)
    text = caplog.text + "".join(record.getMessage() + (record.exc_text or "") for record in caplog.records)
    assert "failed" in text
    assert KEY not in text


def test_children_that_compute_get_no_key():
    environment = {"REELMILL_PROVIDER_ACME_KEY": KEY, "REELMILL_PROVIDER_ACME_KEY_FILE": "/run/key", "PATH": "/bin"}
    assert computing_environment(environment) == {"PATH": "/bin"}


def test_validate_and_plan_name_the_variable_to_set(home, capsys, monkeypatch):
    monkeypatch.delenv("REELMILL_PROVIDER_ACME_KEY")
    close_resources()
    (home.parent / "sheet.csv").write_text("prompt,model\na red cup,acme-video-1\n")
    sentence = "acme-video-1 needs an API key. Set REELMILL_PROVIDER_ACME_KEY,"
    for command in ("validate", "plan"):
        ended = reelmill(capsys, command, "sheet.csv")
        assert ended.code == 0
        assert sentence in " ".join(ended.err.split())
    assert sentence in json.loads(reelmill(capsys, "validate", "sheet.csv", "--json").out)["unready"][0]
    assert sentence in json.loads(reelmill(capsys, "plan", "sheet.csv", "--json").out)["waiting"][0]
