"""Download a file over HTTPS from a URL that someone else has written, such as a cell of a sheet.

The guard refuses everything that would let a sheet read the network of this machine or use up its memory:

- other schemes than https, and credentials in the URL
- hosts with an address that is not public, on the first request and after each redirect (see ``PinnedNetwork``)
- more than MAX_REDIRECTS redirects
- bodies above a size limit, bodies that are compressed in transit, and downloads above a time limit
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from functools import cache

import httpcore2
import httpx2

from adapters.web.addresses import is_public
from adapters.web.errors import FetchError
from adapters.web.pinned_network import Deadline, PinnedNetwork, Resolver, resolve

__all__ = ["FetchError", "Fetched", "GuardedFetcher"]

TOTAL_S = 30.0
MAX_REDIRECTS = 5
MAX_URL = 4096
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A downloaded file.

    Attributes:
        media_type: the server's Content-Type in lower case without parameters; empty if there is none.
        file_name: the name that the server suggests in Content-Disposition; empty if there is none. It is untrusted.
        url: where the last redirect led to.
        is_complete: whether the server declared the end of the file. Without this, a broken connection looks like the
            end of the file.
    """

    content: bytes
    media_type: str
    file_name: str
    url: str
    is_complete: bool


class GuardedFetcher:
    """Downloads files; threads may share it.

    Args:
        total_s: time limit of a download, with name resolution and all redirects.
        resolver: returns the addresses of a host.
        is_allowed: whether an address may be connected to.
        context: TLS settings; by default, the certificate authorities of the operating system are trusted.
    """

    def __init__(
        self,
        *,
        total_s: float = TOTAL_S,
        resolver: Resolver = resolve,
        is_allowed: Callable[[str], bool] = is_public,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._total_s = total_s
        self._resolver = resolver
        self._is_allowed = is_allowed
        self._context = context

    def get(self, url: str, *, accept: str, max_bytes: int) -> Fetched:
        """Download a file of at most ``max_bytes`` bytes.

        Args:
            accept: value of the header Accept.

        Raises:
            FetchError: the URL is refused, or the file cannot be downloaded.
        """
        deadline = Deadline(self._total_s)
        target = checked_url(url)
        answer = self._request(target, accept, max_bytes, deadline)
        for _ in range(MAX_REDIRECTS):
            if isinstance(answer, Fetched):
                return answer
            target = _redirected(target, answer)
            try:
                answer = self._request(target, accept, max_bytes, deadline)
            except FetchError as error:
                raise FetchError(
                    f"redirects to {_host_of(target)}, which {error}",
                    status=error.status,
                    is_transient=error.is_transient,
                ) from error
        if isinstance(answer, Fetched):
            return answer
        raise FetchError(f"redirects more than {MAX_REDIRECTS} times. Use the URL that the redirects lead to.")

    def _request(self, target: httpx2.URL, accept: str, max_bytes: int, deadline: Deadline) -> Fetched | str:
        """Return the file, or the target of a redirect."""
        headers: dict[bytes | str, bytes | str] = {
            "Host": target.netloc.decode("ascii"),
            "Accept": accept,
            "Accept-Encoding": "identity",  # a small compressed body can be a huge file
            "User-Agent": "reelmill",
            "Connection": "close",
        }
        network = PinnedNetwork(self._resolver, self._is_allowed, deadline)
        try:
            with (
                httpcore2.ConnectionPool(
                    ssl_context=self._context or _public_context(), network_backend=network
                ) as pool,
                pool.stream("GET", str(target), headers=headers) as response,
            ):
                return _answer(response, target, max_bytes)
        except httpcore2.TimeoutException as error:
            deadline.left()
            raise FetchError(
                "was not downloaded, because the server does not respond. Try again later.", is_transient=True
            ) from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise _broken(error, _host_of(target)) from error
        except ValueError as error:  # a host name that TLS cannot check
            raise FetchError("is not a valid URL. Copy it again from the browser.") from error


@cache
def _public_context() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def checked_url(text: str) -> httpx2.URL:
    """Return a URL that may be requested; the fragment is removed.

    Raises:
        FetchError: another scheme than https, credentials in the URL, or not a URL.
    """
    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchError("is not a valid URL. Copy it again from the browser.") from error
    if url.scheme == "http":
        raise FetchError("is not encrypted. Use a URL that starts with https://.")
    if url.scheme != "https":
        raise FetchError("is not an https:// URL. Use a URL that starts with https://.")
    if not url.raw_host or len(text) > MAX_URL:
        raise FetchError("is not a valid URL. Copy it again from the browser.")
    if url.userinfo:
        raise FetchError("contains a user name or a password. Use a URL that works without signing in.")
    return url.copy_with(fragment=None)


def _host_of(url: httpx2.URL) -> str:
    """Return the host as it is resolved; ``url.host`` fails for some names that start with xn--."""
    return url.raw_host.decode("ascii", "replace")


def _redirected(source: httpx2.URL, location: str) -> httpx2.URL:
    try:
        target = source.join(location)
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchError("redirects to an invalid URL. Use the URL of the file itself.") from error
    try:
        return checked_url(str(target))
    except FetchError as error:
        raise FetchError(f"redirects to {target.scheme}://{_host_of(target)}, which {error}") from error


def _answer(response: httpcore2.Response, target: httpx2.URL, max_bytes: int) -> Fetched | str:
    headers = httpx2.Headers(response.headers)
    if response.status in _REDIRECTS and headers.get("location"):
        return headers["location"]
    if response.status != 200:
        raise _refusal(response.status)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise FetchError(f"is compressed in transit ({encoding[:20]}), which is not accepted. Use another server.")
    content = _body(response, headers, max_bytes)
    return Fetched(
        content,
        headers.get("content-type", "").partition(";")[0].strip().lower(),
        _file_name(headers.get("content-disposition", "")),
        str(target),
        "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower(),
    )


def _body(response: httpcore2.Response, headers: httpx2.Headers, max_bytes: int) -> bytes:
    declared = headers.get("content-length", "")
    content = bytearray()
    if not (declared.isdecimal() and int(declared) > max_bytes):
        for chunk in response.iter_stream():
            content += chunk
            if len(content) > max_bytes:
                break
        else:
            return bytes(content)
    raise FetchError(f"is larger than {max_bytes / 1e6:.0f} MB. Reduce its size.")


def _file_name(disposition: str) -> str:
    """Return the file name in a Content-Disposition header; its encoded form comes first (RFC 6266, 4.3)."""
    message = Message()
    message["Content-Disposition"] = disposition.replace("\r", " ").replace("\n", " ")
    try:
        named = [value for name, value in message.get_params([], "Content-Disposition") if name.lower() == "filename"]
        encoded = [value for value in named if isinstance(value, tuple)]
        name = collapse_rfc2231_value((encoded or named or [""])[0])
    except (LookupError, ValueError):  # an unknown character set
        return ""
    return name.replace("\\", "/").rpartition("/")[2]


def _refusal(status: int) -> FetchError:
    advice = {
        401: "needs a sign-in. Make the file available to anyone with the link, or save it and use the copy",
        403: "needs a sign-in. Make the file available to anyone with the link, or save it and use the copy",
        404: "does not exist. Check the URL",
        410: "no longer exists. Check the URL",
    }.get(status, "")
    is_busy = status >= 500 or status in (408, 425, 429)
    if not advice:
        advice = "is not available now. Try again later" if is_busy else "cannot be downloaded. Check the URL"
    return FetchError(f"{advice} (status {status}).", status=status, is_transient=is_busy)


def _broken(error: Exception, host: str) -> FetchError:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchError(
            f"cannot be downloaded: the TLS certificate of {host} is not valid ({cause.verify_message.rstrip('.')}). "
            "Check the URL.",
            is_host_down=True,
        )
    if isinstance(cause, ssl.SSLError):
        return FetchError(f"cannot be downloaded: {host} does not use TLS correctly. Check the URL.", is_host_down=True)
    return FetchError("was not downloaded completely, because the connection was broken. Try again.", is_transient=True)
