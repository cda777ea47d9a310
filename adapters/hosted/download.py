"""Download a provider's result file: the local file is complete and has a hash, or does not exist."""

import hashlib
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import httpcore2
import httpx2

from adapters.files.disk_full import disk_full_errors
from adapters.files.durable import sync_folder
from adapters.hosted.errors import DownloadError, ExpiredAddressError
from adapters.hosted.result_address import ResultAddresses
from adapters.hosted.timed_network import TimedNetwork, use_network
from adapters.proxies import proxy_of
from adapters.web.errors import FetchError
from adapters.web.pinned_network import Deadline, PinnedNetwork, Resolver, resolve

TOTAL_S = 1800.0
"""Time limit of a download."""
STALL_S = 30.0
"""Time limit without receiving a byte."""
TRIES = 3
"""Connections for one file; each continues the last one, if the server supports it."""
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_EXPIRED = frozenset({401, 403, 404, 410})
_BUSY = frozenset({408, 425, 429})
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class ResultFileFetched(NamedTuple):
    """A fetched file, with its hex SHA-256 and its size in bytes."""

    path: Path
    sha256: str
    size: int


class _Stall(Deadline):
    """The time limit of a download, and that of each step."""

    def __init__(self, seconds: float, stall_s: float) -> None:
        super().__init__(seconds)
        self._stall_s = stall_s

    def left(self, most: float | None = None) -> float:
        """Return the seconds that a step may take."""
        return min(super().left(most), self._stall_s)

    @property
    def total_left(self) -> float:
        """The seconds that the rest of the download may take; raises as ``left`` does."""
        return super().left()


class _Response(NamedTuple):
    status: int
    headers: httpx2.Headers
    chunks: Callable[[], Iterator[bytes]]


class _BrokenError(Exception):
    """The connection was broken; the next one may continue."""


class Downloader:
    """Fetches the result files of one card; threads may share it.

    Args:
        max_bytes: larger files are refused.
        resolver: returns the addresses of a host.
        context: TLS settings; by default, the certificate authorities of the operating system are trusted.
        is_stopped: whether downloads are to end, because the process ends; a later run fetches the files.
    """

    def __init__(
        self,
        addresses: ResultAddresses,
        max_bytes: int,
        *,
        total_s: float = TOTAL_S,
        stall_s: float = STALL_S,
        resolver: Resolver = resolve,
        context: ssl.SSLContext | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._addresses = addresses
        self._max_bytes = max_bytes
        self._times = total_s, stall_s
        self._resolver = resolver
        self._context = context
        self._is_stopped = is_stopped

    def fetch(self, url: str, target: Path, headers: Mapping[str, str] | None = None) -> ResultFileFetched:
        """Fetch a file to ``target``, which appears once it is complete and on the disk.

        Args:
            headers: those with the key; they are not sent to other hosts after a redirect.

        Raises:
            ExpiredAddressError: the provider refuses the address, or does not have the file any longer.
            DownloadError: the file cannot be fetched.
            DiskFullError: there is no room for it.
        """
        part = target.with_name(f".{target.name}.part")
        deadline = _Stall(*self._times)
        with disk_full_errors(target), _removed_at_end(part), open(part, "wb") as file:
            unfinished = _Unfinished(file, self._max_bytes)
            for left in reversed(range(TRIES)):
                try:
                    self._fetch_once(self._addresses.checked(url), dict(headers or {}), unfinished, deadline)
                    break
                except _BrokenError as error:
                    if not left:
                        raise DownloadError(str(error), is_transient=True) from None
            return unfinished.finish(part, target)

    def _fetch_once(
        self, url: httpx2.URL, headers: dict[str, str], unfinished: "_Unfinished", deadline: _Stall
    ) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            with self._opened(url, {**headers, **unfinished.resume_headers()}, deadline) as response:
                location = response.headers.get("location", "")
                if response.status not in _REDIRECTS or not location:
                    return unfinished.receive(url.host, self._watched(response, deadline))
            target = self._addresses.checked(_joined(url, location))
            headers = headers if target.host == url.host else {}
            url = target
        raise DownloadError(f"The file at {url.host} was not downloaded: too many redirects.")

    def _watched(self, response: _Response, deadline: _Stall) -> _Response:
        """Return a response that ends at the time limit, also through a proxy, and when the process ends."""

        def chunks() -> Iterator[bytes]:
            for chunk in response.chunks():
                deadline.left()
                if self._is_stopped():
                    raise DownloadError("The download was stopped, because the process ends.", is_transient=True)
                yield chunk

        return response._replace(chunks=chunks)

    @contextmanager
    def _opened(self, url: httpx2.URL, headers: Mapping[str, str], deadline: _Stall) -> Iterator[_Response]:
        """Yield the response to one request.

        Raises:
            DownloadError: the address must not be requested.
            _BrokenError: the connection cannot be opened, or breaks.
        """
        all_headers = {
            "Accept": "video/*,*/*",
            "Accept-Encoding": "identity",  # a small compressed body can be a huge file
            "User-Agent": "reelmill",
            **headers,
        }
        opened = self._through_proxy if self._has_proxy(url) else self._direct
        try:
            with opened(url, all_headers, deadline) as response:
                yield response
        except FetchError as error:
            raise _of_guard(url.host, error) from None
        except (httpcore2.TimeoutException, httpx2.TimeoutException):
            raise _BrokenError(f"{url.host} sends the file too slowly.") from None
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpx2.HTTPError,
            httpx2.StreamError,
        ) as error:
            raise _BrokenError(f"The connection to {url.host} failed ({type(error).__name__}).") from None

    def _has_proxy(self, url: httpx2.URL) -> bool:
        """Return whether the environment has a proxy for an address.

        Raises:
            DownloadError: it has, and the card does not name the host. The proxy would connect to private hosts too.
        """
        has_proxy = bool(proxy_of(str(url)))
        if has_proxy and not self._addresses.is_named(url):
            raise DownloadError(
                f"The file is at {url.host}. Through a proxy, only named hosts are allowed, because the proxy may "
                "reach private ones. If it belongs to the provider, add it to `result_hosts` in the card."
            )
        return has_proxy

    @contextmanager
    def _direct(self, url: httpx2.URL, headers: Mapping[str, str], deadline: _Stall) -> Iterator[_Response]:
        network = PinnedNetwork(self._resolver, partial(self._addresses.may_connect, url), deadline)
        context = (self._context or _public_context()) if url.scheme == "https" else None
        sent: list[tuple[bytes | str, bytes | str]] = [
            ("Host", url.netloc.decode("ascii")),
            ("Connection", "close"),
            *headers.items(),
        ]
        with (
            httpcore2.ConnectionPool(ssl_context=context, network_backend=network) as pool,
            pool.stream("GET", str(url), headers=sent) as response,
        ):
            yield _Response(response.status, httpx2.Headers(response.headers), response.iter_stream)

    @contextmanager
    def _through_proxy(self, url: httpx2.URL, headers: Mapping[str, str], deadline: _Stall) -> Iterator[_Response]:
        """Yield the response through the proxy of the environment, which resolves the name; for listed hosts only."""
        network = TimedNetwork()
        network.begin(deadline.total_left)
        with httpx2.Client(timeout=deadline.left(), verify=self._context or _public_context()) as client:
            use_network(client, network)
            with client.stream("GET", url, headers=dict(headers), follow_redirects=False) as response:
                yield _Response(response.status_code, response.headers, response.iter_raw)


class _Unfinished:
    """The part of a file that was received so far."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._size = 0
        self._hash = hashlib.sha256()
        self._tag = ""
        self._total: int | None = None

    def resume_headers(self) -> dict[str, str]:
        """Return the headers that ask for the rest; none if the server gave nothing by which to know the file."""
        return {"Range": f"bytes={self._size}-", "If-Range": self._tag} if self._size and self._tag else {}

    def receive(self, host: str, response: _Response) -> None:
        """Append the content of a response, or start again if it is not the missing part.

        Raises:
            DownloadError: its status or size is refused.
            _BrokenError: the rest does not fit.
        """
        _check_status(host, response)
        if response.status == 206:
            self._check_rest(host, response.headers)
        else:
            self._restart(host, response.headers)
        for chunk in response.chunks():
            self._size += len(chunk)
            self._check_size(host, self._size)
            self._hash.update(chunk)
            self._file.write(chunk)
        if self._total is not None and self._size != self._total:
            raise _BrokenError(f"{host} did not send the whole file.")

    def finish(self, part: Path, target: Path) -> ResultFileFetched:
        """Sync the file and give it its name.

        Raises:
            DownloadError: it is empty.
        """
        if not self._size:
            raise DownloadError("The provider sent an empty file.", is_transient=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(part, target)
        sync_folder(target.parent)
        return ResultFileFetched(target, self._hash.hexdigest(), self._size)

    def _restart(self, host: str, headers: httpx2.Headers) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._size, self._hash = 0, hashlib.sha256()
        declared = headers.get("content-length", "")
        self._total = int(declared) if declared.isdecimal() else None
        tag = headers.get("etag", "")
        self._tag = "" if tag.startswith("W/") else tag
        self._check_size(host, self._total or 0)

    def _check_rest(self, host: str, headers: httpx2.Headers) -> None:
        found = _RANGE.fullmatch(headers.get("content-range", ""))
        if found is None or int(found[1]) != self._size or (self._total not in (None, int(found[2]))):
            self._tag = ""
            raise _BrokenError(f"{host} sent the wrong part of the file.")
        self._total = int(found[2])
        self._check_size(host, self._total)

    def _check_size(self, host: str, size: int) -> None:
        if size > self._max_bytes:
            raise DownloadError(
                f"The file at {host} is larger than {self._max_bytes / 1e6:.0f} MB. Raise `max_mb` in the card."
            )


def store_content(content: bytes, target: Path, max_bytes: int) -> ResultFileFetched:
    """Write a file that was in the provider's answer; raises as ``Downloader.fetch`` does."""
    part = target.with_name(f".{target.name}.part")
    with disk_full_errors(target), _removed_at_end(part), open(part, "wb") as file:
        unfinished = _Unfinished(file, max_bytes)
        unfinished.receive("the provider", _Response(200, httpx2.Headers(), lambda: iter([content])))
        return unfinished.finish(part, target)


def _check_status(host: str, response: _Response) -> None:
    status = response.status
    if status in _EXPIRED:
        raise ExpiredAddressError(f"{host} refuses the address of the file, or no longer has it ({status}).")
    if status not in (200, 206):
        is_busy = status >= 500 or status in _BUSY or status == 416
        raise (_BrokenError if status == 416 else partial(DownloadError, is_transient=is_busy))(
            f"{host} did not send the file ({status})."
        )
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise DownloadError(f"{host} sends the file compressed ({encoding[:20]}), which is not supported.")


def _joined(url: httpx2.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except (httpx2.InvalidURL, ValueError):
        raise DownloadError(f"{url.host} redirects to an invalid address.") from None


def _of_guard(host: str, error: FetchError) -> Exception:
    """Return the error for one of the network guard, whose messages are about cells of a sheet."""
    if error.is_transient:
        return _BrokenError(f"{host} cannot be reached, or sends the file too slowly.")
    return DownloadError(f"The file at {host} was not downloaded: the host has a private address, or none.")


@cache
def _public_context() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


@contextmanager
def _removed_at_end(part: Path) -> Iterator[None]:
    try:
        yield
    finally:
        part.unlink(missing_ok=True)
