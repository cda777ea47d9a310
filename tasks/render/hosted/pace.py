"""When to ask for a job's status first, learned from the durations of recent jobs of the same card."""

import threading

RECENT = 20
"""Number of recent jobs from which the time of the first poll is computed."""
ALIKE = 0.6
"""Jobs whose durations differ by less than this share of the time between two polls count as equally long."""
SOONER = 0.05
"""A job that is done at its first poll is assumed to have ended this share of the poll interval earlier."""
DOUBLES = 20
"""After this number of such jobs in a row, the share doubles, because all jobs may have become faster."""


class Pace:
    """Learns the time of the first poll; threads may share it.

    A job that ends between two polls waits for the second one, and its place at the provider stays empty until then. If
    all jobs take equally long, the first poll is sent just after their end. Otherwise it is sent before the fast ones
    are done. Polls of a job are never closer to each other than the card allows.

    Args:
        poll_s: the card's seconds between two polls.
    """

    def __init__(self, poll_s: float) -> None:
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._recent: list[float] = []
        self._hits = 0
        self._first_s = 0.0

    @property
    def first_s(self) -> float:
        """Seconds from the provider's answer to the first poll of a job; 0 if nothing is known."""
        return self._first_s

    def add(self, done_s: float, not_done_s: float | None) -> None:
        """Add a job.

        Args:
            done_s: seconds from the provider's answer to the poll that found it done.
            not_done_s: seconds to the previous poll; None if it was done at its first poll.
        """
        with self._lock:
            self._hits = 0 if not_done_s is not None else self._hits + 1
            took_s = self._at_most(done_s) if not_done_s is None else (done_s + not_done_s) / 2
            self._recent = [*self._recent, took_s][-RECENT:]
            self._first_s = self._next_first()

    def _at_most(self, done_s: float) -> float:
        """Return the duration of a job that was done at its first poll. If that poll was late, this shows nothing."""
        sooner_s = self._poll_s * SOONER * 2.0 ** (self._hits // DOUBLES)
        return max(0.0, min(done_s, self._first_s or done_s) - sooner_s)

    def _next_first(self) -> float:
        durations = sorted(self._recent)
        quick_s, slow_s = (durations[len(durations) * share // 100] for share in (25, 90))
        return slow_s if slow_s - quick_s < ALIKE * self._poll_s else max(0.0, quick_s - self._poll_s)
