"""A request to a provider ends, however slowly the provider reads and answers."""

import socket
import threading
import time
from collections.abc import Callable

import pytest

from adapters.hosted import tokens
from adapters.hosted.errors import TokenError, UnclearError
from adapters.hosted.tokens import AccountKey
from adapters.hosted.transport import Timeouts, Transport
from manifests.hosted.wire import KeyRule, Wire

SHORT = Timeouts(0.5, 0.3, 4.0, 0.5, 0.6)
SLOW_S = 10.0
"""How long each server below keeps a request alive, if nothing ends it."""


def served(slowly: Callable[[socket.socket, threading.Event], None], send: Callable[[str], None]) -> float:
    """Send one request to a server of one connection; return the seconds until it was given up."""
    ended = threading.Event()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

        def work() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    slowly(connection, ended)
                except OSError:
                    return

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        began = time.monotonic()
        send(url)
        seconds = time.monotonic() - began
        ended.set()
        thread.join(10)
    return seconds


def sending(method: str, size: int = 1) -> Callable[[str], None]:
    def send(url: str) -> None:
        with Transport(url, timeouts=SHORT) as transport, pytest.raises(UnclearError):
            transport.send(Wire(method, f"{url}/x", json={"a": "x" * size}), {})

    return send


def dripping(text: bytes, drop: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def slowly(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(text)
        ends = time.monotonic() + SLOW_S
        while time.monotonic() < ends and not ended.wait(0.05):
            connection.sendall(drop)

    return slowly


def reading_slowly(connection: socket.socket, ended: threading.Event) -> None:
    ends = time.monotonic() + SLOW_S
    while time.monotonic() < ends and not ended.wait(0.05):
        connection.recv(80_000)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("text", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["body", "header", "interim answers"],
)
def test_an_answer_that_drips_ends_at_the_time_limit(method, text, drop):
    assert served(dripping(text, drop), sending(method)) < SLOW_S / 2


def test_a_body_that_is_read_slowly_ends_at_the_time_limit():
    assert served(reading_slowly, sending("POST", size=30_000_000)) < SLOW_S / 2


def test_a_token_that_drips_ends_at_the_time_limit(monkeypatch):
    monkeypatch.setattr(tokens, "TIMEOUT_S", 0.6)

    def send(url: str) -> None:
        key = AccountKey(KeyRule(token="adobe"), "secret", {"token_url": url})
        with pytest.raises(TokenError) as caught:
            key.headers()
        assert not caught.value.is_refused

    assert served(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"a"), send) < SLOW_S / 2
