"""One-time sign-in links."""

import secrets
import threading
import time
from collections.abc import Callable

LINK_S = 300.0


class OneTimeLinks:
    """Secrets of one-time sign-in links, kept in memory only."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[float, str, Callable[[], None]]] = {}
        self._lock = threading.Lock()

    def create(self, name: str, used: Callable[[], None] = lambda: None) -> str:
        """Create a link for an account and return its secret; ``used`` is called once it has been redeemed."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._names[secret] = time.monotonic() + LINK_S, name, used
        return secret

    def redeem(self, secret: str) -> str | None:
        """Return the account name and invalidate the link; None if the link is unknown or expired."""
        with self._lock:
            until, name, used = self._names.pop(secret, (0.0, "", lambda: None))
        used()
        return name if until > time.monotonic() else None
