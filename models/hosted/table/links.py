"""Addresses that a provider returns for later requests. These carry the key, so only its own hosts are accepted."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from models.hosted.table.body import address


def own_link(link: object, base_url: str, hosts: Iterable[str]) -> str:
    """Return a link if it leads to the base address's host, or with TLS to one of ``hosts``; otherwise empty.

    ``*.example.com`` includes all names under it. ``*`` alone is no host here: it would send the key anywhere.
    """
    found = address(link)
    if not found:
        return ""
    parts, base = urlsplit(found), urlsplit(base_url)
    if (parts.scheme, parts.netloc.lower()) == (base.scheme, base.netloc.lower()):
        return found
    host = (parts.hostname or "").lower()
    is_known = any(_is_under(host, pattern.lower()) for pattern in hosts if pattern != "*")
    return found if is_known and parts.scheme == "https" and parts.port in (None, 443) else ""


def _is_under(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) and len(host) >= len(pattern) if pattern.startswith("*.") else host == pattern
