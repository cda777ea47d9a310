"""Check the addresses of a provider's result files.

The address is in the provider's answer, so it could lead anywhere: into the network of this machine, or to a server
that only pretends to be one of the provider.
"""

import httpx2

from adapters.hosted.errors import DownloadError
from adapters.web.addresses import is_public

MAX_URL = 16_384


class ResultAddresses:
    """The addresses of one card.

    Args:
        base_url: of the API. Its own host may be a private one, and is then reached as the API is.
        hosts: further hosts; ``*.example.com`` includes all names under it, and ``*`` all hosts with a public address.
    """

    def __init__(self, base_url: str, hosts: tuple[str, ...]) -> None:
        self._base = httpx2.URL(base_url)
        self._hosts = tuple(host.lower() for host in hosts)

    def checked(self, text: str) -> httpx2.URL:
        """Return an address that may be requested, without its fragment.

        Raises:
            DownloadError: it may not; the message names its host only.
        """
        try:
            url = httpx2.URL(text)
        except (httpx2.InvalidURL, ValueError):
            url = httpx2.URL("")
        if len(text) > MAX_URL or not url.host or url.userinfo:
            raise DownloadError("The provider returned an invalid address for the file.")
        if self.is_own(url):
            return url.copy_with(fragment=None)
        if url.scheme != "https":
            raise DownloadError(f"The file at {url.host} was not downloaded: its address does not use https://.")
        if "*" not in self._hosts and not self.is_named(url):
            raise DownloadError(
                f"The file is at {url.host}, which is not a host of the card. If it belongs to the provider, "
                "add it to `result_hosts` in the card."
            )
        return url.copy_with(fragment=None)

    def is_own(self, url: httpx2.URL) -> bool:
        """Return whether an address is at the server of the API itself."""
        return (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)

    def may_connect(self, url: httpx2.URL, address: str) -> bool:
        """Return whether a connection to an IP address may be opened for an address: to public ones only."""
        return self.is_own(url) or is_public(address)

    def is_named(self, url: httpx2.URL) -> bool:
        """Return whether the card names the host itself, not only with ``*``."""
        host = url.host.lower()
        if host == self._base.host.lower():
            return True
        return any(host.endswith(each[1:]) if each.startswith("*.") else host == each for each in self._hosts)
