"""Rate limits for sign-in attempts, after OWASP's advice: slow guessing down, and lock nobody out."""

import math
import time
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from manifests.errors import ReelmillError

PAIR = (parse("5/minute"), parse("30/hour"))
"""Failures of one network at one account, and of one known device at its account."""
NETWORK = (parse("20/minute"), parse("200/hour"))
"""Failures of one network at all accounts."""
SITE = (parse("10/minute"), parse("60/hour"))
"""Failures of one IPv6 /48, which one customer can have, at one account."""
ACCOUNT = parse("30/hour")
"""Failures at one account from all networks; from then on, unknown devices share SLOWED."""
SLOWED = parse("1/5second")
IPV6_NETWORK = 64
"""One customer gets at least this prefix of IPv6, and can use every address in it."""
IPV6_SITE = 48
"""One customer gets at most this prefix."""


class TooManyAttemptsError(ReelmillError):
    """Too many failed sign-in attempts."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(
            f"Too many failed sign-in attempts. Wait {wait_s} {'second' if wait_s == 1 else 'seconds'}, then try again."
        )
        self.wait_s = wait_s


class _Limit(NamedTuple):
    item: RateLimitItem
    key: tuple[str, ...]


class Attempt(NamedTuple):
    """An admitted attempt; it counts as a failure until it succeeds."""

    limits: tuple[_Limit, ...]


class LoginRateLimit:
    """Count failed sign-ins by network, account and known device."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)

    def begin(self, address: str, name: str, device: str = "") -> Attempt:
        """Admit an attempt. It counts at once, so that attempts at the same time cannot exceed the limits.

        Args:
            address: the client's address.
            device: id of a device that has signed in to this account before; others cannot use up its limit.

        Raises:
            TooManyAttemptsError: a limit is reached. The refused attempt does not count.
        """
        name = account_key(name)
        limits = tuple(_known(device, name) if device else self._unknown(address, name))
        hit: list[_Limit] = []
        for limit in limits:
            admitted = self._limiter.hit(limit.item, *limit.key)
            hit.append(limit)
            if not admitted:
                self._give_back(hit)
                raise TooManyAttemptsError(self._wait_s(limit))
        return Attempt(limits)

    def succeeded(self, attempt: Attempt) -> None:
        """Remove an attempt from the counts, because it was not a failure."""
        self._give_back(attempt.limits)

    def _unknown(self, address: str, name: str) -> Iterator[_Limit]:
        network, site = network_of(address), network_of(address, IPV6_SITE)
        if site != network:
            yield from (_Limit(item, ("site", site, name)) for item in SITE)
        yield from (_Limit(item, ("pair", network, name)) for item in PAIR)
        yield from (_Limit(item, ("network", network)) for item in NETWORK)
        everywhere = _Limit(ACCOUNT, ("account", name))
        slow = not self._limiter.test(everywhere.item, *everywhere.key)
        yield _Limit(SLOWED, ("slowed", name)) if slow else everywhere

    def _give_back(self, limits: list[_Limit] | tuple[_Limit, ...]) -> None:
        for limit in limits:
            if limit.item is not SLOWED:
                self._storage.decr(limit.item.key_for(*limit.key))

    def _wait_s(self, limit: _Limit) -> int:
        until = self._limiter.get_window_stats(limit.item, *limit.key).reset_time
        return max(1, math.ceil(until - time.time()))


def _known(device: str, name: str) -> Iterator[_Limit]:
    return (_Limit(item, ("device", device, name)) for item in PAIR)


def account_key(name: str) -> str:
    """Return a name as it is counted: without differences that lead to the same account."""
    return " ".join(name.split()).casefold()[:100]


def network_of(address: str, prefix: int = IPV6_NETWORK) -> str:
    """Return the network of an address: the address itself for IPv4, its /64 or another prefix for IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, prefix), strict=False))
    return str(found)
