"""Each failure says what is wrong, where, and a fix that works; nothing that was finished before is lost."""

import errno
import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import samples
from cli_runner import reelmill
from dashboard_client import BASE, PASSWORD, SAME_SITE, client_of, session_in
from starlette.testclient import TestClient

from adapters.bucket.local import LocalBucket
from adapters.catalogue import Catalogue, open_catalogue
from adapters.catalogue.core import file_trouble
from adapters.inbox import folder as inbox_folder
from adapters.inbox.folder import FolderInbox
from adapters.media import picture as pictures
from adapters.media.picture import InvalidPictureError, picture_bytes
from adapters.media.video import encode
from adapters.sheets import atomic_save
from adapters.sheets.atomic_save import saving
from app.cli.output import sentence_of
from app.dashboard.middleware import security_middleware
from app.dashboard.routes import upload
from manifests.errors import (
    BucketError,
    BucketRefusedError,
    CatalogueError,
    DiskFullError,
    DiskUnusableError,
    ReelmillError,
    SheetError,
)
from tasks.doctor.stores import check_database
from tasks.intake.sources import sheet_snapshot
from tasks.runtime.files.staging import disk_full_errors
from tasks.runtime.resources import close_resources
from tasks.watch.receipt import read_receipt
from tasks.watch.receipt_seal import ReceiptSeal
from tasks.watch.watch import Watch

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LARGE = 31_000_000
SEAL = ReceiptSeal(bytes(32))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    close_resources()
    yield tmp_path / "home"
    close_resources()


def failing(number: int):
    """Return a function that fails like a system call."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "file")

    return fail


def save(path: Path) -> None:
    with saving(path) as out:
        out.write_text("x")


class TestDisk:
    @pytest.mark.parametrize("number", FULL)
    def test_a_full_disk_or_quota_keeps_the_catalogue_in_its_fix(self, tmp_path, number):
        """With REELMILL_HOME set to an empty folder, the campaign would begin again: the folder has to be moved."""
        with pytest.raises(DiskFullError) as full, disk_full_errors(tmp_path):
            raise OSError(number, os.strerror(number))
        for text in (str(full.value), sentence_of(OSError(number, os.strerror(number), str(tmp_path)))):
            assert f"{tmp_path} is full. Free some space" in text
            assert "move the folder REELMILL_HOME to another disk and set REELMILL_HOME to its new path" in text

    @pytest.mark.parametrize(
        ("number", "fix"),
        [
            (errno.EROFS, "read-only file system.* Mount it writable"),
            (errno.EMFILE, r"too many open files\. Raise the limit with `ulimit -n 4096`"),
            (errno.ENFILE, "too many open files"),
            (errno.EACCES, "Give the user who runs Reelmill access"),
        ],
    )
    def test_other_errors_of_the_system_have_their_own_fix(self, number, fix):
        sentence = sentence_of(OSError(number, os.strerror(number), "/srv/home/machine.id"))
        with pytest.raises(ReelmillError, match=fix):
            raise ReelmillError(sentence)

    def test_a_prefect_server_with_a_full_disk_is_named(self):
        request = httpx.Request("POST", "http://127.0.0.1:4200/api/flow_runs")
        failed = httpx.HTTPStatusError("Server error '500'\nmore", request=request, response=httpx.Response(500))
        assert sentence_of(failed).startswith(
            "The Prefect server failed (Server error '500'). Check that its disk has space (`df -h`) and read its log"
        )

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EMFILE, errno.EACCES, errno.EIO])
    def test_an_error_that_every_clip_would_meet_ends_the_run_and_fails_no_clip(self, tmp_path, monkeypatch, number):
        monkeypatch.setattr(Path, "replace", failing(number))
        with pytest.raises(DiskUnusableError, match=r"Cannot write master\.mp4\. "):
            encode(np.zeros((4, 64, 64, 3), np.uint8), 8, tmp_path / "master.mp4")

    @pytest.mark.parametrize("number", FULL)
    def test_a_full_disk_of_the_bucket_or_the_results_is_named(self, tmp_path, monkeypatch, number):
        bucket = LocalBucket(tmp_path / "bucket")
        (tmp_path / "clip").write_bytes(b"clip")
        with monkeypatch.context() as patched:
            patched.setattr(os, "link", failing(number))
            with pytest.raises(DiskFullError, match="set REELMILL_BUCKET to its new path"):
                bucket.check()
        with monkeypatch.context() as patched:
            patched.setattr(atomic_save.os, "replace", failing(number))
            with pytest.raises(DiskFullError, match=r"so '.*results\.csv' was not written"):
                save(tmp_path / "results.csv")
        save(tmp_path / "results.csv")
        assert (tmp_path / "results.csv").read_text() == "x"

    def test_a_read_only_bucket_is_not_a_problem_of_permissions(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "link", failing(errno.EROFS))
        with pytest.raises(BucketRefusedError, match=r"read-only file system.* Mount it writable"):
            LocalBucket(tmp_path / "bucket").check()


class TestCatalogue:
    @pytest.fixture
    def catalogue(self, sqlite_url: str) -> Iterator[Catalogue]:
        with open_catalogue(sqlite_url) as opened:
            samples.filled(opened, 2)
            yield opened

    @staticmethod
    def file(catalogue: Catalogue) -> Path:
        return Path(catalogue.url.removeprefix("sqlite:///"))

    def test_a_deleted_file_is_reported_and_not_replaced_by_an_empty_one(self, catalogue, tmp_path):
        file = self.file(catalogue)
        os.rename(file, tmp_path / "backup")
        for action in (
            lambda: catalogue.campaigns.all(),
            lambda: catalogue.runs.begin(samples.campaign().campaign_id, "pool", "me"),
        ):
            with pytest.raises(CatalogueError, match=r"was deleted, moved or replaced .* put the file back or restore"):
                action()
        assert not file.exists()
        catalogue.close()
        shutil.move(tmp_path / "backup", file)
        with open_catalogue(catalogue.url) as again:
            assert len(again.variants.of_campaign(samples.campaign().campaign_id)) == 2

    def test_a_replaced_file_is_reported(self, catalogue, tmp_path):
        file = self.file(catalogue)
        shutil.copy(file, tmp_path / "copy")
        os.replace(tmp_path / "copy", file)
        with pytest.raises(CatalogueError, match="deleted, moved or replaced"):
            catalogue.runs.begin(samples.campaign().campaign_id, "pool", "me")

    def test_too_many_open_files_are_not_a_problem_of_permissions(self, tmp_path):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        url = f"sqlite:///{tmp_path}/new.sqlite"
        lowest = os.dup(0)
        os.close(lowest)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
            with pytest.raises(CatalogueError, match="too many open files"):
                open_catalogue(url)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        open_catalogue(url).close()

    @pytest.mark.parametrize(
        ("disk", "message"),
        [
            (SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=9, f_files=9, f_favail=9), "read-only file system"),
            (SimpleNamespace(f_flag=0, f_bavail=9, f_files=9, f_favail=0), "is full. Free some space .*df -i"),
            (SimpleNamespace(f_flag=0, f_bavail=0, f_files=9, f_favail=9), "is full"),
        ],
    )
    def test_a_file_that_cannot_be_created_is_explained_by_its_disk(self, tmp_path, monkeypatch, disk, message):
        monkeypatch.setattr(file_trouble.os, "statvfs", lambda _: disk)
        (tmp_path / "taken").mkdir()  # SQLite cannot open a folder
        with pytest.raises(ReelmillError, match=message):
            open_catalogue(f"sqlite:///{tmp_path}/taken")

    def test_a_catalogue_deleted_between_runs_is_noticed_before_clips_are_generated_again(self, home, capsys):
        """The bucket and staging remain: an empty catalogue would publish every clip a second time."""
        staged = home / "staging" / "ab"
        staged.mkdir(parents=True)
        assert check_database(f"sqlite:///{home}/catalogue.sqlite").level == "ok"
        for words in (("status", "spring"), ("alerts",)):
            ended = reelmill(capsys, *words)
            assert ended.code == 1
            assert f"The catalogue {home}/catalogue.sqlite is missing, although" in ended.err
        assert not (home / "catalogue.sqlite").exists()
        with pytest.raises(CatalogueError, match="is missing"):
            check_database(f"sqlite:///{home}/catalogue.sqlite", home / "staging")
        shutil.move(home / "staging", home / "old")  # the fix for an empty catalogue
        assert reelmill(capsys, "alerts").code == 0

    def test_the_dashboard_says_that_its_catalogue_was_deleted(self, home, caplog):
        session = session_in(home)
        client = client_of(session, "viewer")
        (home / "catalogue.sqlite").unlink()
        for path in ("/", "/campaigns", "/api/v1/campaigns"):
            answer = client.get(path)
            assert "The dashboard cannot use its database at the moment" in answer.text, (path, answer.text)
        assert "was deleted, moved or replaced while Reelmill was using it" in caplog.text
        assert not (home / "catalogue.sqlite").exists()

    def test_the_dashboard_says_that_its_log_is_incomplete(self, home, monkeypatch):
        """An older copy of the database is restored while it runs; open sessions end with their cache entry."""
        session = session_in(home)
        client = client_of(session, "admin")
        with (
            closing(sqlite3.connect(home / "catalogue.sqlite")) as live,
            closing(sqlite3.connect(home / "older.sqlite")) as older,
        ):
            live.backup(older)
            session.catalogue.accounts.add("ben", "viewer", "test")
            assert client.get("/audit").status_code == 200
            older.backup(live)

        other = TestClient(client.app, base_url=BASE, follow_redirects=False)
        answer = other.post("/signin", data={"name": "viewer", "password": PASSWORD}, headers=SAME_SITE)
        assert answer.status_code == 503
        assert "The audit log of this catalogue is not complete. An admin must run" in answer.text
        assert "reelmill audit verify" in answer.text
        assert str(home) not in answer.text
        assert "Try again later" not in answer.text

        later = time.monotonic() + security_middleware.PERSON_CACHE_S
        monkeypatch.setattr(security_middleware.time, "monotonic", lambda: later)
        assert client.get("/audit").headers["location"].startswith("/signin")
        assert security_middleware.PERSON_CACHE_S <= 5


class Starter:
    """Refuses every sheet that reaches it."""

    def submit(self, sheet: Path) -> None:
        raise SheetError(f"{len(list(sheet.parent.iterdir())) - 1} pictures")

    def start(self, campaign_id: str) -> bool:
        return False

    def failure(self, campaign_id: str) -> str:
        return ""

    def link(self, campaign_id: str) -> str:
        return ""


class TestWatchedSheet:
    @pytest.fixture
    def watched(self, tmp_path: Path, sqlite_url: str) -> Iterator[tuple[Path, Watch, FolderInbox]]:
        folder = tmp_path / "in"
        folder.mkdir()
        inbox = FolderInbox(folder)
        with open_catalogue(sqlite_url) as catalogue:
            yield folder, Watch(inbox, SEAL, catalogue, Starter(), tmp_path / "uploads"), inbox  # type: ignore[arg-type]

    def put(self, folder: Path, *names: str) -> None:
        (folder / "x.csv").write_text(f"prompt,first_frame\na cup,{'|'.join(names)}\n")

    def test_a_picture_of_31_mb_is_too_large_and_not_missing(self, watched):
        folder, watch, inbox = watched
        self.put(folder, "hero.png")
        with (folder / "hero.png").open("wb") as file:
            file.truncate(LARGE)
        watch.poll()
        watch.poll()
        message = str((read_receipt(inbox, SEAL, "x.csv") or {})["message"])
        assert message == (
            "The picture hero.png has 31.0 MB, and pictures of watched sheets may have 30 MB. Save a smaller picture "
            "under the same name, or use `reelmill run`, which has higher limits."
        )
        (folder / "hero.png").write_bytes(b"smaller")
        watch.poll()
        watch.poll()
        assert (read_receipt(inbox, SEAL, "x.csv") or {})["message"] == "1 pictures", "the sheet was read again"

    def test_more_pictures_than_allowed_are_reported(self, watched, monkeypatch):
        folder, watch, inbox = watched
        monkeypatch.setattr(sheet_snapshot, "MAX_PICTURES", 1)
        self.put(folder, "a.png", "b.png")
        for name in ("a.png", "b.png"):
            (folder / name).write_bytes(b"x")
        watch.poll()
        watch.poll()
        assert "uses 2 pictures; watched sheets may use 1. Split" in str(
            (read_receipt(inbox, SEAL, "x.csv") or {})["message"]
        )

    def test_a_folder_with_the_name_of_the_receipt_is_named_and_the_fix_works(self, watched):
        folder, _, inbox = watched
        blocked = folder / "x.csv.receipt.json"
        blocked.mkdir()
        with pytest.raises(BucketError) as refused:
            inbox.write(blocked.name, b"{}")
        assert str(refused.value) == (
            f"{blocked} cannot be written, because there is a folder with this name. Move or delete it."
        )
        blocked.rmdir()
        inbox.write(blocked.name, b"{}")
        assert blocked.read_bytes() == b"{}"

    @pytest.mark.parametrize(
        ("number", "kind", "message"),
        [
            (errno.EACCES, BucketError, "permission to create and replace files in .*/in, or watch another folder"),
            (errno.EROFS, BucketError, "permission to create and replace files in"),
            (errno.ENOSPC, DiskFullError, "the disk of the watched folder is full. Free some space there"),
        ],
    )
    def test_a_receipt_that_cannot_be_written_names_its_file(self, watched, monkeypatch, number, kind, message):
        folder, watch, inbox = watched
        monkeypatch.setattr(inbox_folder, "write_shared", failing(number))
        with pytest.raises(kind, match=rf"{folder}/x\.csv\.receipt\.json cannot be written.*{message}"):
            inbox.write("x.csv.receipt.json", b"{}")
        self.put(folder)
        watch.poll()
        [line] = watch.poll()
        assert line.startswith("x.csv will be retried. ")
        monkeypatch.undo()
        watch.poll()
        assert read_receipt(inbox, SEAL, "x.csv"), "nothing was lost"


class TestUpload:
    def send(self, home: Path, *sizes: int) -> str:
        sheet = ("sheet", ("x.csv", b"prompt,first_frame\na cup,p0.png\n", "text/csv"))
        sent = [("pictures", (f"p{index}.png", b"x" * size, "image/png")) for index, size in enumerate(sizes)]
        return client_of(session_in(home), "reviewer").post("/upload", files=[sheet, *sent], headers=SAME_SITE).text

    def test_a_picture_of_31_mb_is_too_large(self, home):
        text = self.send(home, LARGE)
        assert "p0.png&#39; is larger than 30 MB, the limit for uploads." in text
        assert "run the sheet with" in text

    def test_no_picture_is_left_out_silently(self, home, monkeypatch):
        monkeypatch.setattr(upload, "MAX_PICTURES", 1)
        assert "2 pictures were selected, and the limit for one sheet is 1. Split the sheet" in self.send(home, 9, 9)


def test_reelmill_run_accepts_a_picture_of_31_mb_and_names_its_own_limit(tmp_path):
    path = tmp_path / "hero.png"
    with path.open("wb") as file:
        file.truncate(LARGE)
        assert len(picture_bytes(path)) == LARGE
        file.truncate(pictures.MAX_BYTES + 1)
    with pytest.raises(InvalidPictureError, match=r"is larger than 64 MiB\. Reduce its size"):
        picture_bytes(path)
