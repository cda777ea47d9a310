"""The Prefect server of `reelmill run` refuses everyone but the command that started it."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
import websockets

from app.cli.commands.up import environment_of

HOLD = """
import json, os, sys
from pathlib import Path
from flows.settings import prepare_prefect
from flows.prefect.embedded_server import prefect_server
home = Path(sys.argv[1])
prepare_prefect(home)
with prefect_server(home):
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Running
    with get_client(sync_client=True) as client:
        waiting = client.create_flow_run(flow(lambda: None, name="victim"), state=Running())
        found = {"url": os.environ["PREFECT_API_URL"], "password": os.environ["PREFECT_API_AUTH_STRING"]}
        print(json.dumps({**found, "run": str(waiting.id)}), flush=True)
        sys.stdin.readline()
        print(client.read_flow_run(waiting.id).state.type.value, flush=True)
    works = flow(lambda: 42, name="own")
    print(works(), flush=True)
"""
REBOUND = "attacker.example"
FOREIGN = {"Origin": f"http://{REBOUND}"}
ATTACKS = {
    "no password": {},
    "a wrong password": {"Authorization": "Basic " + base64.b64encode(b"admin:admin").decode()},
    "another web page": FOREIGN,
    "DNS rebinding": {"Host": f"{REBOUND}:80", **FOREIGN},
}
FORMERLY = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")


class Server(NamedTuple):
    """A command with its server, the credentials of the server, and a flow run in progress."""

    command: subprocess.Popen[str]
    home: Path
    url: str
    password: str
    run: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, prefect_home: Callable[[Path], Path]) -> Iterator[Server]:
    home = prefect_home(tmp_path_factory.mktemp("server") / "home")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = subprocess.Popen(
        [sys.executable, "-c", HOLD, home],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Credentials that are known to others must not become those of the server.
        env={**environment, **dict.fromkeys(FORMERLY, "admin:admin")},
        cwd=Path(__file__).parents[2],
    )
    with command:
        yield Server(command, home, **json.loads(command.stdout.readline()))
        command.kill()


def answer(server: Server, path: str, body: object, headers: Mapping[str, str]) -> tuple[int, str, Mapping[str, str]]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as found:
            return found.status, found.read().decode(), found.headers
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode(), refused.headers


def with_password(server: Server) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(server.password.encode()).decode()}


CANCEL = {"state": {"type": "CANCELLED"}, "force": True}


@pytest.mark.parametrize("headers", ATTACKS.values(), ids=ATTACKS)
def test_a_run_is_neither_read_nor_cancelled_from_outside(server: Server, headers: dict[str, str]):
    for path, body in (
        ("/flow_runs/filter", {}),
        (f"/flow_runs/{server.run}", None),
        (f"/flow_runs/{server.run}/set_state", CANCEL),
        ("/admin/settings", None),
    ):
        status, text, sent = answer(server, path, body, headers)
        assert (status, server.run in text) == (401, False), path
        assert "access-control-allow-origin" not in sent


def test_the_command_itself_can_read_its_run(server: Server):
    status, text, _ = answer(server, f"/flow_runs/{server.run}", None, with_password(server))
    assert (status, json.loads(text)["state"]["type"]) == (200, "RUNNING")


def test_web_pages_cannot_read_answers_even_with_the_password(server: Server):
    status, _, sent = answer(server, f"/flow_runs/{server.run}", None, {**with_password(server), **FOREIGN})
    assert (status, sent["access-control-allow-origin"]) == (200, None)


@pytest.mark.parametrize("subprotocols", [None, ["prefect"]])
@pytest.mark.parametrize("path", ["/events/out", "/events/in", "/logs/out"])
def test_web_sockets_require_the_password(server: Server, path: str, subprotocols: Any):
    async def attack() -> None:
        url = server.url.replace("http:", "ws:") + path
        async with websockets.connect(url, subprotocols=subprotocols, origin=FOREIGN["Origin"]) as socket:
            await socket.send(json.dumps({"type": "auth", "token": "admin:admin"}))
            assert json.loads(await socket.recv())["type"] == "auth_success", "the connection was closed otherwise"

    with pytest.raises(websockets.exceptions.WebSocketException):
        asyncio.run(asyncio.wait_for(attack(), 20))


def test_the_password_is_random_and_only_in_environments(server: Server):
    secret = server.password.partition(":")[2]
    assert len(secret) >= 32
    command = psutil.Process(server.command.pid)
    processes = [command, *command.children(recursive=True)]
    assert len(processes) >= 2
    for process in processes:
        assert secret not in " ".join(process.cmdline())
        assert Path(f"/proc/{process.pid}/environ").stat().st_mode & 0o777 == 0o400
    for file in server.home.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_after_all_attacks_the_command_works(server: Server):
    assert server.command.stdin
    server.command.stdin.write("\n")
    server.command.stdin.close()
    assert server.command.stdout
    assert server.command.stdout.read().split() == ["RUNNING", "42"]


class TestUp:
    """The server of `reelmill up` has the same protection; tests/flow/test_up.py tests it while it runs."""

    @pytest.fixture(autouse=True)
    def _own_environment(self) -> Iterator[None]:
        before = dict(os.environ)
        for name in [each for each in os.environ if each.startswith("PREFECT_")]:
            del os.environ[name]
        yield
        os.environ.clear()
        os.environ.update(before)

    def test_only_its_own_pages_may_read_answers(self, tmp_path: Path):
        found = environment_of(tmp_path, 4200)
        assert found["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4200,http://localhost:4200"
        assert found["PREFECT_SERVER_API_AUTH_STRING"] == (tmp_path / "prefect.password").read_text()
        assert found["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"

    @pytest.mark.parametrize("name", ["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS", "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"])
    def test_the_operator_can_allow_another_origin(self, tmp_path: Path, name: str):
        os.environ[name] = "https://prefect.example"
        assert environment_of(tmp_path, 4200)["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == "https://prefect.example"
