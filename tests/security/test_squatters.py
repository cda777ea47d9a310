"""Another user binds the port of a server that is starting, to receive the password that is sent to it."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cli_runner import reelmill

from adapters.listener import listen, port_of
from app.cli.commands.up import running_server
from benchmarks.harness.postgres import free_port
from flows.prefect.embedded_server import prefect_server


def squats(port: int) -> bool:
    """Return whether a squatter can listen on a port."""
    for host in ("127.0.0.1", "0.0.0.0"):
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            with socket.socket() as squatter:
                try:
                    squatter.setsockopt(socket.SOL_SOCKET, option, 1)
                    squatter.bind((host, port))
                    squatter.listen()
                except OSError:
                    continue
                return True
    return False


@pytest.fixture
def no_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("PREFECT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = dict(os.environ)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    os.environ.clear()  # the command adds settings of Prefect
    os.environ.update(before)


class _StartedError(Exception):
    """Ends the command under test once its server would have been started."""


@pytest.mark.usefixtures("no_prefect")
def test_the_port_of_the_server_of_a_run_cannot_be_bound_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = []

    def start(command: object, *, env: Mapping[str, str], **_: object) -> None:
        origin = env["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"].partition(",")[0]
        found.append(squats(int(urlsplit(origin).port or 0)))
        raise _StartedError

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(_StartedError), prefect_server(tmp_path):
        pytest.fail("the server started")
    assert found == [False]


def test_the_socket_of_a_server_is_reserved_from_its_first_moment():
    with listen() as listener:
        assert not squats(port_of(listener))
    assert squats(port_of_closed())


def port_of_closed() -> int:
    with listen() as listener:
        return port_of(listener)


@pytest.fixture
def started(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_prefect: None
) -> Callable[..., str]:
    """Run ``reelmill up`` until it would start its programs, and call a function then; return the error output."""

    def call(at_start: Callable[[], None], *options: object) -> str:
        def supervised(_: object) -> int:
            at_start()
            return 0

        monkeypatch.setattr("app.cli.commands.up.run_supervised", supervised)
        for name in [each for each in os.environ if each.startswith("PREFECT_")]:
            monkeypatch.delenv(name)
        return " ".join(reelmill(capsys, "up", *options).err.split())

    return call


def test_no_port_of_up_can_be_bound_by_others_while_it_runs(started: Callable[..., str]):
    ports, found = (free_port(), free_port()), []
    started(lambda: found.extend(map(squats, ports)), "--port", ports[0], "--prefect-port", ports[1])
    assert found == [False, False]


@pytest.mark.parametrize("option", ["--port", "--prefect-port"])
def test_up_does_not_start_on_a_port_of_a_squatter(started: Callable[..., str], home: Path, option: str):
    ports = {"--port": free_port(), "--prefect-port": free_port()}
    with listen(ports[option]):
        options = [part for pair in ports.items() for part in pair]
        message = started(lambda: pytest.fail("up started its programs"), *options)
    assert f"Port {ports[option]} is in use" in message
    assert not (home / "prefect.password").exists(), "no command can send a password to the squatter"


def test_every_up_has_a_new_password_and_forgets_the_last_one(started: Callable[..., str], home: Path):
    found: list[str] = []
    for _ in range(2):
        ports = ("--port", free_port(), "--prefect-port", free_port())
        started(lambda: found.append((home / "prefect.password").read_text()), *ports)
    assert len(set(found)) == 2
    assert running_server(home) is None
