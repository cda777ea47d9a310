"""Brings alerts from the outbox to their receiver, tries again what failed, and is in nobody's way."""

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
from tasks.runtime.redaction import redact

PAST_S = 86400.0
"""When a receiver first appears, it gets no alerts that are older: they are kept for `reelmill alerts send`."""
TAKEN_S = 60.0
"""So long nobody else sends an alert that one has taken: far longer than a receiver may take to answer."""
LOOK_S = 15.0
"""Between two looks into the outbox, where another process may have put something; one's own alerts wake at once."""
REST_S, LONGEST_REST_S = 1.0, 60.0
"""Between rounds that failed, the first and the longest: more may be due than one round tries."""
JITTER = 0.25
"""Share of a pause that chance adds to it, so that many postmen do not come back to a receiver all at once."""
PATIENCE = 3
"""Failures in a row after which a receiver is left alone for this round: with one that hangs, each costs a timeout."""

log = logging.getLogger(__name__)


class Receiver(Protocol):
    """Takes messages; `adapters.notify.webhook.Webhook` is one."""

    def post(self, text: str) -> WebhookResponse:
        """Send a message; raises nothing, and takes a bounded time."""


class Round(NamedTuple):
    """What a round through the outbox came to."""

    sent: int = 0
    failed: int = 0


class AlertDispatcher:
    """Sends what is due. Any number may work at once, in any processes: who takes an alert sends it.

    An alert whose sender dies between the receiver's answer and the note of it is sent a second time, TAKEN_S later.
    """

    def __init__(self, catalogue: Catalogue, receiver: Receiver) -> None:
        self._catalogue = catalogue
        self._receiver = receiver
        self._is_failing = False

    def send_due(self, may_go_on: Callable[[], bool] = lambda: True) -> Round:
        """Try everything that is due now, the oldest first.

        Raises:
            CatalogueError: the outbox cannot be read or changed.
        """
        sent = failed = in_a_row = 0
        while may_go_on() and in_a_row < PATIENCE and (due := self._catalogue.alerts.due()):
            for alert in due:
                if not may_go_on() or in_a_row >= PATIENCE:
                    break
                if not self._catalogue.alerts.claim(alert, TAKEN_S):
                    continue
                is_sent = self._send(alert)
                sent, failed = sent + is_sent, failed + (not is_sent)
                in_a_row = 0 if is_sent else in_a_row + 1
        return Round(sent, failed)

    def keep_the_past(self) -> None:
        """Keep back what is older than PAST_S where nothing was ever sent or tried, so that a new receiver has peace.

        Raises:
            CatalogueError: the outbox cannot be changed.
        """
        if kept := self._catalogue.alerts.skip_older(PAST_S):
            log.warning(
                "%s older than %.0f h %s kept and not sent; `reelmill alerts send` sends them all the same.",
                count_of(kept, "alert"),
                PAST_S / 3600,
                one_or_more(kept, "is", "are"),
            )

    def due_in_s(self) -> float | None:
        """Return the seconds until the next alert is due; None where none waits."""
        return self._catalogue.alerts.due_in_s()

    def _send(self, alert: Alert) -> bool:
        answer = self._receiver.post(redact(alert.text))
        if not answer.error:
            self._catalogue.alerts.mark_sent(alert)
            self._is_failing = False
            return True
        if not self._is_failing:  # once, not with each alert and each try: the outbox has it all
            log.warning("Alerts are kept and not sent: %s", answer.error)
            self._is_failing = True
        self._catalogue.alerts.mark_failed(
            alert, redact(answer.error), for_good=answer.for_good, after_s=max(answer.after_s, pause_s(alert.tries))
        )
        return False


def pause_s(tries: int) -> float:
    """Return the seconds until the next try after so many, with a share of chance."""
    pause = PAUSES_S[min(tries, len(PAUSES_S) - 1)]
    return pause * (1 + random.uniform(0, JITTER))  # noqa: S311 - no secret hangs on it


class Beat:
    """Run a dispatcher in its own thread: at start, on each new alert of this process, and periodically."""

    def __init__(self, dispatcher: AlertDispatcher, look_s: float = LOOK_S) -> None:
        self._postman = dispatcher
        self._look_s = look_s
        self._has_begun = False
        self._wake = threading.Event()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._work, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Begin; the thread ends with its process, whatever it is at."""
        alerts.listeners.append(self._told)
        self._thread.start()

    def leave(self) -> None:
        """Let it end after one last round; waits for nothing."""
        self._leaving.set()
        self._wake.set()
        alerts.listeners.remove(self._told)

    def await_end(self, seconds: float) -> bool:
        """Wait for its end, so long at most; False where it is still at work."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _told(self, _told: alerts.AlertText) -> None:
        self._wake.set()

    def _work(self) -> None:
        is_last, rest_s = False, REST_S
        while not is_last:
            self._wake.clear()  # before the question below: whoever leaves between them is seen by it
            is_last = self._leaving.is_set()
            failed = self._round()
            rest_s = min(2 * rest_s, LONGEST_REST_S) if failed else REST_S
            if not is_last:
                self._wake.wait(max(rest_s, self._due_in_s()))

    def _due_in_s(self) -> float:
        """Return the seconds until something is due that is known of already, ``look_s`` at most."""
        try:
            seconds = self._postman.due_in_s()
        except ReelmillError:
            return self._look_s
        return self._look_s if seconds is None else min(seconds, self._look_s)

    def _round(self) -> bool:
        """Make a round; return whether something failed."""
        try:
            if not self._has_begun:
                self._postman.keep_the_past()
                self._has_begun = True
            return self._postman.send_due().failed > 0
        except ReelmillError as error:
            log.warning("Alerts could not be sent: %s", error)
        except Exception as error:  # noqa: BLE001 - an alert is worth no thread's traceback, and no run
            log.warning("Alerts could not be sent: %s: %s", type(error).__name__, redact(str(error)))
        return True


@contextmanager
def at_work(dispatcher: AlertDispatcher, look_s: float = LOOK_S) -> Iterator[Beat]:
    """Let a dispatcher work beside the block; after it he makes a last round on his own time."""
    beat = Beat(dispatcher, look_s)
    beat.start()
    try:
        yield beat
    finally:
        beat.leave()
