"""ZIP files of clips: streamed with little memory, few per person, and never cut off without an error."""

import asyncio
import io
import shutil
import socket
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from served_dashboard import Served, served_dashboard

from app.dashboard.bundle.route import _archive
from app.dashboard.capacity import connections, downloads
from benchmarks.load.crowded_home import CrowdedHome, People, build_home

CLIPS, CLIP_BYTES = 6, 3_000_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> CrowdedHome:
    home = tmp_path_factory.mktemp("filled") / "home"
    return build_home(home, People(2, 0, 0), clips=30, published=CLIPS, clip_bytes=CLIP_BYTES)


@pytest.fixture
def dashboard(filled: CrowdedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    shutil.copytree(filled.home, tmp_path / "home")
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    with served_dashboard(tmp_path / "home") as served:
        yield served


def path_of(filled: CrowdedHome) -> str:
    return "/bundle?" + "&".join(f"id={key}" for key in filled.published)


def ask(dashboard: Served, filled: CrowdedHome, person: str = "viewer 0") -> httpx.Response:
    return httpx.get(dashboard.base + path_of(filled), headers={"Cookie": dashboard.cookie(person)}, timeout=30)


def begin(dashboard: Served, filled: CrowdedHome, person: str = "viewer 0") -> tuple[socket.socket, int, bytes]:
    """Start a download without reading it; return the connection, the announced length and the start of the body."""
    client = dashboard.connect()
    head = f"GET {path_of(filled)} HTTP/1.1\r\nHost: 127.0.0.1:{dashboard.port}\r\nCookie: {dashboard.cookie(person)}"
    client.sendall(f"{head}\r\n\r\n".encode())
    read = b""
    while b"\r\n\r\n" not in read:
        read += client.recv(4096)
    head, _, start = read.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return client, length, start


def read_all(client: socket.socket, start: bytes) -> bytes:
    """Read until the connection ends or stops for a second."""
    client.settimeout(2)
    pieces = [start]
    try:
        while piece := client.recv(1 << 20):
            pieces.append(piece)
    except (TimeoutError, ConnectionResetError):
        pass
    return b"".join(pieces)


def eventually(check: Callable[[], bool], seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.02)
    return False


def test_the_zip_file_is_complete_and_has_its_length(dashboard: Served, filled: CrowdedHome):
    answer = ask(dashboard, filled)
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert sum(name.endswith(".mp4") for name in names) == sum(name.endswith(".json") for name in names) == CLIPS
        assert {archive.getinfo(name).file_size for name in names if name.endswith(".mp4")} == {CLIP_BYTES}
        assert not any(name.startswith("unsigned/") for name in names)


def test_a_bundle_needs_a_few_megabytes_of_memory(dashboard: Served, filled: CrowdedHome):
    deps = dashboard.app.state.deps
    archive = _archive(deps, list(filled.published))

    async def size() -> int:
        return sum([len(block) async for block in deps.downloads.blocks(iter(archive))])

    tracemalloc.start()
    try:
        assert asyncio.run(size()) == len(archive) > CLIPS * CLIP_BYTES
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def change(path: Path, how: str) -> None:
    """Change a file of a bucket, in which no program of ours ever changes one."""
    content = bytearray(path.read_bytes())
    path.unlink()
    if how == "other content":
        content[1000] ^= 1
    if how != "deleted":
        path.write_bytes(content[:-1] if how == "shorter" else content + b"x" * (how == "longer"))


@pytest.mark.parametrize("how", ["deleted", "other content", "shorter", "longer"])
def test_a_file_that_changes_during_the_download_ends_it_early(dashboard: Served, filled: CrowdedHome, how: str):
    client, length, start = begin(dashboard, filled)
    with client:
        change(dashboard.session.settings.home / "bucket" / filled.campaign_id / f"{filled.published[-1]}.mp4", how)
        content = read_all(client, start)
    assert CLIP_BYTES < len(content) < length
    assert not zipfile.is_zipfile(io.BytesIO(content))


def test_a_file_that_is_missing_from_the_start_is_listed(dashboard: Served, filled: CrowdedHome):
    gone = filled.published[0]
    (dashboard.session.settings.home / "bucket" / filled.campaign_id / f"{gone}.mp4").unlink()
    with zipfile.ZipFile(io.BytesIO(ask(dashboard, filled).content)) as archive:
        assert archive.testzip() is None
        assert gone[:12] in archive.read("missing.txt").decode()
        assert sum(name.endswith(".mp4") for name in archive.namelist()) == CLIPS - 1


def test_one_person_has_two_downloads_at_a_time_and_others_have_their_own(dashboard: Served, filled: CrowdedHome):
    first, second = begin(dashboard, filled)[0], begin(dashboard, filled)[0]
    refused = ask(dashboard, filled)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert "You already have 2 downloads in progress." in refused.text
    assert ask(dashboard, filled, "viewer 1").status_code == 200
    first.close()
    assert eventually(lambda: ask(dashboard, filled).status_code == 200)
    second.close()


def test_a_client_that_stops_reading_is_disconnected(dashboard: Served, filled: CrowdedHome, monkeypatch):
    monkeypatch.setattr(connections, "STALL_S", 0.3)
    running = dashboard.app.state.deps.downloads._running
    with begin(dashboard, filled)[0]:
        assert eventually(lambda: not running.total())
    assert ask(dashboard, filled).status_code == 200


def test_the_downloads_of_all_people_are_limited(dashboard: Served, filled: CrowdedHome, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_DOWNLOADS", 1)
    with begin(dashboard, filled)[0]:
        refused = ask(dashboard, filled, "viewer 1")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    assert "1 downloads are in progress. Try again in a few minutes." in refused.text


def test_a_refused_or_failed_request_frees_its_place(dashboard: Served, filled: CrowdedHome):
    for _ in range(5):
        headers = {"Cookie": dashboard.cookie("viewer 0")}
        assert httpx.get(f"{dashboard.base}/bundle?id={'0' * 32}", headers=headers).status_code == 404
    assert ask(dashboard, filled).status_code == 200
    assert eventually(lambda: not dashboard.app.state.deps.downloads._running)
