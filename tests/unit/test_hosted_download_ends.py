"""A download ends, however slowly the file comes: at its time limit, also by a proxy, and when the process ends."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from adapters.hosted.download import Downloader
from adapters.hosted.errors import DownloadError
from adapters.hosted.result_address import ResultAddresses

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
SLOW_S = 10.0
"""How long the server below keeps a download alive, if nothing ends it."""


@pytest.fixture
def drip() -> Iterator[Callable[[bytes], str]]:
    """Yield a function that starts a server of single bytes and returns its address."""
    ended = threading.Event()
    servers: list[socket.socket] = []

    def one(connection: socket.socket, head: bytes) -> None:
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(head)
                ends = time.monotonic() + SLOW_S
                while time.monotonic() < ends and not ended.wait(0.05):
                    connection.sendall(b"a")
            except OSError:
                return

    def accept(server: socket.socket, head: bytes) -> None:
        while not ended.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection, head), daemon=True).start()

    def start(head: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=accept, args=(server, head), daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    ended.set()
    for server in servers:
        server.close()


def seconds_of(downloader: Downloader, url: str, tmp_path) -> float:
    """Return after how many seconds a download was given up, which may be repeated later."""
    began = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        downloader.fetch(url, tmp_path / "clip.mp4")
    assert caught.value.is_transient
    assert list(tmp_path.iterdir()) == []
    return time.monotonic() - began


def test_a_download_ends_when_the_process_ends(tmp_path, drip):
    url = drip(HEAD)
    stopped = threading.Event()
    downloader = Downloader(ResultAddresses(url, ()), 10**6, is_stopped=stopped.is_set)
    threading.Timer(0.3, stopped.set).start()
    assert seconds_of(downloader, f"{url}/clip.mp4", tmp_path) < SLOW_S / 2


@pytest.mark.parametrize("head", [HEAD, b"HTTP/1.1 200 OK\r\nX-Long: "], ids=["body", "header"])
@pytest.mark.parametrize("by_proxy", [True, False], ids=["proxy", "direct"])
def test_a_slow_file_ends_at_the_time_limit(tmp_path, drip, monkeypatch, head, by_proxy):
    url = drip(head)
    if by_proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, url)
        monkeypatch.setenv("no_proxy", "localhost")
        url = "http://files.example"
    downloader = Downloader(ResultAddresses(url, ()), 10**6, total_s=0.5, stall_s=0.3)
    assert seconds_of(downloader, f"{url}/clip.mp4", tmp_path) < SLOW_S / 2
