"""A webhook that takes messages for people, as Slack's incoming webhooks and those that copy them do.

Its URL is a secret: whoever knows it can write there. So it is in no message, no repr and no log.
"""

import logging
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx2

from manifests.errors import SettingsError

WHOLE_S = 10.0
"""The longest that a receiver may take for a message; with a host that cannot be looked up or reached, twice that."""
LONGEST_REST_S = 21600.0
"""A receiver's Retry-After counts for so long at most: the alert would otherwise be as good as lost."""
LATER = frozenset({408, 409, 421, 423, 425, 429})
"""Client errors that pass; with any other the same message fails again."""
REASON_BYTES = 200
MENDING = "check REELMILL_ALERT_WEBHOOK"
TRIED_AGAIN = "it is tried again later"

_posting: ContextVar[bool] = ContextVar("posting", default=False)


class WebhookResponse(NamedTuple):
    """What became of a message.

    Attributes:
        error: why it was not taken, one sentence; empty where it was.
        after_s: the receiver wants to be left alone for so long.
        for_good: the same message would not be taken later, either.
    """

    error: str = ""
    after_s: float = 0.0
    for_good: bool = False


TAKEN = WebhookResponse()


class Webhook:
    """One receiver; threads may share it.

    Args:
        url: ``https://…``, with its secret.
        whole_s: see WHOLE_S.

    Raises:
        SettingsError: this is no such URL.
    """

    def __init__(self, url: str, whole_s: float = WHOLE_S) -> None:
        try:
            parsed = httpx2.URL(url.strip())
        except httpx2.InvalidURL:
            parsed = httpx2.URL("")
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise SettingsError(
                "The setting 'alert_webhook' is no URL of the form https://host/path; "
                "mend REELMILL_ALERT_WEBHOOK or reelmill.toml."
            )
        self._url = parsed
        self._whole_s = whole_s

    def post(self, text: str, later: str = TRIED_AGAIN) -> WebhookResponse:
        """Send a message, and follow the answer nowhere; takes a bounded time, and raises nothing.

        Args:
            later: what the error says to come of a message that may be taken later.
        """
        token = _posting.set(True)
        client = httpx2.Client(timeout=self._whole_s, follow_redirects=False)
        # A timeout for each read alone would let a receiver that sends a byte now and then hold the sender for ever.
        late = threading.Event()

        def cut_off() -> None:
            late.set()
            client.close()

        watch = threading.Timer(self._whole_s, cut_off)
        watch.daemon = True
        watch.start()
        try:
            with client, client.stream("POST", self._url, json={"text": text}) as answer:
                return TAKEN if answer.is_success else _refusal(answer, _beginning(answer), later)
        except (httpx2.HTTPError, OSError, ValueError, RuntimeError) as error:
            return self._trouble(error, late.is_set())
        finally:
            watch.cancel()
            _posting.reset(token)

    def _trouble(self, error: Exception, is_late: bool) -> WebhookResponse:
        """Return what an error means, without its words: they may name the URL."""
        if is_late or isinstance(error, httpx2.TimeoutException):
            return WebhookResponse(f"The webhook did not answer within {self._whole_s:g} s; is its host up?")
        if isinstance(error, httpx2.HTTPError):
            return WebhookResponse(
                f"The webhook cannot be reached ({type(error).__name__}); {MENDING} and the network."
            )
        return WebhookResponse(f"The webhook cannot be used ({type(error).__name__}); {MENDING}.")


def _beginning(answer: httpx2.Response) -> str:
    """Return the first words of an answer, on one line: Slack says ``no_service`` or ``invalid_payload`` there."""
    found = b""
    for chunk in answer.iter_raw(REASON_BYTES):
        found += chunk
        if len(found) >= REASON_BYTES:
            break
    return " ".join(found[:REASON_BYTES].decode("ascii", "replace").split())


def _refusal(answer: httpx2.Response, body: str, later: str) -> WebhookResponse:
    status, said = answer.status_code, f" ({body})" if body and body.isprintable() and "<" not in body else ""
    if answer.is_redirect:
        return WebhookResponse(
            f"The webhook answered {status}, a redirect, which is not followed: the message and the URL's "
            "secret would go elsewhere; let REELMILL_ALERT_WEBHOOK name the place itself."
        )
    for_good = 400 <= status < 500 and status not in LATER
    return WebhookResponse(
        f"The webhook answered {status}{said}; {MENDING if for_good else later}.",
        rest_s(answer.headers.get("retry-after", "")),
        for_good,
    )


def rest_s(header: str) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3), 0 where it says nothing."""
    header = header.strip()
    if header.isascii() and header.isdecimal():
        return min(float(header[:12]), LONGEST_REST_S)
    try:
        at = parsedate_to_datetime(header)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), LONGEST_REST_S)


def _is_loggable(_record: logging.LogRecord) -> bool:
    return not _posting.get()


for _name in ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy"):
    logging.getLogger(_name).addFilter(_is_loggable)  # they log every URL
