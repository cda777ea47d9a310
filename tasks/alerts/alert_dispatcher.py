"""Send alerts from the outbox to their receiver, and retry failures, in the background."""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from adapters.catalogue import Alert, Catalogue
from adapters.catalogue.messages.alerts import PAUSES_S
from adapters.notify.webhook import WebhookResponse
from manifests.errors import ReelmillError
from manifests.pluralize import count_of, one_or_more
from tasks.alerts import alerts
from tasks.runtime.logs.redaction import redact

MAX_AGE_S = 86400.0
"""A new receiver gets no alerts that are older than this; they are kept for `reelmill alerts send`."""
CLAIM_S = 60.0
"""How long a claimed alert is not sent by others: much longer than the timeout of a receiver."""
POLL_S = 15.0
"""Interval between polls for alerts of other processes; alerts of this process are sent at once."""
MIN_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
"""First and longest pause after rounds with failures: more alerts may be due than one round tries."""
JITTER = 0.25
"""Share of a pause that is added at random, so that many dispatchers do not retry at the same moment."""
MAX_FAILURES = 3
"""Failures in a row after which a round ends: each one may cost a timeout."""

log = logging.getLogger(__name__)


class Receiver(Protocol):
    """A receiver of messages, such as `adapters.notify.webhook.Webhook`."""

    def post(self, text: str) -> WebhookResponse:
        """Post a message within a bounded time; never raises."""


class Round(NamedTuple):
    """The result of one round through the outbox."""

    sent: int = 0
    failed: int = 0


class AlertDispatcher:
    """Sends alerts that are due. Several dispatchers, also in several processes, may work at the same time.

    If a process dies after the receiver accepted an alert and before this is recorded, the alert is sent again after
    CLAIM_S.
    """

    def __init__(self, catalogue: Catalogue, receiver: Receiver) -> None:
        self._catalogue = catalogue
        self._receiver = receiver
        self._is_failing = False

    def send_due(self, may_continue: Callable[[], bool] = lambda: True) -> Round:
        """Send all alerts that are due now, oldest first.

        Raises:
            CatalogueError: the outbox cannot be read or changed.
        """
        sent = failed = in_a_row = 0
        while may_continue() and in_a_row < MAX_FAILURES and (due := self._catalogue.alerts.due()):
            for alert in due:
                if not may_continue() or in_a_row >= MAX_FAILURES:
                    break
                if not self._catalogue.alerts.claim(alert, CLAIM_S):
                    continue
                is_sent = self._send(alert)
                sent, failed = sent + is_sent, failed + (not is_sent)
                in_a_row = 0 if is_sent else in_a_row + 1
        return Round(sent, failed)

    def skip_old(self) -> None:
        """Skip alerts older than MAX_AGE_S if none was ever sent or tried, to spare a new receiver.

        Raises:
            CatalogueError: the outbox cannot be changed.
        """
        if skipped := self._catalogue.alerts.skip_older(MAX_AGE_S):
            log.warning(
                "%s older than %.0f h %s not sent. Use `reelmill alerts send` to send %s.",
                count_of(skipped, "alert"),
                MAX_AGE_S / 3600,
                one_or_more(skipped, "was", "were"),
                one_or_more(skipped, "it", "them"),
            )

    def due_in_s(self) -> float | None:
        """Return the seconds until the next alert is due; None if none is waiting."""
        return self._catalogue.alerts.due_in_s()

    def _send(self, alert: Alert) -> bool:
        answer = self._receiver.post(redact(alert.text))
        if not answer.error:
            self._catalogue.alerts.mark_sent(alert)
            self._is_failing = False
            return True
        if not self._is_failing:  # log only the first failure; the outbox records all of them
            log.warning("Alerts cannot be sent and are kept in the outbox: %s", answer.error)
            self._is_failing = True
        self._catalogue.alerts.mark_failed(
            alert,
            redact(answer.error),
            permanent=answer.is_permanent,
            after_s=max(answer.after_s, pause_s(alert.tries)),
        )
        return False


def pause_s(tries: int) -> float:
    """Return the seconds until the next attempt after a number of attempts, with jitter."""
    pause = PAUSES_S[min(tries, len(PAUSES_S) - 1)]
    return pause * (1 + random.uniform(0, JITTER))  # noqa: S311 - not security-relevant


class DispatcherThread:
    """Run a dispatcher in a thread: at start, on each new alert of this process, and periodically."""

    def __init__(self, dispatcher: AlertDispatcher, poll_s: float = POLL_S) -> None:
        self._dispatcher = dispatcher
        self._poll_s = poll_s
        self._has_begun = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Start the daemon thread."""
        alerts.listeners.append(self._on_alert)
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end after one last round, without waiting for it."""
        self._stopping.set()
        self._wake.set()
        alerts.listeners.remove(self._on_alert)

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end, for a limited time; return whether it ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _on_alert(self, _alert: alerts.AlertText) -> None:
        self._wake.set()

    def _work(self) -> None:
        is_last, pause_s = False, MIN_PAUSE_S
        while not is_last:
            self._wake.clear()  # before reading `_stopping`, so that a call of `stop` in between is not missed
            is_last = self._stopping.is_set()
            failed = self._round()
            pause_s = min(2 * pause_s, MAX_PAUSE_S) if failed else MIN_PAUSE_S
            if not is_last:
                self._wake.wait(max(pause_s, self._due_in_s()))

    def _due_in_s(self) -> float:
        """Return the seconds until the next alert is due, at most the polling interval."""
        try:
            seconds = self._dispatcher.due_in_s()
        except ReelmillError:
            return self._poll_s
        return self._poll_s if seconds is None else min(seconds, self._poll_s)

    def _round(self) -> bool:
        """Run one round; return whether something failed."""
        try:
            if not self._has_begun:
                self._dispatcher.skip_old()
                self._has_begun = True
            return self._dispatcher.send_due().failed > 0
        except ReelmillError as error:
            log.warning("Alerts could not be sent: %s", error)
        except Exception as error:  # noqa: BLE001 - a failing alert must not end the thread or a run
            log.warning("Alerts could not be sent: %s: %s", type(error).__name__, redact(str(error)))
        return True


@contextmanager
def dispatching(dispatcher: AlertDispatcher, poll_s: float = POLL_S) -> Iterator[DispatcherThread]:
    """Run a dispatcher in the background during the block; its last round may end after the block."""
    thread = DispatcherThread(dispatcher, poll_s)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()
