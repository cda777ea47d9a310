"""Proxies of the environment: never used for this machine, and never those that our HTTP clients cannot use.

The clients of Prefect, boto3 and the webhook read the usual variables (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``)
themselves, but interpret them differently. ``tidy`` rewrites the variables so that all of them agree.
"""

import re
import urllib.request
from collections.abc import Iterator, MutableMapping
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from manifests.errors import SettingsError

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
LOOPBACK = ("localhost", ".localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - compared, not bound
"""Entries of NO_PROXY for this machine. HTTP clients do not agree on networks such as 127.0.0.0/8."""
UNUSABLE = "reelmill_unusable_"
"""Prefix of the variables to which ``tidy`` moves proxies that cannot be used; children inherit them."""

_ENTRY = re.compile(r"\*|(https?://)?(\*?\.)?[A-Za-z0-9_][A-Za-z0-9_.-]*(:[0-9]{1,5}|/[0-9]{1,2})?")
_PROXY = re.compile(
    r"(https?://)?([^@/?#\s\[\]]*@)?([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?", re.IGNORECASE
)
_SEPARATOR = re.compile(r"[,\s]+")

Environment = MutableMapping[str, str]


def tidy(environment: Environment, *urls: str) -> None:
    """Exclude loopback from the proxies of an environment, and move proxies aside that no client can use.

    httpx, which Prefect uses, fails for every host if a SOCKS proxy is set, or if NO_PROXY contains an entry that it
    cannot parse. boto3 and urllib ignore ALL_PROXY.

    Args:
        urls: URLs of our services; those on loopback are excluded by their host, for example 127.0.1.1.
    """
    for name, value in list(environment.items()):
        if name.lower() in PROXIES and value and not _is_usable(value):
            environment[f"{UNUSABLE}{name}".upper()] = environment.pop(name)
    for_all = environment.get("all_proxy", environment.get("ALL_PROXY", ""))
    for name in ("http_proxy", "https_proxy"):
        if for_all and name not in environment and name.upper() not in environment:
            environment[name] = for_all
    if any(name.lower() in (*PROXIES, "no_proxy") for name in environment):
        excluded = [*_excluded(environment), *LOOPBACK, *(_host(url) for url in urls if is_loopback(url))]
        environment["no_proxy"] = environment["NO_PROXY"] = ",".join(dict.fromkeys(excluded))


def is_loopback(url: str) -> bool:
    """Return whether a URL names this machine by its loopback name or address."""
    host = _host(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback or address.is_unspecified


def proxy_of(url: str) -> str:
    """Return the proxy through which a URL is requested, without its password; an empty string if there is none."""
    if is_loopback(url) or urllib.request.proxy_bypass(_split(url).netloc.rpartition("@")[2]):
        return ""
    found = urllib.request.getproxies()
    return _masked(found.get(_split(url).scheme) or found.get("all") or "")


def check_proxy(url: str) -> None:
    """Check that no unusable proxy is set for a URL.

    Raises:
        SettingsError: there is one; a direct connection could violate the rules of the network.
    """
    parts = _split(url)
    if is_loopback(url) or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return
    found = urllib.request.getproxies()
    for scheme in (parts.scheme, "all"):
        if scheme in found:
            return
        if unusable := found.get(f"{UNUSABLE}{scheme}"):
            raise SettingsError(
                f"{scheme.upper()}_PROXY is {_masked(unusable)}, but Reelmill can use only proxies that begin with "
                f"http:// or https://. Set {parts.scheme.upper()}_PROXY to such a proxy, or add {_host(url)} to "
                "NO_PROXY to connect to it directly."
            )


def unusable_proxies() -> dict[str, str]:
    """Return the proxies that ``tidy`` has moved aside by the name of their variable, without passwords."""
    found = urllib.request.getproxies()
    return {
        f"{name.removeprefix(UNUSABLE)}_proxy".upper(): _masked(value)
        for name, value in found.items()
        if name.startswith(UNUSABLE)
    }


def open_url(request: str | urllib.request.Request, timeout_s: float) -> Any:
    """Open a URL as urllib does; one on loopback always without a proxy."""
    url = request if isinstance(request, str) else request.full_url
    proxies = urllib.request.ProxyHandler({} if is_loopback(url) else None)
    return urllib.request.build_opener(proxies).open(request, timeout=timeout_s)


def _excluded(environment: Environment) -> Iterator[str]:
    """Yield the entries of NO_PROXY in a form that all clients can parse; the lower-case variable takes precedence."""
    for entry in _SEPARATOR.split(environment.get("no_proxy", environment.get("NO_PROXY", ""))):
        entry = entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry
        if _ENTRY.fullmatch(entry) or _is_ipv6(entry):
            yield entry


def _is_ipv6(entry: str) -> bool:
    try:
        return bool(IPv6Address(entry)) and "%" not in entry
    except ValueError:
        return False


def _is_usable(proxy: str) -> bool:
    match = _PROXY.fullmatch(proxy.strip())
    return match is not None and (not match[3].startswith("[") or _is_ipv6(match[3][1:-1]))


def _split(url: str) -> SplitResult:
    return urlsplit(url.strip() if "://" in url else f"http://{url.strip()}")


def _host(url: str) -> str:
    try:
        return (_split(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _masked(proxy: str) -> str:
    return re.sub(r"//[^/]*@", "//", proxy) if "://" in proxy else proxy.rpartition("@")[2]
