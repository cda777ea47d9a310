"""Renew the leases of this process while it works."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from adapters.catalogue import Catalogue
from manifests.errors import ReelmillError
from tasks.runtime.lease_owner import current_owner


@contextmanager
def heartbeat(
    catalogue: Catalogue, lease_s: float, book: Callable[[Catalogue], None] = lambda _: None
) -> Iterator[None]:
    """Renew all leases of this process during the block, three times per lease duration.

    Args:
        book: books what this process uses; called at the same intervals.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(catalogue, lease_s, book, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(catalogue: Catalogue, lease_s: float, book: Callable[[Catalogue], None], ended: threading.Event) -> None:
    while not ended.wait(lease_s / 3):
        try:
            catalogue.leases.renew(current_owner(), lease_s)
            book(catalogue)
        except ReelmillError:
            # The steps report a catalogue that does not respond. If it stays away, the leases
            # expire, and every state change checks the lease, so this worker cannot write.
            continue
