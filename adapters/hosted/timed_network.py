"""A network on which each request has one time limit from its first byte to the last byte of its answer.

The time limits of httpx2 count for each read and each write. A server could send a header, or interim answers such as
103, byte by byte for days, and the thread that waits for it could never be stopped.
"""

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpx2
from httpcore2 import ConnectTimeout, NetworkBackend, NetworkStream, ReadTimeout, SyncBackend, WriteTimeout

CHUNK = 16_384


class TimedNetwork(NetworkBackend):
    """The network of a client; threads may share it, each with one request at a time."""

    def __init__(self) -> None:
        self._backend = SyncBackend()
        self._current = threading.local()

    def begin(self, seconds: float) -> None:
        """Limit the next request of this thread to ``seconds``."""
        self._current.ends = time.monotonic() + seconds

    def left(self, timeout: float | None, error: type[Exception]) -> float | None:
        """Return the seconds that the next operation may take, at most ``timeout``; raise ``error`` if none are left.

        There is no limit outside of requests.
        """
        ends: float | None = getattr(self._current, "ends", None)
        if ends is None:
            return timeout
        left = ends - time.monotonic()
        if left <= 0:
            raise error("the time limit of the request is over")
        return left if timeout is None else min(left, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """Open a connection."""
        limit = self.left(timeout, ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, limit, local_address, socket_options), self)


class _Stream(NetworkStream):
    def __init__(self, stream: NetworkStream, network: TimedNetwork) -> None:
        self._stream = stream
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.left(timeout, ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), CHUNK):  # the limit of one write counts for each send within it
            limit = self._network.left(timeout, WriteTimeout)
            self._stream.write(buffer[start : start + CHUNK], limit)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        limit = self._network.left(timeout, ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, limit), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def use_network(client: httpx2.Client, network: NetworkBackend) -> None:
    """Let all connections of a client, also those through proxies, use a network.

    httpx2 has no parameter for it; a test shows that its pools still read this attribute.
    """
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx2.HTTPTransport):
            transport._pool._network_backend = network
