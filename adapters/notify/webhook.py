"""Post messages to a webhook in the format of Slack's incoming webhooks.

The URL is a secret, because anyone who knows it can post. It never appears in messages, reprs or logs.
"""

import logging
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx2

from adapters.proxies import check_proxy, is_loopback, proxy_of
from manifests.errors import SettingsError

TIMEOUT_S = 10.0
"""Maximum duration of a request; twice as long if the host cannot be resolved or reached."""
MAX_RETRY_AFTER_S = 21600.0
"""Upper limit for Retry-After, so that an alert is not delayed indefinitely."""
TRANSIENT = frozenset({408, 409, 421, 423, 425, 429})
"""Client errors that may pass; after any other, the same message would fail again."""
REASON_BYTES = 200
CHECK = "Check REELMILL_ALERT_WEBHOOK"
RETRIED = "It is sent again later"

_posting: ContextVar[bool] = ContextVar("posting", default=False)


class WebhookResponse(NamedTuple):
    """The result of posting a message.

    Attributes:
        error: why the message was not accepted; empty if it was.
        after_s: seconds after which the receiver allows a retry.
        is_permanent: whether the same message would fail again.
    """

    error: str = ""
    after_s: float = 0.0
    is_permanent: bool = False


ACCEPTED = WebhookResponse()


class Webhook:
    """A webhook; threads may share it.

    Args:
        url: ``https://…``, with its secret.
        timeout_s: see TIMEOUT_S.

    Raises:
        SettingsError: invalid URL.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        try:
            parsed = httpx2.URL(url.strip())
        except httpx2.InvalidURL:
            parsed = httpx2.URL("")
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise SettingsError(
                "Invalid setting 'alert_webhook': it must be a URL such as https://host/path. "
                "Fix REELMILL_ALERT_WEBHOOK or reelmill.toml."
            )
        self._url = parsed
        self._timeout_s = timeout_s

    def post(self, text: str, later: str = RETRIED) -> WebhookResponse:
        """Post a message within a bounded time, without following redirects; never raises.

        Args:
            later: sentence without a full stop for transient errors: what happens next, or what to do.
        """
        token = _posting.set(True)
        try:
            client = self._client()
        except SettingsError as error:
            _posting.reset(token)
            return WebhookResponse(str(error))
        # A timeout per read does not stop a receiver that sends a byte now and then.
        late = threading.Event()

        def cut_off() -> None:
            late.set()
            client.close()

        watch = threading.Timer(self._timeout_s, cut_off)
        watch.daemon = True
        watch.start()
        try:
            with client, client.stream("POST", self._url, json={"text": text}) as answer:
                return ACCEPTED if answer.is_success else _rejection(answer, _beginning(answer), later)
        except (httpx2.HTTPError, OSError, ValueError, RuntimeError) as error:
            return self._failure(error, late.is_set())
        finally:
            watch.cancel()
            _posting.reset(token)

    def _client(self) -> httpx2.Client:
        """Return a client that uses the proxy of the environment, unless the webhook is on this machine.

        Raises:
            SettingsError: the proxy cannot be used.
        """
        url = str(self._url)
        check_proxy(url)
        return httpx2.Client(timeout=self._timeout_s, follow_redirects=False, trust_env=not is_loopback(url))

    def _failure(self, error: Exception, is_late: bool) -> WebhookResponse:
        """Return the response for an error without its text, which may contain the URL."""
        if is_late or isinstance(error, httpx2.TimeoutException):
            return WebhookResponse(
                f"The webhook did not respond within {self._timeout_s:g} s. Check that its host is up."
            )
        if isinstance(error, httpx2.HTTPError):
            through = f" through the proxy {proxy}" if (proxy := proxy_of(str(self._url))) else ""
            return WebhookResponse(
                f"The webhook cannot be reached{through} ({type(error).__name__}). {CHECK} and the network."
            )
        return WebhookResponse(f"The webhook cannot be used ({type(error).__name__}). {CHECK}.")


def _beginning(answer: httpx2.Response) -> str:
    """Return the beginning of a response on one line, such as Slack's ``no_service`` or ``invalid_payload``."""
    found = b""
    for chunk in answer.iter_raw(REASON_BYTES):
        found += chunk
        if len(found) >= REASON_BYTES:
            break
    return " ".join(found[:REASON_BYTES].decode("ascii", "replace").split())


def _rejection(answer: httpx2.Response, body: str, later: str) -> WebhookResponse:
    status, reason = answer.status_code, f" ({body})" if body and body.isprintable() and "<" not in body else ""
    if answer.is_redirect:
        return WebhookResponse(
            f"The webhook responded with the redirect {status}, which is not followed because it would reveal the "
            "message and the secret URL. Set REELMILL_ALERT_WEBHOOK to the final URL."
        )
    is_permanent = 400 <= status < 500 and status not in TRANSIENT
    return WebhookResponse(
        f"The webhook responded with {status}{reason}. {CHECK if is_permanent else later}.",
        retry_after_s(answer.headers.get("retry-after", "")),
        is_permanent,
    )


def retry_after_s(header: str) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3); 0 if it is missing or invalid."""
    header = header.strip()
    if header.isascii() and header.isdecimal():
        return min(float(header[:12]), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(header)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), MAX_RETRY_AFTER_S)


def _is_loggable(_record: logging.LogRecord) -> bool:
    return not _posting.get()


for _name in ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy"):
    logging.getLogger(_name).addFilter(_is_loggable)  # these loggers log every URL
