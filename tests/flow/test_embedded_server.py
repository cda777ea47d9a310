"""Prefect's server ends with the command that started it, even if the command is killed."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from flows.prefect import embedded_server
from flows.prefect.embedded_server import prefect_server
from manifests.errors import ReelmillError

HOLD = """
import os, sys
from pathlib import Path
from flows.settings import prepare_prefect
from flows.prefect import embedded_server
from flows.prefect.embedded_server import prefect_server
home = Path(sys.argv[1])
prepare_prefect(home)
with prefect_server(home):
    print(os.environ["PREFECT_API_URL"], flush=True)
    sys.stdin.read()
"""


ASK = """
    from prefect.client.orchestration import get_client
    with get_client(sync_client=True) as client:
        print(client.hello().status_code, flush=True)
"""
PROXIES = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "socks5h://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "NO_PROXY": "[::1],fd00::/8",
}


@pytest.fixture
def held(tmp_path: Path, prefect_home: Callable[[Path], Path]):
    """A process that runs a server, with the URL of the server."""
    home = prefect_home(tmp_path / "home")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, home],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    yield process, process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def is_reachable(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):
        return True
    return False


def is_gone_within(url: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_reachable(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not is_reachable(url)


@pytest.mark.parametrize("sent", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_the_server_ends_with_its_parent(held, sent):
    process, url = held
    assert is_reachable(url)
    process.send_signal(sent)
    process.wait(timeout=30)
    assert is_gone_within(url, 10)


@pytest.mark.slow
def test_the_server_is_used_without_the_proxies_of_the_environment(tmp_path, prefect_home):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | PROXIES
    ended = subprocess.run(
        [sys.executable, "-c", HOLD + ASK, prefect_home(tmp_path / "home")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
        timeout=120,
    )
    assert (ended.returncode, ended.stdout.split()[1:]) == (0, ["200"]), ended.stderr


def test_the_operators_own_server_takes_precedence(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with prefect_server(tmp_path):
        assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:9/api"
    assert not (tmp_path / "prefect-server.log").exists()


def test_other_work_is_done_while_the_server_starts(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(embedded_server, "PYTHON", ("/bin/false",))
    known = []
    with (
        pytest.raises(ReelmillError),
        prefect_server(tmp_path, lambda: known.extend(os.environ[name] for name in embedded_server.CREDENTIALS)),
    ):
        pytest.fail("the server started")
    assert [value.split(":")[0] for value in known] == ["http", "admin"]
    assert "PREFECT_API_URL" not in os.environ


def test_nothing_is_done_early_if_there_is_no_server_to_start(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with prefect_server(tmp_path, lambda: pytest.fail("called")):
        pass


def test_a_server_that_does_not_start_is_reported_with_its_log(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(embedded_server, "PYTHON", ("/bin/false",))
    with (
        pytest.raises(ReelmillError, match=r"did not start; see .*prefect-server\.log for the reason"),
        prefect_server(tmp_path),
    ):
        pytest.fail("the server started")
