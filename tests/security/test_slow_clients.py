"""Clients that send or read slowly: they are disconnected, and others can sign in meanwhile."""

import asyncio
import logging
import os
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from dashboard_client import run_apart
from served_dashboard import PASSWORD, Served, served_dashboard

from app.dashboard.capacity import connections, downloads, file_response
from benchmarks.load.crowded_home import CrowdedHome, People, build_home

IDLE = 500


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_dashboard(tmp_path_factory.mktemp("slow") / "home") as served:
        yield served


def signs_in(dashboard: Served) -> bool:
    answer = httpx.post(
        f"{dashboard.base}/signin",
        data={"name": "viewer", "password": PASSWORD},
        headers={"Origin": dashboard.base},
        timeout=20,
    )
    return answer.status_code == 303


def is_closed(client: socket.socket) -> bool:
    """Wait for the end of a connection; return False if the server sends something instead."""
    try:
        return client.recv(1000) == b""
    except ConnectionResetError:
        return True


def is_refused(client: socket.socket) -> bool:
    """Send a byte every 20 ms; return whether the server ends the connection within 20 seconds."""
    until = time.monotonic() + 20
    try:
        while time.monotonic() < until:
            client.sendall(b"x")
            time.sleep(0.02)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("sent", [b"", b"GET /signin HTTP/1.1\r\n", b"GET /signin HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_a_connection_without_complete_headers_is_closed(dashboard: Served, monkeypatch, sent: bytes):
    monkeypatch.setattr(connections, "HEADERS_S", 0.2)
    with dashboard.connect() as client:
        client.sendall(sent)
        assert is_closed(client)


def test_sending_headers_byte_by_byte_does_not_extend_their_time(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_S", 0.3)
    with dashboard.connect() as client:
        client.sendall(b"GET /signin HTTP/1.1\r\nX: ")
        assert is_refused(client)


def test_headers_of_a_second_request_have_the_same_time(dashboard: Served, monkeypatch):
    with dashboard.connect() as client:
        client.sendall(f"GET /signin HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(connections, "HEADERS_S", 0.2)
        client.sendall(b"GET /signin HTTP/1.1\r\n")
        while client.recv(10_000):
            pass


def body_of(dashboard: Served, size: int) -> bytes:
    return (
        f"POST /signin HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\nOrigin: {dashboard.base}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


def test_a_body_that_arrives_too_slowly_is_not_awaited(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "BODY_S", 0.3)
    with dashboard.connect() as client:
        client.sendall(body_of(dashboard, 100_000))
        assert is_refused(client)


def test_a_long_body_at_a_usual_rate_is_accepted(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "BODY_S", 0.5)
    monkeypatch.setattr(connections, "MIN_RATE", 1000)
    with dashboard.connect() as client:
        client.sendall(body_of(dashboard, 15_000))
        for _ in range(15):
            client.sendall(b"x" * 1000)
            time.sleep(0.04)
        assert client.recv(100).startswith(b"HTTP/1.1 401")


def test_idle_connections_of_one_client_do_not_prevent_signing_in(dashboard: Served, monkeypatch):
    """The oldest idle connections make room, long before the time limit of their headers."""
    monkeypatch.setattr(connections, "MAX_IDLE", 60)
    with ExitStack() as stack:
        began = time.monotonic()
        clients = [stack.enter_context(dashboard.connect()) for _ in range(IDLE)]
        for number, client in enumerate(clients[-60:]):
            if number % 2:
                client.sendall(b"GET / HTTP/1.1\r\n")
        assert signs_in(dashboard)
        assert is_closed(clients[0])
        assert is_closed(clients[IDLE - 100])
        assert time.monotonic() - began < connections.HEADERS_S


def test_connections_that_work_are_not_closed_for_idle_ones(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "MAX_IDLE", 5)
    with ExitStack() as stack, dashboard.connect() as sending:
        sending.sendall(f"GET /signin HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\n\r\n".encode())
        assert sending.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(3):
            stack.enter_context(dashboard.connect())
        assert signs_in(dashboard)


SCRIPT = "htmx-2.0.11.min.js"


def get(dashboard: Served, path: str, cookie: str = "") -> bytes:
    signed_in = f"Cookie: {cookie}\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\n{signed_in}\r\n".encode()


def open_files(ending: str) -> int:
    """Return how many file descriptors of this process, and so of the dashboard, are files with this ending."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found += os.readlink(f"/proc/self/fd/{number}").endswith(ending)
    return found


def served_at_most(dashboard: Served, most: int) -> bool:
    """Return whether the dashboard has at most so many connections, within five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        every = psutil.Process().net_connections("tcp")
        if sum(each.status == "ESTABLISHED" and each.laddr.port == dashboard.port for each in every) <= most:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("pipelined", [1, 30])
def test_clients_that_do_not_read_static_files_do_not_prevent_signing_in(
    dashboard: Served, monkeypatch, pipelined: int
):
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 40)
    with ExitStack() as stack:
        clients = [stack.enter_context(dashboard.connect()) for _ in range(100)]
        for client in clients:
            with suppress(ConnectionResetError, BrokenPipeError):
                client.sendall(get(dashboard, f"/static/{SCRIPT}") * pipelined)
        clients += [stack.enter_context(dashboard.connect()) for _ in range(10)]
        assert served_at_most(dashboard, 40)
        assert signs_in(dashboard)
        assert open_files(".js") == 0


def test_static_files_are_sent_whole_and_revalidated(dashboard: Served):
    url = f"{dashboard.base}/static/{SCRIPT}"
    first = httpx.get(url)
    assert first.content == (Path(connections.__file__).parents[1] / "static" / SCRIPT).read_bytes()
    assert first.headers["content-type"].startswith("text/javascript")
    assert httpx.get(url, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert httpx.head(url).headers["content-length"] == str(len(first.content))
    assert httpx.get(f"{dashboard.base}/static/nothing.js").status_code == 404


def test_idle_connections_do_not_end_an_upload_in_progress(dashboard: Served, monkeypatch):
    monkeypatch.setattr(connections, "MAX_IDLE", 20)
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 30)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="sheet"; filename="a.csv"\r\n\r\nprompt\n'
        + b"a red cup\n" * 20
        + b"\r\n--x--\r\n"
    )
    head = (
        f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\nCookie: {dashboard.cookie('reviewer')}\r\n"
        f"Origin: {dashboard.base}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with ExitStack() as stack, dashboard.connect() as upload:
        upload.sendall(head.encode() + body[:100])
        time.sleep(0.3)  # until the person is known
        for _ in range(100):
            stack.enter_context(dashboard.connect())
        assert signs_in(dashboard)
        upload.sendall(body[100:])
        assert upload.recv(100).startswith(b"HTTP/1.1 ")


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> CrowdedHome:
    home = tmp_path_factory.mktemp("crowded") / "home"
    return build_home(home, People(2, 0, 0), clips=3, published=1, clip_bytes=12_000_000)


@pytest.fixture
def shown(crowded: CrowdedHome, tmp_path: Path, monkeypatch) -> Iterator[tuple[Served, str]]:
    shutil.copytree(crowded.home, tmp_path / "home")
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    with served_dashboard(tmp_path / "home") as served:
        yield served, f"/media/{crowded.published[0]}/download/clip"


def test_a_stalled_download_holds_no_file_and_one_account_has_a_limit(shown, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_FILES_PER_PERSON", 5)
    dashboard, path = shown
    with ExitStack() as stack:
        clients = [stack.enter_context(dashboard.connect()) for _ in range(5)]
        for client in clients:
            client.sendall(get(dashboard, path, dashboard.cookie("viewer 0")))
            assert client.recv(12) == b"HTTP/1.1 200"
        time.sleep(0.2)
        assert open_files(".mp4") == 0
        own, other = ({"Cookie": dashboard.cookie(f"viewer {number}")} for number in (0, 1))
        assert httpx.get(dashboard.base + path, headers=own).status_code == 429
        assert len(httpx.get(dashboard.base + path, headers=other).content) == 12_000_000
    until = time.monotonic() + 20
    while httpx.get(dashboard.base + path, headers=own).status_code == 429 and time.monotonic() < until:
        time.sleep(0.02)
    assert httpx.get(dashboard.base + path, headers=own).status_code == 200, "ended downloads do not count"


def test_stalled_downloads_make_room(shown, monkeypatch):
    dashboard, path = shown
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 8)
    with ExitStack() as stack:
        clients = [stack.enter_context(dashboard.connect()) for _ in range(8)]
        for client in clients:
            client.sendall(get(dashboard, path, dashboard.cookie("viewer 0")))
            assert client.recv(12) == b"HTTP/1.1 200"
        with dashboard.connect() as another:
            another.sendall(get(dashboard, "/signin"))
            assert another.recv(12) == b"HTTP/1.1 200"
            assert served_at_most(dashboard, 8)


def test_ranges_are_the_same_bytes(shown):
    dashboard, path = shown
    headers = {"Cookie": dashboard.cookie("viewer 0")}
    whole = httpx.get(dashboard.base + path, headers=headers).content
    for asked, wanted in (("0-9", whole[:10]), ("200000-499999", whole[200_000:500_000]), ("-7", whole[-7:])):
        answer = httpx.get(dashboard.base + path, headers={**headers, "Range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, wanted)


def test_a_file_that_is_replaced_is_not_mixed_with_the_other(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"a" * 100)
    (tmp_path / "b").write_bytes(b"b" * 100)

    async def read() -> None:
        blocks = file_response._Blocks(tmp_path / "a")
        assert await blocks.read(10) == b"a" * 10
        (tmp_path / "b").rename(tmp_path / "a")
        await blocks.read(10)

    with pytest.raises(file_response.ChangedFileError):
        run_apart(read())


def test_refused_connections_are_logged_once(caplog):
    loop = asyncio.new_event_loop()
    try:
        connections.log_refused_connections_once(loop)
        with caplog.at_level(logging.WARNING):
            for _ in range(100):
                error = OSError(24, "Too many open files")
                loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": error})
        assert [record.exc_info for record in caplog.records] == [None]
    finally:
        loop.close()


def test_the_limit_of_open_files_is_raised():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[0], 512), before[1]))
        connections.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(connections.WANTED_FILES, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
