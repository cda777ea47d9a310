"""Connections to checked addresses.

A host name is resolved once, its addresses are checked, and the connection is opened to one of these addresses. If the
HTTP client resolved the name again, a name server could answer the check with a public address and the client with a
private one (DNS rebinding). TLS still verifies the certificate for the host name.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from httpcore2 import (
    ConnectError,
    ConnectTimeout,
    NetworkBackend,
    NetworkStream,
    ReadTimeout,
    SyncBackend,
    WriteTimeout,
)

from adapters.web.errors import FetchError

CONNECT_S = 8.0
"""Time limit for each address of a host. A host with unusable IPv6 addresses is then reached through IPv4."""
MAX_ADDRESSES = 3
DIRECT = "Downloads do not use a proxy."
"""Advice: a proxy would resolve the name itself, and its addresses could not be checked."""

Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host and port; raises OSError if there are none."""


class Deadline:
    """A point in time that all steps of a download share."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    def left(self, most: float | None = None) -> float:
        """Return the seconds that are left, at most ``most``.

        Raises:
            FetchError: none are left.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise FetchError(
                f"was not downloaded within {self.seconds:g} s. Try again, or use a faster server.", is_transient=True
            )
        return left if most is None else min(left, most)


class PinnedNetwork(NetworkBackend):
    """Network of one download, with a check of addresses and a deadline that slow responses cannot extend."""

    def __init__(self, resolve: Resolver, is_allowed: Callable[[str], bool], deadline: Deadline) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._deadline = deadline
        self._backend = SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """Connect to the first checked address that responds.

        Raises:
            FetchError: the host has an address that is not allowed, or it cannot be reached.
        """
        for address in self._addresses(host, port)[:MAX_ADDRESSES]:
            try:
                stream = self._backend.connect_tcp(
                    address, port, self._deadline.left(CONNECT_S), local_address, socket_options
                )
            except (ConnectError, ConnectTimeout):
                continue
            return _TimedStream(stream, self._deadline)
        raise FetchError(
            f"cannot be downloaded: {host} does not respond on port {port}. Check the URL and the network. {DIRECT}",
            is_host_down=True,
            is_transient=True,
        )

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = _in_time(lambda: self._resolve(host, port), self._deadline)
        except (OSError, UnicodeError) as error:
            raise FetchError(
                f"cannot be downloaded: there is no host {host}. Check the URL and the network. {DIRECT}",
                is_host_down=True,
                is_transient=getattr(error, "errno", None) == socket.EAI_AGAIN,
            ) from error
        if not addresses or not all(map(self._is_allowed, addresses)):
            raise FetchError(
                f"is not on the public internet: {host} has a private or reserved address. Use a public https:// URL, "
                "or save the file and use the copy.",
                is_host_down=True,
            )
        return addresses


class _TimedStream(NetworkStream):
    """A stream whose operations end at the deadline, even if the other side sends a byte now and then."""

    def __init__(self, stream: NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._stream.read(max_bytes, self._deadline.left())
        except ReadTimeout:
            self._deadline.left()
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._stream.write(buffer, self._deadline.left())
        except WriteTimeout:
            self._deadline.left()
            raise

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host from the operating system, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _in_time(call: Callable[[], Sequence[str]], deadline: Deadline) -> Sequence[str]:
    """Return the result of a call, or stop waiting for it at the deadline: getaddrinfo has no time limit of its own."""
    answer: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            answer.put(call())
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            answer.put(error)

    threading.Thread(target=work, daemon=True, name="resolve").start()
    try:
        result = answer.get(timeout=deadline.left())
    except queue.Empty:
        deadline.left()
        raise OSError("no answer") from None
    if isinstance(result, Exception):
        raise result
    return result
