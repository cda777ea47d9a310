"""Clients that send or read slowly: they are disconnected, and others can sign in meanwhile."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from served_dashboard import PASSWORD, Served, served_dashboard

from app.dashboard.capacity import connections

IDLE = 500


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_dashboard(tmp_path_factory.mktemp("slow") / "home") as served:
        yield served


def signs_in(dashboard: Served) -> bool:
    answer = httpx.post(
        f"{dashboard.base}/signin",
        data={"name": "viewer", "password": PASSWORD},
        headers={"Origin": dashboard.base},
        timeout=20,
    )
    return answer.status_code == 303


def is_closed(client: socket.socket) -> bool:
    """Wait for the end of a connection; return False if the server sends something instead."""
    try:
        return client.recv(1000) == b""
    except ConnectionResetError:
        return True


def is_refused(client: socket.socket) -> bool:
    """Send a byte every 20 ms; return whether the server ends the connection within 20 seconds."""
    until = time.monotonic() + 20
    try:
        while time.monotonic() < until:
            client.sendall(b"x")
            time.sleep(0.02)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("sent", [b"", b"GET /signin HTTP/1.1\r\n", b"GET /signin HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_a_connection_without_complete_headers_is_closed(dashboard: Served, monkeypatch, sent: bytes):
    monkeypatch.setattr(connections, "HEADERS_S", 0.2)
    with dashboard.connect() as client:
        client.sendall(sent)
        assert is_closed(client)


def test_sending_headers_byte_by_byte_does_not_extend_their_time(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_S", 0.3)
    with dashboard.connect() as client:
        client.sendall(b"GET /signin HTTP/1.1\r\nX: ")
        assert is_refused(client)


def test_headers_of_a_second_request_have_the_same_time(dashboard: Served, monkeypatch):
    with dashboard.connect() as client:
        client.sendall(f"GET /signin HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(connections, "HEADERS_S", 0.2)
        client.sendall(b"GET /signin HTTP/1.1\r\n")
        while client.recv(10_000):
            pass


def body_of(dashboard: Served, size: int) -> bytes:
    return (
        f"POST /signin HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\nOrigin: {dashboard.base}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


def test_a_body_that_arrives_too_slowly_is_not_awaited(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "BODY_S", 0.3)
    with dashboard.connect() as client:
        client.sendall(body_of(dashboard, 100_000))
        assert is_refused(client)


def test_a_long_body_at_a_usual_rate_is_accepted(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "BODY_S", 0.5)
    monkeypatch.setattr(connections, "MIN_RATE", 1000)
    with dashboard.connect() as client:
        client.sendall(body_of(dashboard, 20_000))
        for _ in range(20):
            client.sendall(b"x" * 1000)
            time.sleep(0.04)
        assert client.recv(100).startswith(b"HTTP/1.1 401")


def test_idle_connections_of_one_client_do_not_prevent_signing_in(dashboard: Served, monkeypatch):
    """The oldest idle connections make room, long before the time limit of their headers."""
    monkeypatch.setattr(connections, "MAX_IDLE", 60)
    with ExitStack() as stack:
        began = time.monotonic()
        clients = [stack.enter_context(dashboard.connect()) for _ in range(IDLE)]
        for number, client in enumerate(clients[-60:]):
            if number % 2:
                client.sendall(b"GET / HTTP/1.1\r\n")
        assert signs_in(dashboard)
        assert is_closed(clients[0])
        assert is_closed(clients[IDLE - 100])
        assert time.monotonic() - began < connections.HEADERS_S


def test_connections_that_work_are_not_closed_for_idle_ones(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "MAX_IDLE", 5)
    with ExitStack() as stack, dashboard.connect() as sending:
        sending.sendall(f"GET /signin HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\n\r\n".encode())
        assert sending.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(3):
            stack.enter_context(dashboard.connect())
        assert signs_in(dashboard)
