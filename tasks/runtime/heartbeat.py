"""Keeps this process's leases alive while it works."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.catalogue import Catalogue
from manifests.errors import ReelmillError
from tasks.runtime.lease_owner import current_owner


@contextmanager
def heartbeat(catalogue: Catalogue, lease_s: float) -> Iterator[None]:
    """Renew all leases of this process three times in each lease's length."""
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(catalogue, lease_s, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(catalogue: Catalogue, lease_s: float, ended: threading.Event) -> None:
    while not ended.wait(lease_s / 3):
        try:
            catalogue.leases.renew(current_owner(), lease_s)
        except ReelmillError:
            # A catalogue that is away for a moment is the steps' to report; if it stays away
            # the leases expire, and the fence in every transition keeps this worker out.
            continue
