"""The real client of the hub against a hub on loopback."""

import fcntl
import logging
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hub_server import Hub, hub_server, use_hub
from huggingface_hub import constants, snapshot_download
from huggingface_hub.utils import _http

from adapters.hub import Downloader, HubCache, HubError, Snapshot, list_files, online
from manifests.errors import DiskFullError, SettingsError
from models.weights import forbid_network, is_intact_blob

HUB_ID, REVISION = "makers/tiny", "a" * 40
LARGE = "transformer/weights.safetensors"
SMALL = "model_index.json"
SIZE = 3_000_000


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one repository, which the client uses, without a token."""
    folder = tmp_path / "repository"
    (folder / "transformer").mkdir(parents=True)
    (folder / LARGE).write_bytes(bytes(range(251)) * (SIZE // 251) + b"end")
    (folder / SMALL).write_text("{}")
    for number in range(8):
        (folder / f"file-{number}.json").write_text(f'{{"number": {number}}}')
    with hub_server() as server:
        server.add(HUB_ID, REVISION, folder)
        use_hub(monkeypatch, server.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        yield server


@pytest.fixture
def cache(tmp_path) -> HubCache:
    return HubCache(tmp_path / "cache")


def snapshot(*names: str) -> Snapshot:
    files = [file for file in list_files(HUB_ID, REVISION) if not names or file.name in names]
    return Snapshot(HUB_ID, REVISION, tuple(files))


def downloader(cache: HubCache, report=lambda _: None) -> Downloader:
    return Downloader(cache, is_intact_blob, report, wait_s=0.01)


def folder_of(cache: HubCache) -> Path:
    return cache.root / "models--makers--tiny" / "snapshots" / REVISION


def partial_of(cache: HubCache) -> Path:
    return cache.partial(HUB_ID, snapshot(LARGE).files[0])


def refusal(cache: HubCache, *names: str) -> str:
    with pytest.raises(HubError) as caught:
        downloader(cache).download(snapshot(*names))
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestDownload:
    def test_all_pages_of_a_listing_are_read(self, hub):
        assert len(list_files(HUB_ID, REVISION)) == 10
        assert [file.size for file in list_files(HUB_ID, REVISION) if file.name == LARGE] == [SIZE // 251 * 251 + 3]

    def test_the_snapshot_has_the_content_of_the_repository(self, hub, cache):
        got: list[int] = []
        downloader(cache, got.append).download(snapshot())
        for name, content in hub.repositories[HUB_ID, REVISION].items():
            assert (folder_of(cache) / name).read_bytes() == content
        assert sum(got) == sum(map(len, hub.repositories[HUB_ID, REVISION].values()))
        assert cache.missing_bytes([snapshot()]) == 0

    def test_the_client_finds_the_snapshot(self, hub, cache):
        downloader(cache).download(snapshot())
        found = snapshot_download(HUB_ID, revision=REVISION, cache_dir=cache.root, local_files_only=True)
        assert Path(found) == folder_of(cache)

    def test_what_the_client_has_downloaded_is_not_downloaded_again(self, hub, cache, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        snapshot_download(HUB_ID, revision=REVISION, cache_dir=cache.root)
        hub.asked.clear()
        downloader(cache).download(snapshot())
        assert [path for _, path, _ in hub.asked if not path.startswith("/api/")] == []

    def test_xet_is_not_used(self, hub, cache, monkeypatch):
        monkeypatch.setattr("huggingface_hub.file_download.xet_get", pytest.fail)
        assert any("xetHash" in entry for entry in hub.tree(hub.repositories[HUB_ID, REVISION]))
        downloader(cache).download(snapshot())
        assert ("storage", f"/lfs/{HUB_ID}/{REVISION}/{LARGE}", "") in hub.asked
        assert not any("xet" in path for _, path, _ in hub.asked)

    def test_new_files_have_the_permissions_of_the_user(self, hub, cache):
        downloader(cache).download(snapshot())
        assert (folder_of(cache) / LARGE).stat().st_mode & 0o777 == 0o644

    def test_a_damaged_or_copied_file_is_replaced(self, hub, cache):
        downloader(cache).download(snapshot())
        blob = (folder_of(cache) / LARGE).resolve()
        blob.write_bytes(b"x" * blob.stat().st_size)
        (folder_of(cache) / SMALL).unlink()
        (folder_of(cache) / SMALL).write_text("[]")
        downloader(cache).download(snapshot())
        assert (folder_of(cache) / LARGE).read_bytes() == hub.repositories[HUB_ID, REVISION][LARGE]
        assert (folder_of(cache) / SMALL).is_symlink()

    def test_an_empty_file_is_downloaded(self, hub, cache):
        hub.repositories[HUB_ID, REVISION]["empty.json"] = b""
        downloader(cache).download(snapshot("empty.json"))
        assert (folder_of(cache) / "empty.json").read_bytes() == b""


class TestResume:
    def test_a_cut_connection_is_continued(self, hub, cache):
        hub.fail(LARGE, cut=1_000_000)
        hub.fail(LARGE, cut=500_000)
        downloader(cache).download(snapshot(LARGE))
        assert (folder_of(cache) / LARGE).read_bytes() == hub.repositories[HUB_ID, REVISION][LARGE]
        whole, *later = [asked for server, _, asked in hub.asked if server == "storage"]
        assert whole == ""
        assert all(asked.startswith("bytes=") for asked in later)
        assert hub.sent == len(hub.repositories[HUB_ID, REVISION][LARGE]), "no byte is sent twice"

    def test_a_new_process_continues_where_a_killed_one_ended(self, hub, cache):
        hub.waits_for = LARGE
        command = [sys.executable, "-c", CHILD, hub.url, str(cache.root), HUB_ID, REVISION]
        with subprocess.Popen(command) as child:
            assert hub.waiting.wait(60)
            wait_for_bytes(partial_of(cache), 1_000_000)
            child.send_signal(signal.SIGKILL)
        there = partial_of(cache).stat().st_size
        assert not folder_of(cache).exists(), "an interrupted download does not look like a damaged model"
        assert cache.missing_bytes([snapshot(LARGE)]) == snapshot(LARGE).files[0].size - there
        hub.waits_for = ""
        hub.asked.clear()
        downloader(cache).download(snapshot(LARGE))
        assert hub.asked[-1][2] == f"bytes={there}-"
        assert (folder_of(cache) / LARGE).read_bytes() == hub.repositories[HUB_ID, REVISION][LARGE]

    def test_a_server_that_ignores_ranges_sends_the_file_again(self, hub, cache):
        got: list[int] = []
        hub.fail(LARGE, cut=1_000_000)
        hub.fail(LARGE, ignores_range=True)
        downloader(cache, got.append).download(snapshot(LARGE))
        assert sum(got) == snapshot(LARGE).files[0].size
        assert (folder_of(cache) / LARGE).read_bytes() == hub.repositories[HUB_ID, REVISION][LARGE]

    def test_a_file_that_never_gets_longer_is_given_up(self, hub, cache):
        hub.fail(LARGE, times=50, cut=1000, ignores_range=True)
        assert "cannot be reached" in refusal(cache, LARGE)
        assert len([asked for server, _, asked in hub.asked if server == "storage"]) == 7

    def test_a_part_that_is_too_long_starts_again(self, hub, cache):
        partial_of(cache).parent.mkdir(parents=True)
        partial_of(cache).write_bytes(b"x" * (SIZE + 10_000))
        downloader(cache).download(snapshot(LARGE))
        assert (folder_of(cache) / LARGE).read_bytes() == hub.repositories[HUB_ID, REVISION][LARGE]

    def test_a_wrong_part_is_found_by_the_hash_and_deleted(self, hub, cache):
        partial_of(cache).parent.mkdir(parents=True)
        partial_of(cache).write_bytes(b"x" * 1000)
        assert f"{LARGE} of {HUB_ID} does not match the hash that the hub lists" in refusal(cache, LARGE)
        downloader(cache).download(snapshot(LARGE))
        assert (folder_of(cache) / LARGE).read_bytes() == hub.repositories[HUB_ID, REVISION][LARGE]

    def test_nothing_is_written_through_a_link(self, hub, cache, tmp_path):
        victim = tmp_path / "victim"
        victim.write_text("kept")
        partial_of(cache).parent.mkdir(parents=True)
        partial_of(cache).symlink_to(victim)
        downloader(cache).download(snapshot(LARGE))
        assert victim.read_text() == "kept"

    def test_ctrl_c_stops_all_downloads(self, hub, cache):
        hub.waits_for = LARGE
        command = [sys.executable, "-c", CHILD, hub.url, str(cache.root), HUB_ID, REVISION]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
            assert hub.waiting.wait(60)
            wait_for_bytes(partial_of(cache), 1_000_000)
            child.send_signal(signal.SIGINT)
            hub.go_on.set()
            assert child.wait(30) != 0
        assert partial_of(cache).stat().st_size > 1_000_000


CHILD = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["HF_ENDPOINT"] = sys.argv[1]
os.environ.pop("HF_HUB_OFFLINE", None)  # loading models in an earlier test sets it
from pathlib import Path
from adapters.hub import Downloader, HubCache, Snapshot, list_files
from models.weights import is_intact_blob
files = tuple(file for file in list_files(*sys.argv[3:]) if file.name.startswith("transformer"))
Downloader(HubCache(Path(sys.argv[2])), is_intact_blob).download(Snapshot(*sys.argv[3:], files))
"""


def wait_for_bytes(path: Path, size: int) -> None:
    waited = threading.Event()
    for _ in range(600):
        if path.exists() and path.stat().st_size >= size:
            return
        waited.wait(0.05)
    pytest.fail(f"{path} did not reach {size} bytes")


class TestRefusals:
    @pytest.mark.parametrize(
        ("fault", "sentence"),
        [
            ({"status": 401, "code": "GatedRepo"}, "makers/tiny is gated (401). Accept its terms at http://127.0.0.1"),
            ({"status": 403, "code": "GatedRepo"}, "set HF_TOKEN to a token of the same account"),
            ({"status": 401}, "The hub has no public repository makers/tiny (401). If it is private, set HF_TOKEN"),
            ({"status": 404, "code": "RepoNotFound"}, "The hub has no public repository makers/tiny (404)"),
            ({"status": 404, "code": "RevisionNotFound"}, f"makers/tiny has no revision {REVISION} (404)"),
            (
                {"status": 403, "body": b'{"error": "No.\\nReally."}'},
                "The hub refuses access to makers/tiny (403): No.",
            ),
            ({"status": 400}, "The hub rejected a request for makers/tiny (400)"),
            ({"status": 429, "times": 6}, "The hub limits the number of requests (429)"),
            ({"status": 503, "times": 6}, "The hub returned a server error (503)"),
            ({"body": b"<html>Sign in to the hotel</html>"}, "The answer for makers/tiny is not a list of files"),
            ({"body": b'{"a": 1}'}, "The answer for makers/tiny is not a list of files"),
            ({"body": b'[{"type": "file"}]'}, "The answer for makers/tiny is not a list of files"),
        ],
    )
    def test_of_the_listing(self, hub, cache, fault, sentence):
        hub.fail(f"tree/{REVISION}", **fault)
        assert sentence in refusal(cache)
        assert not cache.root.exists()

    @pytest.mark.parametrize(
        ("fault", "sentence"),
        [
            ({"status": 403, "code": "GatedRepo"}, "makers/tiny is gated (403)"),
            ({"status": 404, "code": "EntryNotFound"}, "makers/tiny has no such file at the revision"),
            ({"status": 429, "times": 6}, "The hub limits the number of requests (429)"),
            ({"status": 502, "times": 6}, "The hub returned a server error (502)"),
            ({"body": b"x" * (SIZE + 1000)}, "is longer than the hub lists"),
            ({"body": b"x" * (SIZE // 251 * 251 + 3)}, "does not match the hash that the hub lists"),
        ],
    )
    def test_of_a_file(self, hub, cache, fault, sentence):
        hub.fail(LARGE, **fault)
        assert sentence in refusal(cache)
        assert not folder_of(cache).exists()
        hub.faults.clear()
        downloader(cache).download(snapshot())
        assert (folder_of(cache) / LARGE).read_bytes() == hub.repositories[HUB_ID, REVISION][LARGE]

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_a_short_problem_of_the_hub_is_waited_for(self, hub, cache, status):
        hub.fail(f"tree/{REVISION}", status=status)
        hub.fail(LARGE, status=status)
        downloader(cache).download(snapshot())
        assert (folder_of(cache) / LARGE).exists()

    @pytest.mark.parametrize("name", ["../outside.json", "/etc/x.json", "a/../b.json", "a\\b.json", "a//b.json", "a\n"])
    def test_of_a_name_that_leads_elsewhere(self, hub, cache, name):
        hub.repositories[HUB_ID, REVISION][name] = b"{}"
        assert "whose name or hash is not valid" in refusal(cache)

    def test_of_a_file_that_only_xet_can_transfer(self, hub, cache):
        hub.sizes[LARGE] = 60 * 10**9
        message = refusal(cache, LARGE)
        assert "has 60 GB; the hub serves files over 50 GB only to its own program" in message
        assert f"`hf download makers/tiny {LARGE} --revision {REVISION} --cache-dir {cache.root}`" in message

    def test_of_a_hub_that_is_down(self, hub, cache, monkeypatch):
        use_hub(monkeypatch, "http://127.0.0.1:9")
        assert "http://127.0.0.1:9 cannot be reached (" in refusal(cache)

    def test_of_a_second_process(self, hub, cache):
        lock = cache.root / ".locks" / "models--makers--tiny" / "reelmill.lock"
        lock.parent.mkdir(parents=True)
        with lock.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert "Another process is downloading makers/tiny" in refusal(cache)
        downloader(cache).download(snapshot())


class TestToken:
    def test_is_sent_to_the_hub_only(self, hub, cache, monkeypatch):
        hub.token = "hf_secret"
        assert "is gated" in refusal(cache)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        downloader(cache).download(snapshot())
        assert {server for server, _ in hub.authorized} == {"hub"}, "the storage is another host"

    def test_that_is_not_valid_is_named(self, hub, cache, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", "hf_old")
        hub.fail(f"tree/{REVISION}", status=401)
        assert "Check that HF_TOKEN is valid" in refusal(cache)
        assert "hf_old" not in refusal_of_401(hub, cache)

    def test_with_other_characters_is_refused(self, hub, cache, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", "hf_ключ")
        assert "HF_TOKEN contains invalid characters" in refusal(cache)


def refusal_of_401(hub: Hub, cache: HubCache) -> str:
    hub.fail(f"tree/{REVISION}", status=401)
    return refusal(cache)


class TestDisk:
    def test_is_checked_before_anything_is_downloaded(self, cache, monkeypatch):
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2_000_000_000))
        cache.check_space(1_899_000_000)
        with pytest.raises(DiskFullError, match=r"needs 28\.9 GB, but the disk of .*cache has 2\.0 GB free"):
            cache.check_space(28_900_000_000)

    def test_that_fills_up_keeps_what_was_downloaded(self, hub, cache):
        wanted = snapshot(LARGE)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
        try:
            with pytest.raises(DiskFullError, match="is full"):
                downloader(cache).download(wanted)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert 0 < partial_of(cache).stat().st_size <= 2_000_000
        downloader(cache).download(wanted)
        assert (folder_of(cache) / LARGE).read_bytes() == hub.repositories[HUB_ID, REVISION][LARGE]


class _Lines(logging.Handler):
    """A handler that keeps the lines that it would print."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class TestNetwork:
    def test_is_forbidden_except_while_online(self, hub, monkeypatch):
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")  # restored after the test
        forbid_network()
        with pytest.raises(OSError, match="offline"):
            list_files(HUB_ID, REVISION)
        with online():
            assert list_files(HUB_ID, REVISION)
        with pytest.raises(OSError, match="offline"):
            list_files(HUB_ID, REVISION)

    def test_is_logged_once(self, caplog):
        log = logging.getLogger("huggingface_hub")
        own = [_Lines()]
        log.handlers = [*(before := log.handlers), *own]
        try:
            with online():
                _http.logger.warning("Retrying in 1s")
            assert (caplog.messages, own[0].lines) == (["Retrying in 1s"], [])
            assert log.handlers == [*before, *own]
        finally:
            log.handlers = before

    def test_goes_through_the_proxy(self, hub, cache, monkeypatch):
        _http.close_session()
        use_hub(monkeypatch, "http://hub.invalid")
        monkeypatch.setenv("http_proxy", hub.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        hub.url = "http://hub.invalid"
        downloader(cache).download(snapshot(SMALL))
        assert (folder_of(cache) / SMALL).exists()
        _http.close_session()

    def test_needs_a_proxy_that_can_be_used(self, monkeypatch):
        monkeypatch.setattr(constants, "ENDPOINT", "https://huggingface.co")
        monkeypatch.setenv("REELMILL_UNUSABLE_HTTPS_PROXY", "socks5://proxy:1080")
        monkeypatch.delenv("https_proxy", raising=False)
        monkeypatch.delenv("HTTPS_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(SettingsError, match="HTTPS_PROXY is socks5://proxy:1080"), online():
            pass
