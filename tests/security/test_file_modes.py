"""Other users of this machine can read nothing in the home, and outside it what the user's umask allows."""

import json
import logging
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dashboard_client import SAME_SITE, client_of, session_in

from adapters.bucket.base import file_sha256
from adapters.bucket.local import LocalBucket
from adapters.files import umask
from adapters.files.durable import write_durably, write_shared
from adapters.sheets.atomic_save import saving
from flows.runtime.home import prepare_home

ROOT = Path(__file__).parents[2]
SHEET = "brief_id,prompt,variants\ncircle,a red circle on a white background,1\n"
WATCH = """
from flows.settings import load_settings
from flows.watch import watch_of
watcher = watch_of(load_settings(), "")
watcher.poll(), watcher.poll()
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(top: Path) -> list[str]:
    """Return what other users have permissions on, with its mode."""
    found = [top, *top.rglob("*")]
    return [f"{each} {mode_of(each):o}" for each in found if mode_of(each) & 0o077 and not each.is_symlink()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of the user that others can enter."""
    (tmp_path / "place").mkdir(mode=0o755)
    return tmp_path / "place"


def run(home: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "REELMILL_"))}
    environment |= {f"REELMILL_{name.upper()}": value for name, value in settings.items()}
    ended = subprocess.run(
        [sys.executable, *command],
        env={**environment, "REELMILL_HOME": str(home), "PYTHONPATH": str(ROOT)},
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def test_a_watch_round_writes_private_copies_and_shared_answers(tmp_path: Path, place: Path):
    (place / "bad.csv").write_text("brief_id,prompt,variants\ncircle,a red circle,lots\n")
    os.utime(place / "bad.csv", (1, 1))
    code = (
        "from flows.settings import *; from flows.watch import *; w = watch_of(load_settings(), ''); w.poll(); w.poll()"
    )
    run(tmp_path / "home", "-c", code, watch=str(place))
    assert {each.name for each in (tmp_path / "home" / "uploads").glob("*/*")} == {"bad.csv"}
    assert open_to_others(tmp_path / "home") == []
    receipt = json.loads((place / "bad.csv.receipt.json").read_text())
    assert receipt["state"] == "refused"
    assert [mode_of(place / name) for name in ("bad.csv.receipt.json", receipt["marked"])] == [0o644, 0o644]


@pytest.mark.slow
def test_a_run_leaves_a_private_home_and_readable_results(tmp_path: Path, place: Path):
    (place / "spring.csv").write_text(SHEET)
    words = ("-m", "app.cli.main", "run", str(place / "spring.csv"))
    run(tmp_path / "home", *words, "--out", str(place / "out"))
    assert len(list((tmp_path / "home" / "bucket").rglob("*.mp4"))) == 1
    assert {"catalogue.sqlite", "prefect-server.log", "staging", "signer"} <= set(os.listdir(tmp_path / "home"))
    assert open_to_others(tmp_path / "home") == []
    assert mode_of(place / "out") == 0o755
    assert {each.name: mode_of(each) for each in (place / "out").iterdir() if mode_of(each) != 0o644} == {}
    assert (place / "out" / "contact-sheet.png").is_file()

    run(tmp_path / "second", *words, bucket=str(place / "bucket"))
    published = [each for each in (place / "bucket").rglob("*") if ".incoming" not in each.parts]
    assert {mode_of(each) for each in published} == {0o755, 0o644}
    assert open_to_others(tmp_path / "second") == []


def test_an_uploaded_sheet_and_its_annotated_copy_are_private(tmp_path: Path):
    session = session_in(tmp_path / "home")
    client = client_of(session, "reviewer")
    bad = {"sheet": ("bad.csv", b"brief_id,prompt,variants\ncircle,a red circle,lots\n")}
    answer = client.post("/upload", files=bad, headers=SAME_SITE)
    page = answer.headers["location"].partition("?")[0]
    assert client.get(f"{page}/annotated").status_code == 200
    names = {each.name for each in (tmp_path / "home" / "uploads").rglob("*") if each.is_file()}
    assert {"bad.csv", "bad-marked.xlsx"} <= names
    assert open_to_others(tmp_path / "home") == []


def test_children_know_the_umask_of_the_user(tmp_path: Path, place: Path):
    umask.keep_private()
    code = (
        "import os, sys; from pathlib import Path; from adapters.files import umask; umask.keep_private();"
        "os.close(umask.create_shared(Path(sys.argv[1]))); open(sys.argv[2], 'w')"
    )
    subprocess.run([sys.executable, "-c", code, place / "shared", place / "own"], cwd=ROOT, check=True)
    assert [mode_of(place / "shared"), mode_of(place / "own")] == [0o644, 0o600]


@pytest.mark.parametrize("of_user", [0o022, 0o002, 0o077, 0o027])
def test_files_outside_the_home_have_the_modes_that_the_user_wants(place: Path, of_user: int):
    os.umask(of_user)
    umask.keep_private()
    write_shared(place / "receipt.json", b"{}")
    with saving(place / "results.csv") as unfinished:
        unfinished.write_text("a")
    umask.make_shared_folders(place / "new" / "folder")
    assert {mode_of(place / name) for name in ("receipt.json", "results.csv")} == {0o666 & ~of_user}
    assert {mode_of(each) for each in (place / "new", place / "new" / "folder")} == {0o777 & ~of_user}


def test_files_in_a_private_folder_are_private(tmp_path: Path):
    private = tmp_path / "home"
    prepare_home(private)
    write_durably(private / "a", b"")
    write_shared(private / "b", b"")
    umask.make_shared_folders(private / "c" / "d")
    LocalBucket(private / "bucket").put_new(
        "e/f.json", private / "a", content_type="", cache_control="", sha256=file_sha256(private / "a")
    )
    assert open_to_others(private) == []


class TestExistingHome:
    """A home of an earlier version, in which others can read files."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        home = tmp_path / "home"
        for folder in ("", "bucket", "bucket/deep", "uploads"):
            (home / folder).mkdir(mode=0o755)
        for file in ("catalogue.sqlite", "catalogue.sqlite-wal", "bucket/deep/clip.mp4", "prefect-server.log"):
            (home / file).write_text("secret")
        assert len(open_to_others(home)) == 8
        return home

    def test_it_becomes_private_with_one_line_of_notice(self, home: Path, caplog):
        with caplog.at_level(logging.WARNING):
            prepare_home(home)
            prepare_home(home)
        assert open_to_others(home) == []
        assert [record.getMessage() for record in caplog.records] == [
            f"Other users could read files in {home}. Now only your user can read Reelmill's files there."
        ]

    def test_keys_become_private(self, home: Path):
        (home / "thesis.txt").write_text("of the user")  # so the folder stays open
        (home / "signer").mkdir(mode=0o755)
        keys = [home / name for name in ("audit.key", "prompt.key", "signer/leaf.key")]
        for key in keys:
            key.write_text("secret")
        assert [mode_of(key) for key in keys] == [0o644] * 3
        prepare_home(home)
        assert [mode_of(key) for key in keys] == [0o600] * 3

    def test_a_mount_with_fixed_modes_is_usable_without_a_notice(self, home: Path, caplog, monkeypatch):
        monkeypatch.setattr(os, "fchmod", lambda *_: None)
        monkeypatch.setattr(Path, "chmod", lambda *_: None)
        prepare_home(home)
        assert caplog.records == []

    def test_a_folder_with_other_files_keeps_its_mode(self, home: Path):
        (home / "thesis.txt").write_text("of the user")
        prepare_home(home)
        assert open_to_others(home) == [f"{home} 755", f"{home / 'thesis.txt'} 644"]

    def test_the_home_directory_of_the_user_keeps_its_mode(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("HOME", str(home))
        prepare_home(home)
        assert open_to_others(home) == [f"{home} 755"]

    def test_links_are_not_followed(self, home: Path, place: Path):
        (place / "public.html").write_text("for everyone")
        for link in ("prompt.key", "bucket/link", "uploads/link"):
            (home / link).symlink_to(place / "public.html")
        (home / "signer").symlink_to(place)
        prepare_home(home)
        assert (mode_of(place), mode_of(place / "public.html")) == (0o755, 0o644)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
    def test_a_folder_of_another_user_keeps_its_mode(self, home: Path):
        os.chown(home, 12345, 12345)
        os.chown(home / "bucket", 12345, 12345)
        prepare_home(home)
        assert mode_of(home) == mode_of(home / "bucket") == 0o755
        assert mode_of(home / "catalogue.sqlite") == 0o600

    def test_a_folder_that_all_can_write_to_is_reported(self, home: Path, caplog):
        (home / "thesis.txt").write_text("of the user")
        home.chmod(0o777)
        prepare_home(home)
        assert re.search("can replace files in .*Set REELMILL_HOME to a folder of your own", caplog.text)
