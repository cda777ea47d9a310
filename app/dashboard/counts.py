"""Counting clips, remembered for a few seconds: a reviewer turns pages faster than a million rows are counted."""

import time
from threading import Lock

from adapters.catalogue import Catalogue, Filter
from adapters.catalogue.gallery import Count

FRESH_S = 10.0
MOST_KEPT = 256


class Counts:
    """Counts by filter."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept: dict[Filter, tuple[float, Count]] = {}
        self._lock = Lock()

    def of(self, chosen: Filter) -> Count:
        """Return how many clips a filter leaves."""
        now = time.monotonic()
        with self._lock:
            counted = self._kept.get(chosen)
        if counted and counted[0] > now:
            return counted[1]
        found = self._catalogue.count(chosen)
        with self._lock:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[chosen] = now + FRESH_S, found
        return found
