"""Requests to a provider go through the proxy of the environment, which sees neither keys nor prompts."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest
from hosted_world import World, accept_every_clip, hurry, paid
from tls_server import certificates
from vendor_server import VendorServer

from adapters.hosted import download
from manifests.errors import ProviderError
from manifests.hosted.job import JobState
from manifests.states import State
from tasks.render.hosted import lane, provider
from tasks.runtime import resources as resources_module

HOST = "api.provider.test"
"""A name that no resolver knows: only the proxy reaches it."""
KEY = "secret-key-of-the-account"
REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Accept every clip, wait for milliseconds only, and keep no connection of another test."""
    lane.stopping.clear()
    accept_every_clip(monkeypatch)
    hurry(monkeypatch)
    provider._provider.cache_clear()
    download._public_context.cache_clear()
    yield
    resources_module.close_resources()
    provider._provider.cache_clear()
    download._public_context.cache_clear()


class Proxy:
    """A proxy that records what it can read, and connects every tunnel to a provider on loopback, behind TLS.

    Attributes:
        heads: everything that was sent to it in plain text.
        tunnelled: everything that was sent through tunnels, as the provider reads it.
    """

    def __init__(self, vendor: VendorServer, chain, refuses: bool = False) -> None:
        self._vendor_port = int(vendor.base_url.rpartition(":")[2])
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._refuses = refuses
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:proxy-password@127.0.0.1:{self._listener.getsockname()[1]}"
        self.heads: list[bytes] = []
        self.tunnelled = bytearray()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head and (block := client.recv(1)):
                head += block
            self.heads.append(head)
            if self._refuses or not head.startswith(b"CONNECT "):
                client.sendall(REFUSED)
                return
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            inside = self._context.wrap_socket(client, server_side=True)
            with inside, socket.create_connection(("127.0.0.1", self._vendor_port)) as vendor:
                threading.Thread(target=_copy, args=(vendor, inside), daemon=True).start()
                _copy(inside, vendor, self.tunnelled)


def _copy(source: socket.socket, target: socket.socket, record: bytearray | None = None) -> None:
    """Pass on what comes until the source closes, then close the other direction."""
    with suppress(OSError):
        while block := source.recv(65536):
            if record is not None:
                record.extend(block)
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """Return a function that yields a world whose provider is behind a proxy, with that proxy and the provider."""
    authority, chain = certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    opened: list[Proxy] = []

    def begin(vendor: VendorServer, *, refuses: bool = False) -> tuple[World, Proxy]:
        proxy = Proxy(vendor, chain, refuses)
        opened.append(proxy)
        vendor.base_url = f"https://{HOST}"
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", proxy.url)
        return World(tmp_path, vendor.base_url, "runway", key=KEY, **paid("none")), proxy

    yield begin
    for proxy in opened:
        proxy.close()


def test_all_requests_go_through_the_proxy_which_reads_neither_key_nor_prompt(installation):
    with VendorServer("runway", polls_until_done=2, key=KEY) as vendor:
        world, proxy = installation(vendor)
        report = world.run()
        assert (report.passed, report.problems) == (1, ())
        counts = [vendor.count(operation) for operation in ("submit", "poll", "file")]
    assert counts == [1, 2, 1]
    assert {head.split(b"\r\n")[0] for head in proxy.heads} == {f"CONNECT {HOST}:443 HTTP/1.1".encode()}
    assert len(proxy.heads) >= 3  # the submission and the file have connections of their own
    plain = b"".join(proxy.heads)
    assert b"Proxy-Authorization: Basic" in plain
    assert KEY.encode() not in plain
    assert b"a red ball" not in plain
    assert KEY.encode() in proxy.tunnelled, "the key reached the provider"
    assert b"proxy-password" not in bytes(proxy.tunnelled)
    assert b"proxy-authorization" not in bytes(proxy.tunnelled).lower(), "the provider does not get the proxy's"


def test_a_proxy_that_refuses_the_tunnel_leaves_no_job_and_no_key(installation):
    with VendorServer("runway") as vendor:
        world, proxy = installation(vendor, refuses=True)
        with pytest.raises(ProviderError, match="cannot be reached") as caught:
            world.run()
        assert vendor.count("submit") == 0
    assert proxy.heads
    assert KEY.encode() not in b"".join(proxy.heads)
    assert "proxy-password" not in str(caught.value)
    assert world.states == [State.PLANNED]
    assert {job.state for job in world.jobs} == {JobState.CANCELLED}
    assert all(job.is_unsent for job in world.jobs)


def test_a_provider_on_this_machine_is_asked_without_the_proxy(installation, tmp_path):
    with VendorServer("runway") as vendor:
        direct = vendor.base_url
        _, proxy = installation(vendor)
        vendor.base_url = direct
        (tmp_path / "own").mkdir()
        world = World(tmp_path / "own", direct, "runway", key=KEY, **paid("none"))
        assert world.run().passed == 1
    assert proxy.heads == []
