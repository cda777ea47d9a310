"""Deliver alerts to the webhook while a command or a flow runs."""

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
from tasks.alerts.alert_dispatcher import AlertDispatcher, DispatcherThread, dispatching

LAST_S = 3.0
"""How long an exiting process waits for alerts that are being sent; unsent ones stay in the outbox."""

log = logging.getLogger(__name__)
_threads: list[DispatcherThread] = []
_changing = threading.Lock()


@contextmanager
def delivering_alerts(settings: Settings, catalogue: Catalogue) -> Iterator[None]:
    """Send alerts in the background during the block, which neither fails nor waits because of them.

    The last alerts may be sent after the block; an exiting process waits up to LAST_S for them.
    """
    receiver = _receiver_of(settings)
    if receiver is None:
        yield
        return
    with dispatching(AlertDispatcher(catalogue, receiver)) as thread:
        with _changing:
            _threads[:] = [*(each for each in _threads if not each.join(0)), thread]
        yield


def webhook_of(settings: Settings) -> Webhook:
    """Return the webhook that alerts are sent to.

    Raises:
        SettingsError: the setting is missing or not a URL.
    """
    if settings.alert_webhook is None:
        raise SettingsError(
            "No webhook is set for alerts. Set REELMILL_ALERT_WEBHOOK to its URL, and keep the URL secret like a "
            "password."
        )
    return Webhook(settings.alert_webhook.get_secret_value())


def _receiver_of(settings: Settings) -> Webhook | None:
    if settings.alert_webhook is None:
        return None
    try:
        return webhook_of(settings)
    except SettingsError as error:
        log.warning("Alerts cannot be sent and are kept in the outbox: %s", error)
        return None


@atexit.register
def await_last_alerts() -> None:
    """Wait up to LAST_S for alerts that are being sent; called when the process exits."""
    until = time.monotonic() + LAST_S
    for thread in _threads:
        thread.join(max(0.0, until - time.monotonic()))
