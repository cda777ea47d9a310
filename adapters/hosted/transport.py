"""Send requests to a provider: each one once, without redirects or retries.

What a failed request means for money depends on whether the provider can have received it. httpx2 was observed to
raise the errors in ``NOT_SENT`` only before the first byte of a request is written; all others count as unclear.
"""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Self

import httpx2

from adapters.hosted.errors import NotSentError, UnclearError
from adapters.hosted.timed_network import TimedNetwork, use_network
from adapters.proxies import check_proxy, is_loopback
from manifests.errors import ProviderError, SettingsError
from manifests.hosted.wire import Answer, Part, Wire

NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,  # the proxy refused the tunnel
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)
MAX_BODY = 8_000_000
"""Largest answer that is read, in bytes, unless the caller expects a file in it."""
CONNECTIONS = 64
KEEPALIVE_S = 4.0
"""Seconds for which an idle connection is used again; servers close theirs after 5 s or more."""


class Timeouts(NamedTuple):
    """Time limits in seconds.

    Attributes:
        read, write: without a single byte.
        total: of the whole request with its answer, which a server could otherwise send byte by byte.
    """

    connect: float = 10.0
    read: float = 60.0
    write: float = 60.0
    pool: float = 10.0
    total: float = 180.0


TIMEOUTS = Timeouts()


class Transport:
    """Connections to one provider; threads may share it.

    Requests that start a job use a new connection each: if the provider closes an idle connection at the moment at
    which it is used again, it is not known whether the request was read.
    """

    def __init__(self, base_url: str, *, plain_http: bool = False, timeouts: Timeouts = TIMEOUTS) -> None:
        """Create the transport; it connects later.

        Args:
            plain_http: whether requests to other machines may be sent without TLS.

        Raises:
            SettingsError: the address cannot be used, or its proxy.
        """
        check_address(base_url, plain_http=plain_http)
        check_proxy(base_url)
        self._plain_http = plain_http
        self._timeouts = timeouts
        self._network = TimedNetwork()
        self._clients = tuple(_client(base_url, timeouts, keep) for keep in (0, CONNECTIONS))
        for client in self._clients:
            use_network(client, self._network)

    def send(self, wire: Wire, headers: Mapping[str, str], max_body: int = MAX_BODY) -> Answer:
        """Send a request once and return its answer, whatever its status; redirects are not followed.

        Args:
            headers: those with the key.

        Raises:
            NotSentError: the provider certainly did not receive the request.
            UnclearError: it may have received it.
            SettingsError: the address of the request must not be used.
        """
        check_address(wire.url, plain_http=self._plain_http)
        client = self._clients[0 if wire.method == "POST" else 1]
        request = _request(client, wire, headers)
        self._network.begin(self._timeouts.total)
        try:
            response = client.send(request, stream=True, follow_redirects=False, auth=None)
            try:
                return _answer(response, max_body, self._timeouts.total)
            finally:
                response.close()
        except NOT_SENT as error:
            raise NotSentError(f"{_host(wire.url)} cannot be reached ({type(error).__name__}).") from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError, RuntimeError) as error:
            raise UnclearError(f"{_host(wire.url)} did not answer completely ({type(error).__name__}).") from None

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@lru_cache(maxsize=1024)  # each job is polled several times at one address; errors are not cached
def check_address(url: str, *, plain_http: bool) -> None:
    """Check that a key may be sent to an address: with TLS, or to this machine, or as the card allows.

    Raises:
        SettingsError: it may not.
    """
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parsed = httpx2.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise SettingsError("The address of a provider must be a URL such as https://host, without a user name.")
    if parsed.scheme == "http" and not plain_http and not is_loopback(url):
        raise SettingsError(
            f"The connection to the provider at {parsed.host} is not encrypted, so others could read the key. "
            "Use an address that begins with https://, or set `plain_http` in the card if you trust the network."
        )


def _client(base_url: str, timeouts: Timeouts, keep: int) -> httpx2.Client:
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=keep, keepalive_expiry=KEEPALIVE_S)
    timeout = httpx2.Timeout(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.pool)
    return httpx2.Client(
        limits=limits,
        timeout=timeout,
        follow_redirects=False,
        trust_env=not is_loopback(base_url),
        transport=None,
        headers={"User-Agent": "reelmill", "Accept-Encoding": "identity"},
    )


def _request(client: httpx2.Client, wire: Wire, headers: Mapping[str, str]) -> httpx2.Request:
    """Return the request.

    Raises:
        ProviderError: a header cannot be sent. The error of httpx2 would contain it, and so the key.
    """
    try:
        return client.build_request(
            wire.method,
            wire.url,
            headers={**wire.headers, **(headers if wire.sends_key else {})},
            json=wire.json,
            files=[_file(part) for part in wire.parts] or None,
        )
    except (UnicodeError, ValueError, TypeError):
        raise ProviderError("The key of the provider contains characters that cannot be sent.") from None


def _file(part: Part) -> tuple[str, tuple[str | None, bytes, str | None]]:
    return part.name, (part.file_name or None, part.content, part.media_type or None)


def _answer(response: httpx2.Response, max_body: int, total_s: float) -> Answer:
    ends, body = time.monotonic() + total_s, bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > max_body:
            raise UnclearError(f"{response.url.host} sent an answer of more than {max_body / 1e6:.0f} MB.")
        if time.monotonic() > ends:
            raise UnclearError(f"{response.url.host} did not answer within {total_s:g} s.")
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body))


def _host(url: str) -> str:
    return httpx2.URL(url).host
