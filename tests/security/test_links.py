"""Links, FIFOs and folders that others put into shared folders are neither followed nor able to block the program."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.bucket.base import file_sha256
from adapters.bucket.local import LocalBucket
from adapters.files.durable import write_shared
from adapters.inbox import FolderInbox
from adapters.sheets.atomic_save import saving
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.watch import DeploymentStarter
from manifests.errors import BucketError, KeyTakenError, SheetError
from tasks.runtime.resources import catalogue_of, close_resources
from tasks.watch.receipt import find_receipt
from tasks.watch.receipt_seal import ReceiptSeal
from tasks.watch.watch import Watch

BAD = "brief_id,prompt,variants\ncircle,a red circle,lots\n"
SECRET = "secret of the operator"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file that only the program can read, and that an attacker wants to read or overwrite."""
    path = tmp_path / "victim"
    path.write_text(SECRET)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def symlink(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def dangling(path: Path, victim: Path) -> None:
    path.symlink_to(victim.with_name("created-by-the-attacker"))


def loop(path: Path, victim: Path) -> None:
    path.symlink_to(path.name)


def hard_link(path: Path, victim: Path) -> None:
    os.link(victim, path)


def fifo(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, victim: Path) -> None:
    path.mkdir()
    (path / "not-empty").touch()


def unix_socket(path: Path, victim: Path) -> None:
    before = os.getcwd()
    os.chdir(path.parent)  # the paths of sockets are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.chdir(before)


def unreadable(path: Path, victim: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root can read every file")
    path.write_text("of another user")
    path.chmod(0)


Trap = Callable[[Path, Path], None]
TRAPS = [symlink, dangling, loop, hard_link, fifo, folder, unix_socket, unreadable]
NO_FILES = [trap for trap in TRAPS if trap not in (hard_link, unreadable)]
every_trap = pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)


class TestWatchedFolder:
    @pytest.fixture
    def watch(self, tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
        monkeypatch.chdir(tmp_path)
        close_resources()
        settings = load_settings(home=tmp_path / "home")
        resources = resources_of(settings)
        starter = DeploymentStarter(settings, resources, "")
        yield Watch(
            FolderInbox(place),
            ReceiptSeal(resources.audit_key),
            catalogue_of(resources),
            starter,
            settings.home / "uploads",
        )
        close_resources()

    @every_trap
    def test_a_trap_under_the_name_of_a_receipt_does_not_block_the_sheet(
        self, watch: Watch, place: Path, victim: Path, trap: Trap
    ):
        (place / "x.csv").write_text(BAD)
        os.utime(place / "x.csv", (1, 1))
        for name in ("x.csv.receipt.json", "x.csv.marked.xlsx"):
            trap(place / name, victim)
        traps = {each: each.lstat().st_ino for each in place.iterdir()}
        lines = [*watch.poll(), *watch.poll()]
        receipt = json.loads((place / "x.csv.receipt-2.json").read_text())
        assert (receipt["state"], receipt["marked"]) == ("refused", "x.csv.marked-2.xlsx"), lines
        assert any("x.csv.receipt.json was not written by Reelmill and is kept" in line for line in lines)
        assert victim.read_text() == SECRET
        assert not victim.with_name("created-by-the-attacker").exists()
        assert {each: each.lstat().st_ino for each in traps} == traps, "they were not replaced"

    def test_a_receipt_that_we_may_not_read_counts_as_one_of_other_origin(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ):
        opened = os.open

        def refusing(path: Path, *rest: int, **options: int) -> int:
            if Path(path).name == "x.csv.receipt.json":
                raise PermissionError(13, "Permission denied")
            return opened(path, *rest, **options)

        monkeypatch.setattr(os, "open", refusing)
        assert find_receipt(FolderInbox(place), ReceiptSeal(bytes(32)), "x.csv") == ("x.csv.receipt-2.json", None)

    @pytest.mark.parametrize("trap", NO_FILES, ids=lambda trap: trap.__name__)
    def test_a_trap_under_the_name_of_a_sheet_is_not_read(self, watch: Watch, place: Path, victim: Path, trap: Trap):
        victim.write_text(BAD)
        trap(place / "x.csv", victim)
        before = set(place.iterdir())
        assert [*watch.poll(), *watch.poll()] == []
        assert set(place.iterdir()) == before
        assert FolderInbox(place).fetch("x.csv", 100) == b""

    def test_a_sheet_that_becomes_a_link_after_it_was_listed_is_not_read(
        self, watch: Watch, place: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
    ):
        victim.write_text(BAD)
        (place / "x.csv").write_text(BAD)
        os.utime(place / "x.csv", (1, 1))
        listed = FolderInbox.list_files

        def swapped(self: FolderInbox):
            found = listed(self)
            (place / "x.csv").unlink()
            (place / "x.csv").symlink_to(victim)
            return found

        monkeypatch.setattr(FolderInbox, "list_files", swapped)
        watch.poll()
        assert [each.name for each in place.iterdir()] == ["x.csv"]


class TestWriting:
    @every_trap
    def test_files_are_not_written_through_a_trap(self, place: Path, victim: Path, trap: Trap):
        trap(place / "out.json", victim)
        if trap is folder:
            with pytest.raises(IsADirectoryError):
                write_shared(place / "out.json", b"ours")
        else:
            write_shared(place / "out.json", b"ours")
            assert (place / "out.json").read_bytes() == b"ours"
        assert victim.read_text() == SECRET
        assert not victim.with_name("created-by-the-attacker").exists()
        assert [each.name for each in place.iterdir()] == ["out.json"], "no temporary file is left"

    @every_trap
    def test_results_are_not_written_through_a_trap(self, place: Path, victim: Path, trap: Trap):
        """Results, clip tables, contact sheets, annotated copies and templates are saved this way."""
        trap(place / "out.csv", victim)
        if trap is folder:
            with pytest.raises(SheetError, match="cannot be written"), saving(place / "out.csv") as unfinished:
                unfinished.write_text("ours")
        else:
            with saving(place / "out.csv") as unfinished:
                unfinished.write_text("ours")
            assert (place / "out.csv").read_text() == "ours"
        assert victim.read_text() == SECRET

    def test_temporary_files_have_names_that_nobody_can_guess(self, place: Path, victim: Path):
        for name in (".out.csv.part", f".out.csv.{os.getpid()}"):
            (place / name).symlink_to(victim)
        names = set()
        for _ in range(2):
            with saving(place / "out.csv") as unfinished:
                unfinished.write_text("ours")
                names.add(unfinished.name)
            write_shared(place / "out.csv", b"ours")
        assert victim.read_text() == SECRET
        assert len(names) == 2

    def test_a_temporary_name_in_use_is_refused(self, place: Path, victim: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
        (place / ".reelmill-guessed").symlink_to(victim)
        with pytest.raises(FileExistsError):
            write_shared(place / "out.csv", b"ours")
        with pytest.raises(SheetError), saving(place / "out.csv"):
            pytest.fail("it is written through the link")
        assert victim.read_text() == SECRET


class TestBucketFolder:
    @pytest.fixture
    def clip(self, tmp_path: Path) -> Path:
        (tmp_path / "clip.mp4").write_text("a clip")
        return tmp_path / "clip.mp4"

    def put(self, place: Path, key: str, clip: Path) -> None:
        LocalBucket(place).put_new(key, clip, content_type="", cache_control="", sha256=file_sha256(clip))

    @every_trap
    def test_an_upload_is_not_written_through_a_trap(self, place: Path, victim: Path, clip: Path, trap: Trap):
        (place / "a").mkdir()
        trap(place / "a" / "x.mp4", victim)
        with pytest.raises(BucketError):
            self.put(place, "a/x.mp4", clip)
        assert victim.read_text() == SECRET
        assert not victim.with_name("created-by-the-attacker").exists()

    def test_a_fifo_counts_as_other_content(self, place: Path, clip: Path):
        os.mkfifo(place / "x.mp4")
        with pytest.raises(KeyTakenError, match="Move that file away"):
            self.put(place, "x.mp4", clip)

    def test_links_are_not_read_or_listed(self, place: Path, victim: Path):
        (place / "x.mp4").symlink_to(victim)
        bucket = LocalBucket(place)
        for read in (bucket.read, bucket.local_path, bucket.head, bucket.remove):
            with pytest.raises(BucketError, match="symbolic link"):
                read("x.mp4")
        assert (list(bucket.list()), list(bucket.entries())) == ([], [])
        assert victim.read_text() == SECRET

    def test_a_linked_folder_is_not_entered(self, place: Path, tmp_path: Path, clip: Path):
        (tmp_path / "elsewhere").mkdir()
        (place / "a").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BucketError, match="symbolic link"):
            self.put(place, "a/x.mp4", clip)
        assert os.listdir(tmp_path / "elsewhere") == []

    def test_old_files_behind_a_linked_folder_are_not_deleted(self, place: Path, tmp_path: Path, victim: Path):
        os.utime(victim, (1, 1))
        (place / ".incoming").symlink_to(tmp_path)
        with pytest.raises(BucketError, match="symbolic link"):
            LocalBucket(place).check()
        assert victim.read_text() == SECRET


class TestHome:
    """A home in a folder such as /tmp, into which others can put links."""

    @pytest.mark.parametrize("name", [".lock"])
    def test_a_link_is_not_written_through(self, tmp_path: Path, victim: Path, name: str):
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / name).symlink_to(victim)
        with pytest.raises(OSError, match="symbolic links"):
            resources_of(load_settings(home=tmp_path / "home"))
        assert victim.read_text() == SECRET
