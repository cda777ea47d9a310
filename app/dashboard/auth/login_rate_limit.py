"""What holds a guesser back: counted tries, and links that work once."""

import secrets
import threading
import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from manifests.errors import ReelmillError

LINK_S = 300.0


class TooManyAttemptsError(ReelmillError):
    """Too many tries to sign in; wait a minute."""


class LoginRateLimit:
    """Counts tries to sign in, by address and by name."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._by_address, self._by_name = parse("20/minute"), parse("5/minute")

    def count(self, address: str, name: str) -> None:
        """Count one.

        Raises:
            TooManyAttemptsError: no more are looked at for now.
        """
        name = " ".join(name.split()).casefold()[:100]
        free = self._limiter.hit(self._by_address, "address", address)
        if not (self._limiter.hit(self._by_name, "name", name) and free):
            raise TooManyAttemptsError


class OneTimeLinks:
    """Secrets of sign-in links, in this process's memory only; each works once."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def make(self, name: str) -> str:
        """Return the secret of a link for an account."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._names[secret] = time.monotonic() + LINK_S, name
        return secret

    def take(self, secret: str) -> str | None:
        """Return the account's name, once."""
        with self._lock:
            until, name = self._names.pop(secret, (0.0, ""))
        return name if until > time.monotonic() else None
