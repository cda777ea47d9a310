"""The supervisor: which servers count as running, what it waits for, and which exits are final."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from adapters.listener import listen, port_of
from app.cli.commands.up import programs_of
from app.supervise import supervisor
from app.supervise.supervisor import Program, Supervisor
from flows.prefect.server_health import health_of, is_reachable, without_password


@contextmanager
def serving(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("status", "is_there"), [(200, True), (401, True), (403, True), (404, False), (502, False)])
def test_a_server_that_answers_or_requires_a_password_counts_as_running(status: int, is_there: bool):
    with serving(status) as url:
        assert is_reachable(url) == is_there
    assert not is_reachable(url, 1.0)


def test_a_password_in_the_url_is_not_shown_and_does_not_prevent_probing():
    url = "http://me:correcthorse@prefect:4200/api/"
    assert without_password(url) == "http://prefect:4200/api/"
    assert health_of(url) == "http://prefect:4200/api/health"
    assert not is_reachable("http://me:x@127.0.0.1:9/api", 1.0)


def test_an_external_server_is_probed_too():
    with listen() as pages, listen() as prefect:
        url = f"http://127.0.0.1:{port_of(prefect)}/api"
        own = {each.name: each for each in programs_of(pages, prefect, False, "", url)}
        assert own["prefect"].probe == own["schedules"].probe == f"{url}/health"
        other = {each.name: each for each in programs_of(pages, None, False, "", "http://me:x@away:4200/api")}
    assert "prefect" not in other
    assert other["schedules"].probe == "http://away:4200/api/health"
    assert other["schedules"].waits == "waiting for Prefect's server at http://away:4200/api"


def test_waiting_is_reported_once(monkeypatch):
    told: list[str] = []
    one = Supervisor(
        [Program("it", ("true",), "http://127.0.0.1:9/x", "waits for x")],
        {},
        lambda _, line: told.append(line),
        lambda: None,
    )
    [each] = one._all
    each.process = object()  # type: ignore[assignment]
    each.started = time.monotonic()
    assert not one._answers(each)
    assert told == []
    monkeypatch.setattr(supervisor, "PATIENCE_S", -1.0)
    assert not any(one._answers(each) for _ in range(3))
    assert told == ["waits for x"]


def test_wrong_settings_end_everything_unless_the_program_has_run_before():
    told: list[str] = []
    one = Supervisor([Program("it", ("true",))], {}, lambda _, line: told.append(line), lambda: None)
    [each] = one._all
    each.started = time.monotonic() - supervisor.STEADY_S - 1
    one._plan(each, 1)
    each.started = time.monotonic()
    one._plan(each, os.EX_CONFIG)
    assert (one._asked, one._code) == (0, 0)
    each.is_steady = False
    one._plan(each, os.EX_CONFIG)
    assert (one._asked, one._code) == (1, 1)
    assert len(told) == 2
