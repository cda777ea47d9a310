"""`reelmill up`: every server answers, a new sheet becomes clips, dead programs restart, and no process remains."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from cli_runner import reelmill
from hostile_folder import imported, make_hostile

from adapters.catalogue import Catalogue
from adapters.child_python import isolated_environment
from adapters.listener import listen
from benchmarks.harness.postgres import free_port
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.runtime.resources import catalogue_of

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import s3_arrival

START_S = 240.0
END_S = 45.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Up:
    """A running `reelmill up`, with what it printed."""

    def __init__(self, home: Path, inbox: Path, **settings: str) -> None:
        self.home = home
        self.inbox = inbox
        self.port, self.prefect_port = free_port(), free_port()
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "REELMILL_"))
        }
        environment |= {
            "REELMILL_HOME": str(home),
            "REELMILL_WATCH": str(inbox),
            "REELMILL_WATCH_S": "1",
            **{
                name.upper() if name.startswith("prefect_") else f"REELMILL_{name.upper()}": value
                for name, value in settings.items()
            },
        }
        # As the program `reelmill` is started: the working directory is not on the import path.
        environment["PYTHONPATH"] = isolated_environment()["PYTHONPATH"]
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                "from app.cli.main import main; main()",
                "up",
                "--port",
                str(self.port),
                "--prefect-port",
                str(self.prefect_port),
            ],
            env=environment,
            cwd=inbox.parent / "work" if (inbox.parent / "work").is_dir() else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.seen: set[psutil.Process] = set()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def says(self, pattern: str, seconds: float = START_S) -> bool:
        return awaited(lambda: re.search(pattern, self.text), seconds)

    def everyone(self) -> set[psutil.Process]:
        """Return all processes so far, including ended ones, which `end` checks."""
        self.seen |= set(psutil.Process(self.process.pid).children(recursive=True))
        return self.seen

    def one(self, words: str) -> psutil.Process:
        [found] = [
            each
            for each in psutil.Process(self.process.pid).children(recursive=True)
            if words in " ".join(command_of(each))
        ]
        return found

    def status(self, port: int, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with closing(error):
                return error.code

    def status_or_none(self, port: int, path: str) -> int | None:
        with suppress(OSError):
            return self.status(port, path)
        return None

    @property
    def catalogue(self) -> Catalogue:
        return catalogue_of(resources_of(load_settings(home=self.home)))

    def end(self, number: int) -> int:
        self.everyone()
        self.process.send_signal(number)
        code = self.process.wait(END_S)
        _, alive = psutil.wait_procs(self.seen, END_S)
        assert alive == [], alive
        return code


def command_of(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):  # a zombie process has no command line
        return process.cmdline()
    return []


def awaited(found: Callable[[], Any], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (result := found()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return bool(result)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, prefect_home: Callable[[Path], Path]) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    (folder / "in").mkdir()
    make_hostile(folder / "work")
    running = Up(prefect_home(folder / "home"), folder / "in", sweep_cron="* * * * *")
    try:
        assert running.says("Everything is running."), running.text
        yield running
    finally:
        with suppress(psutil.NoSuchProcess):
            running.everyone()
        running.process.kill()
        running.process.wait(END_S)
        psutil.wait_procs(running.seen, END_S)


def test_every_server_answers_and_its_address_is_printed(up: Up):
    assert up.says(r"\[schedules\] sweep runs next at \d{4}-\d\d-\d\d \d\d:\d\d UTC"), up.text
    for said in (
        f"Dashboard: http://127.0.0.1:{up.port}",
        f"Metrics:   http://127.0.0.1:{up.port}/metrics",
        f"Prefect:   http://127.0.0.1:{up.prefect_port}",
        f"Watched:   {up.inbox}",
    ):
        assert said in up.text
    assert up.status(up.port, "/signin") == 200
    assert up.status(up.port, "/metrics") == 200
    assert up.status(up.prefect_port, "/api/health") == 200


def test_prefects_server_requires_its_password(up: Up):
    assert up.status(up.prefect_port, "/api/admin/version") == 401
    assert (up.home / "prefect.password").stat().st_mode & 0o077 == 0
    assert (up.home / "prefect.password").read_text() not in up.text


def test_no_other_web_page_may_read_the_answers_of_prefects_server(up: Up):
    url = f"http://127.0.0.1:{up.prefect_port}/api/health"

    def allowed(origin: str) -> str | None:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Origin": origin}), timeout=10) as answer:
            return answer.headers["access-control-allow-origin"]

    own = f"http://localhost:{up.prefect_port}"
    assert (allowed("http://attacker.example"), allowed(own)) == (None, own)


def test_the_servers_listen_on_loopback_only(up: Up):
    listening = {
        connection.laddr.ip
        for process in up.everyone()
        for connection in _connections(process)
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1"}


def _connections(process: psutil.Process) -> list[Any]:
    with suppress(psutil.NoSuchProcess):
        return process.net_connections("tcp")
    return []


def test_a_dropped_sheet_becomes_published_clips(up: Up):
    (up.inbox / "spring.csv").write_text("brief_id,prompt,variants\ncircle,a red circle on a white background,2\n")
    receipt = up.inbox / "spring.csv.receipt.json"
    assert awaited(receipt.is_file, 60), up.text
    answer = json.loads(receipt.read_text())
    assert answer["state"] == "accepted"
    assert answer["link"].startswith(f"http://127.0.0.1:{up.port}/campaigns/")
    assert up.status(up.port, answer["link"].partition(str(up.port))[2]) in (200, 303, 401)
    assert awaited(lambda: up.catalogue.progress.tally(answer["campaign"]).get("published", 0) == 2, 180), up.text
    assert imported(up.inbox.parent / "work") == [], "the user's own modules are not imported"


def test_no_other_user_can_read_the_home(up: Up):
    public = up.home / "prefect" / "ui"  # the static files of Prefect's pages
    assert up.home.stat().st_mode & 0o077 == 0
    found = [each for each in up.home.rglob("*") if not each.is_symlink() and public not in (each, *each.parents)]
    assert [each for each in found if mode_of(each) & 0o077] == []


def mode_of(path: Path) -> int:
    with suppress(FileNotFoundError):  # the programs that run delete files
        return path.lstat().st_mode
    return 0


def test_an_arrival_event_starts_the_watch_flow_at_once(up: Up, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{up.prefect_port}/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", (up.home / "prefect.password").read_text())
    event = {"Records": [{"s3": {"bucket": {"name": "sheets"}}}]}

    def is_started() -> bool:  # the server loads its automations some time after it starts, so the event is repeated
        return s3_arrival.handler(event) == 1 and up.says(r"Beginning flow run '[\w-]+' for flow 'watch'", 5)

    assert awaited(is_started, 60), up.text


def test_a_scheduled_flow_runs(up: Up):
    assert up.says(r"Beginning flow run '[\w-]+' for flow 'sweep'", 150), up.text


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("app.cli.main review", "dashboard"),
        ("flows.watch", "watcher"),
        ("flows.prefect.deployments", "schedules"),
        ("flows.prefect.server", "prefect"),
    ],
)
def test_a_killed_program_is_restarted(up: Up, words: str, name: str):
    before = up.one(words)
    below = before.children(recursive=True)
    before.kill()
    for port in (up.port, up.prefect_port):
        with pytest.raises(OSError, match="in use"):  # not even then can another user answer in its place
            listen(port)
    assert up.says(rf"\[{name}\] was killed by signal 9; restarting in \d+ s", 20), up.text
    assert awaited(lambda: _other(up, words, before), 60), up.text
    assert psutil.wait_procs(below, 20)[1] == []
    assert awaited(lambda: _is_up(up), 120)


def _other(up: Up, words: str, before: psutil.Process) -> bool:
    with suppress(ValueError, psutil.NoSuchProcess):
        return up.one(words) != before
    return False


def _is_up(up: Up) -> bool:
    with suppress(OSError):
        return up.status(up.port, "/signin") == up.status(up.prefect_port, "/api/health") == 200
    return False


@pytest.fixture
def refused(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call ``reelmill up`` in this process with options and settings that it refuses; return its message."""

    def supervised(*_: object) -> int:
        raise AssertionError("up started its programs")

    def called(*options: object, **settings: object) -> str:
        monkeypatch.setattr("app.cli.commands.up.run_supervised", supervised)
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(f"REELMILL_{name.upper()}", str(value))
        ended = reelmill(capsys, "up", *options)
        assert ended.code == 1
        return " ".join(ended.err.split())

    return called


def test_a_second_up_in_the_same_home_is_refused(up: Up, refused):
    assert "Another `reelmill up` is running in" in refused(home=up.home)


def test_a_port_in_use_is_refused(up: Up, refused):
    message = refused("--port", up.port)
    assert f"Port {up.port} is in use" in message
    assert "--port" in message


def test_the_same_port_for_both_servers_is_refused(refused):
    port = free_port()
    assert f"cannot both use port {port}" in refused("--port", port, "--prefect-port", port)


def test_up_waits_for_an_external_server_that_does_not_answer(tmp_path: Path):
    (tmp_path / "in").mkdir()
    away = f"http://me:correcthorse@127.0.0.1:{free_port()}/api"
    waiting = Up(tmp_path / "home", tmp_path / "in", prefect_api_url=away)
    try:
        assert waiting.says(r"\[schedules\] waiting for Prefect's server at http://127.0.0.1:\d+/api", 90), waiting.text
        assert awaited(lambda: waiting.status_or_none(waiting.port, "/signin") == 200, 90), waiting.text
        assert "Everything is running." not in waiting.text
        assert "correcthorse" not in waiting.text
    finally:
        assert waiting.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stock_until": "half past six"}, "'half past six' is not a valid time of day"),
        ({"stock": "nothing.csv"}, "There is no stock sheet 'nothing.csv'"),
    ],
)
def test_a_nightly_run_that_cannot_start_is_reported_at_once(refused, wrong: dict[str, str], message: str):
    good = Path(__file__).parents[2] / "examples" / "stock.csv"
    assert message in refused(**{"stock": good, **wrong})


def test_a_wrong_schedule_is_refused(refused):
    assert "'every day' is not a valid cron expression. Set REELMILL_SWEEP_CRON" in refused(sweep_cron="every day")


def test_sigterm_leaves_no_process(up: Up):
    begun = up.text.count("for flow 'campaign'")
    (up.inbox / "summer.csv").write_text("brief_id,prompt,variants\ncircle,a blue circle on a white background,40\n")
    assert awaited(lambda: up.text.count("for flow 'campaign'") > begun, 120), up.text
    before = len(up.lines)
    assert up.end(signal.SIGTERM) == 0
    up._reader.join(10)
    assert [line for line in up.lines[before:] if "Traceback" in line or "never retrieved" in line] == []


def test_sigkill_leaves_no_process_and_the_next_start_resumes(tmp_path: Path, prefect_home: Callable[[Path], Path]):
    (tmp_path / "in").mkdir()
    first = Up(prefect_home(tmp_path / "home"), tmp_path / "in")
    try:
        assert first.says("Everything is running."), first.text
        (first.inbox / "summer.csv").write_text(
            "brief_id,prompt,variants\ncircle,a blue circle on a white background,40\n"
        )
        assert first.says(r"for flow 'campaign'"), first.text
        [campaign] = [row.campaign_id for row in first.catalogue.campaigns.all() if row.name == "summer"]
        first.end(signal.SIGKILL)
        states = first.catalogue.progress.tally(campaign)
        assert sum(states.values()) == 40
        second = Up(first.home, first.inbox)
        try:
            assert second.says(r"for flow 'campaign'"), second.text
        finally:
            assert second.end(signal.SIGINT) == 0
    finally:
        first.process.kill()
