"""Which hosts a card lets a result file be fetched from."""

from pathlib import Path

import httpx2
import pytest

from adapters.hosted.download import Downloader
from adapters.hosted.errors import DownloadError
from adapters.hosted.result_address import ResultAddresses

BASE = "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("hosts", "url", "is_allowed"),
    [
        ((), "https://api.example.com/v.mp4", True),
        ((), "https://cdn.example.com/v.mp4", False),
        (("*.example.com",), "https://cdn.example.com/v.mp4", True),
        (("*.example.com",), "https://example.com.evil.net/v.mp4", False),
        (("*",), "https://anything.net/v.mp4", True),
        (("*",), "http://anything.net/v.mp4", False),
        (("*",), "https://user@anything.net/v.mp4", False),
    ],
)
def test_hosts_of_the_card(hosts, url, is_allowed):
    addresses = ResultAddresses(BASE, hosts)
    if is_allowed:
        assert str(addresses.checked(url)) == url
    else:
        with pytest.raises(DownloadError):
            addresses.checked(url)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_any_host_still_means_public_addresses_only(address):
    addresses = ResultAddresses(BASE, ("*",))
    assert not addresses.may_connect(httpx2.URL("https://anything.net/v.mp4"), address)
    assert addresses.may_connect(httpx2.URL("https://anything.net/v.mp4"), "93.184.216.34")


def test_any_host_leads_to_no_private_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    downloader = Downloader(ResultAddresses(BASE, ("*",)), 1000, resolver=lambda host, port: ["10.0.0.1"])
    with pytest.raises(DownloadError, match="private address"):
        downloader.fetch("https://anything.net/v.mp4", tmp_path / "v.mp4")


def test_a_proxy_resolves_names_so_that_only_named_hosts_go_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DownloadError, match="Through a proxy, only named hosts"):
        Downloader(ResultAddresses(BASE, ("*",)), 1000).fetch("https://anything.net/v.mp4", tmp_path / "v.mp4")
    with pytest.raises(DownloadError, match=r"connection to anything\.net failed"):
        Downloader(ResultAddresses(BASE, ("anything.net",)), 1000).fetch(
            "https://anything.net/v.mp4", tmp_path / "v.mp4"
        )
