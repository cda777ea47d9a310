"""How long the lane waits: between polls, after failures, and for room in the account."""

import random

FIRST_S = 1.0
MOST_S = 60.0
MOST_RETRY_AFTER_S = 300.0
"""Longest wait that a provider may ask for; then it is asked again."""
JITTER = 0.1
MOST_FIRST_POLL_S = 120.0


def jittered(seconds: float) -> float:
    """Return a delay that differs by up to a tenth, so that jobs submitted together are not polled together."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


def backoff(number: int, factor: float = 1.0, most_s: float = MOST_S) -> float:
    """Return the delay before the repetition of this number, from 0: each is twice as long as the one before.

    Args:
        factor: of FIRST_S, for the first one.
    """
    return jittered(min(most_s, FIRST_S * factor * 2 ** min(number, 20)))


def asked_delay(retry_after_s: float | None, number: int) -> float:
    """Return the delay that a provider has asked for, at most MOST_RETRY_AFTER_S, or that of ``backoff``."""
    if retry_after_s is None:
        return backoff(number, 2.0, MOST_RETRY_AFTER_S)
    return min(max(retry_after_s, FIRST_S), MOST_RETRY_AFTER_S)


def first_poll(poll_s: float, usual_s: float) -> float:
    """Return the delay before a job's first poll.

    Args:
        poll_s: the card's seconds between two polls.
        usual_s: the delay after which the recent jobs would have waited least for their polls.
    """
    return max(jittered(poll_s), min(usual_s, MOST_FIRST_POLL_S))
