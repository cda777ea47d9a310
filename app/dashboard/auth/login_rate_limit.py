"""Rate limits for sign-in attempts, and one-time sign-in links."""

import secrets
import threading
import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from manifests.errors import ReelmillError

LINK_S = 300.0


class TooManyAttemptsError(ReelmillError):
    """Too many sign-in attempts. Wait a minute, then try again."""


class LoginRateLimit:
    """Rate limit for sign-in attempts by address and by account name."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._by_address, self._by_name = parse("20/minute"), parse("5/minute")

    def count(self, address: str, name: str) -> None:
        """Count one attempt.

        Raises:
            TooManyAttemptsError: the limit is reached.
        """
        name = " ".join(name.split()).casefold()[:100]
        free = self._limiter.hit(self._by_address, "address", address)
        if not (self._limiter.hit(self._by_name, "name", name) and free):
            raise TooManyAttemptsError


class OneTimeLinks:
    """Secrets of one-time sign-in links, kept in memory only."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def create(self, name: str) -> str:
        """Create a link for an account and return its secret."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._names[secret] = time.monotonic() + LINK_S, name
        return secret

    def redeem(self, secret: str) -> str | None:
        """Return the account name and invalidate the link; None if the link is unknown or expired."""
        with self._lock:
            until, name = self._names.pop(secret, (0.0, ""))
        return name if until > time.monotonic() else None
