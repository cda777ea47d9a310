"""Alerts on their way while something runs: to the webhook, and to Prefect."""

import atexit
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.catalogue import Catalogue
from adapters.notify.webhook import Webhook
from flows.settings import Settings
from manifests.errors import SettingsError
from tasks.alerts.alert_dispatcher import AlertDispatcher, Beat, at_work

LAST_S = 3.0
"""What an ending process waits at most for a message that is being sent; one that was not sent stays in the outbox."""

log = logging.getLogger(__name__)
_beats: list[Beat] = []
_changing = threading.Lock()


@contextmanager
def posting(settings: Settings, catalogue: Catalogue) -> Iterator[None]:
    """Send alerts beside the block, which neither fails nor waits for them, whatever the receiver does.

    After the block the last ones go out on the sender's own time, which an ending process grants for LAST_S.
    """
    receiver = _receiver_of(settings)
    if receiver is None:
        yield
        return
    with at_work(AlertDispatcher(catalogue, receiver)) as beat:
        with _changing:
            _beats[:] = [*(each for each in _beats if not each.await_end(0)), beat]
        yield


def webhook_of(settings: Settings) -> Webhook:
    """Return where alerts go.

    Raises:
        SettingsError: nowhere, or the setting is no URL.
    """
    if settings.alert_webhook is None:
        raise SettingsError(
            "There is no webhook to send alerts to; set REELMILL_ALERT_WEBHOOK to its URL, and keep "
            "that as secret as a password."
        )
    return Webhook(settings.alert_webhook.get_secret_value())


def _receiver_of(settings: Settings) -> Webhook | None:
    if settings.alert_webhook is None:
        return None
    try:
        return webhook_of(settings)
    except SettingsError as error:
        log.warning("Alerts are kept and not sent: %s", error)
        return None


@atexit.register
def grant_the_last() -> None:
    """Wait for what is being sent, LAST_S at most; for a process that ends by itself."""
    until = time.monotonic() + LAST_S
    for beat in _beats:
        beat.await_end(max(0.0, until - time.monotonic()))
