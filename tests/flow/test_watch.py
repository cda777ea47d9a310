"""A watched place: each distinct sheet starts one campaign, and each file gets a receipt."""

import io
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import openpyxl
import pytest
import s3_server
import samples
from PIL import Image
from tls_server import body, tls_server

import flows.submit
from adapters.catalogue import Catalogue
from adapters.catalogue.messages.sheet_imports import SheetImports
from adapters.inbox import FolderInbox, Inbox, open_inbox
from adapters.web import GuardedFetcher
from flows.runtime.process_setup import WRONG_SETTINGS
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from flows.submit import Submission
from flows.watch import DeploymentStarter, watch_of
from flows.watch import main as watch_main
from manifests.errors import BucketUnreachableError, ReelmillError, SettingsError
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import catalogue_of, close_resources
from tasks.watch import receipt
from tasks.watch import watch as watching
from tasks.watch.receipt_seal import ReceiptSeal
from tasks.watch.watch import Watch

GOOD = b"brief_id,prompt,variants\ncircle,a red circle on a white background,2\ncup,a green cup,3\n"
BAD = b"brief_id,prompt,variants\ncircle,a red circle,2\ncup,a green cup,lots\n"
FORK = multiprocessing.get_context("fork")


class RecordingStarter(DeploymentStarter):
    """The real starter without Prefect: it records submissions and starts in a file that processes share."""

    notes: Path

    def submit(self, sheet: Path) -> Submission:
        submitted = super().submit(sheet)
        self.note(f"registered {submitted.campaign_id}")
        return submitted

    def start(self, campaign_id: str) -> bool:
        self.note(f"started {campaign_id}")
        return True

    def note(self, line: str) -> None:
        with self.notes.open("a") as file:
            file.write(line + "\n")


class Place:
    """A watched place, seen from the side of the people who upload sheets."""

    def __init__(self, inbox: Inbox, settings: Settings, put: Callable[[str, bytes], None]) -> None:
        self.inbox = inbox
        self.settings = settings
        self.put = put

    def watcher(self) -> tuple[Watch, RecordingStarter]:
        """Return a new watcher without state."""
        resources = resources_of(self.settings)
        starter = RecordingStarter(self.settings, resources, "http://127.0.0.1:8765")
        seal = ReceiptSeal(resources.audit_key)
        starter.notes = self.settings.home / "notes.txt"
        return Watch(self.inbox, seal, catalogue_of(resources), starter, self.settings.home / "uploads"), starter

    def poll(self, times: int = 1) -> list[str]:
        """Poll several times with a new watcher."""
        watcher, _ = self.watcher()
        return [line for _ in range(times) for line in watcher.poll()]

    def receipt(self, sheet: str) -> dict[str, Any] | None:
        data = self.inbox.fetch(f"{sheet}.receipt.json", 1_000_000)
        return json.loads(data) if data else None

    @property
    def catalogue(self) -> Catalogue:
        return catalogue_of(resources_of(self.settings))

    @property
    def campaigns(self) -> list[str]:
        return [row.campaign_id for row in self.catalogue.campaigns.all()]

    @property
    def notes(self) -> list[str]:
        path = self.settings.home / "notes.txt"
        return path.read_text().splitlines() if path.is_file() else []


@pytest.fixture
def folder(home: Path, tmp_path: Path, fake_models, monkeypatch) -> Place:
    """A folder in which files are complete as soon as they are created."""
    monkeypatch.setattr(watching, "SETTLED_S", 0.0)
    (tmp_path / "in").mkdir()
    settings = load_settings(watch=str(tmp_path / "in"))
    return Place(open_inbox(settings.watch), settings, lambda name, data: (tmp_path / "in" / name).write_bytes(data))


@pytest.fixture
def prefix(home: Path, fake_models, s3_endpoint: str, s3_bucket_name: str) -> Place:
    """A prefix of an S3 bucket."""
    keys = {f"bucket_{name}": value for name, value in s3_server.S3_KEYS.items() if name != "region"}
    settings = load_settings(
        watch=f"s3://{s3_bucket_name}/sheets",
        bucket=f"s3://{s3_bucket_name}/clips",
        bucket_endpoint=s3_endpoint,
        **keys,
    )
    store = s3_server.client(s3_endpoint)
    return Place(
        open_inbox(settings.watch, endpoint=s3_endpoint, **s3_server.S3_KEYS),
        settings,
        lambda name, data: store.put_object(Bucket=s3_bucket_name, Key=f"sheets/{name}", Body=data),
    )


@pytest.fixture(params=["folder", "prefix"])
def place(request: pytest.FixtureRequest) -> Place:
    return request.getfixturevalue(request.param)


def test_a_sheet_starts_one_campaign_and_gets_a_receipt(place: Place):
    place.put("Spring 1.csv", GOOD)
    lines = place.poll(3)
    assert len(lines) == 1
    assert "Spring 1.csv: accepted as" in lines[0]
    [campaign_id] = place.campaigns
    receipt = place.receipt("Spring 1.csv")
    assert receipt["state"] == "accepted"
    assert receipt["campaign"] == campaign_id
    assert receipt["link"] == f"http://127.0.0.1:8765/campaigns/{campaign_id}"
    assert (receipt["rows"], receipt["variants"]) == (2, 5)
    assert place.notes.count(f"registered {campaign_id}") == 1
    assert f"started {campaign_id}" in place.notes


def test_the_same_content_again_starts_no_second_campaign(place: Place):
    place.put("a.csv", GOOD)
    place.poll()
    place.put("b.csv", GOOD)
    place.put("a.csv", GOOD)
    place.poll(2)
    [campaign_id] = place.campaigns
    assert place.notes.count(f"registered {campaign_id}") == 1
    assert place.receipt("b.csv")["campaign"] == campaign_id
    assert "same content was submitted before" in place.receipt("b.csv")["message"]


@pytest.mark.parametrize("content", [GOOD, BAD], ids=["accepted", "refused"])
def test_a_restarted_watcher_reads_no_sheet_twice(place: Place, monkeypatch, content):
    place.put("a.csv", content)
    place.poll()
    fetched = []
    fetch = type(place.inbox).fetch
    monkeypatch.setattr(
        type(place.inbox), "fetch", lambda inbox, name, *rest: (fetched.append(name), fetch(inbox, name, *rest))[1]
    )
    place.poll()
    assert "a.csv" not in fetched
    place.put("a.csv", content + b"more,a blue ball\n")
    place.poll()
    assert "a.csv" in fetched


def test_a_bad_sheet_gets_its_errors_and_is_accepted_once_fixed(place: Place):
    place.put("a.csv", BAD)
    place.poll(2)
    receipt = place.receipt("a.csv")
    assert receipt["state"] == "refused"
    assert len(receipt["errors"]) == 1
    assert "lots" in receipt["errors"][0]
    marked = openpyxl.load_workbook(io.BytesIO(place.inbox.fetch(receipt["marked"], 1_000_000)))
    assert any(cell.comment for row in marked.active.iter_rows() for cell in row)
    assert place.campaigns == []
    place.put("a.csv", GOOD)
    place.poll(2)
    assert place.receipt("a.csv")["state"] == "accepted"
    assert len(place.campaigns) == 1


def test_a_refused_sheet_is_read_again_if_its_receipt_was_deleted(folder: Place, tmp_path: Path):
    folder.put("a.csv", b"brief_id,prompt\nx,\n")
    watcher, _ = folder.watcher()
    watcher.poll()
    first = folder.receipt("a.csv")
    watcher.poll()
    assert folder.poll() == []
    assert folder.receipt("a.csv") == first
    (tmp_path / "in" / "a.csv.receipt.json").unlink()
    folder.poll()
    assert folder.receipt("a.csv")["errors"] == first["errors"]


def _fixed(data: bytes) -> bytes:
    """Return an annotated copy in which a person has fixed the error."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    for row in book.active.iter_rows():
        for cell in row:
            cell.value = "4" if cell.value == "lots" else cell.value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _bytes(place: Place, name: str) -> bytes | None:
    return place.inbox.fetch(name, 1_000_000)


def _names(place: Place) -> set[str]:
    return {each.name for each in place.inbox.list_files()}


def test_a_receipt_names_no_options_of_the_command_line(folder: Place):
    folder.put("plan.csv", "prompt,notes\nžuto svjetlo i šalica,x\nčist zrak već u šumi,y\n".encode("iso8859_2"))
    folder.poll()
    written = folder.receipt("plan.csv")
    assert written is not None
    assert written["state"] == "refused"
    assert "'žuto svjetlo i šalica,x' in ISO-8859-2 (Central European)" in written["message"]
    assert written["message"].endswith("Save the sheet as CSV in UTF-8.")
    assert "--" not in written["message"]


def test_an_annotated_copy_fixed_in_place_is_a_sheet_and_never_overwritten(place: Place):
    place.put("bad.csv", BAD)
    watcher, _ = place.watcher()
    watcher.poll()
    mended = _fixed(_bytes(place, "bad.csv.marked.xlsx"))
    place.put("bad.csv.marked.xlsx", mended)
    watcher.poll()
    assert place.receipt("bad.csv.marked.xlsx")["state"] == "accepted"
    assert place.receipt("bad.csv.marked.xlsx")["variants"] == 6
    place.put("bad.csv", BAD.replace(b"lots", b"heaps"))
    watcher.poll()
    place.poll(2)
    assert _bytes(place, "bad.csv.marked.xlsx") == mended
    assert place.receipt("bad.csv")["marked"] == "bad.csv.marked-2.xlsx"
    assert "bad.csv.marked-2.xlsx marks the cells with errors" in place.receipt("bad.csv")["message"]
    assert place.receipt("bad.csv.marked-2.xlsx") is None
    place.put("bad.csv", BAD.replace(b"lots", b"many"))
    watcher.poll()
    assert place.receipt("bad.csv")["marked"] == "bad.csv.marked-2.xlsx"
    assert "bad.csv.marked-3.xlsx" not in _names(place)


def test_our_annotated_copies_are_never_read_as_sheets(place: Place):
    place.put("bad.csv", BAD)
    place.poll(2)
    place.put("bad.csv", GOOD)
    watcher, _ = place.watcher()
    watcher.poll()
    place.poll()
    assert place.receipt("bad.csv")["state"] == "accepted"
    assert _names(place) == {"bad.csv", "bad.csv.receipt.json", "bad.csv.marked.xlsx"}


def test_a_sheet_can_have_the_name_of_an_annotated_copy(folder: Place):
    folder.put("plan.marked.xlsx", b"not a workbook")
    folder.poll()
    assert folder.receipt("plan.marked.xlsx")["state"] == "refused"


@pytest.mark.parametrize(
    "other",
    [b"their notes", b'{"state": "accepted", "sheet": "b.csv", "at": "x"}', b"[" * 9999],
    ids=["text", "other", "deep"],
)
def test_another_file_with_the_name_of_a_receipt_is_left_alone(folder: Place, other: bytes):
    folder.put("a.csv.receipt.json", other)
    folder.put("a.csv", GOOD)
    watcher, _ = folder.watcher()
    lines = watcher.poll()
    assert _bytes(folder, "a.csv.receipt.json") == other
    assert json.loads(_bytes(folder, "a.csv.receipt-2.json"))["state"] == "accepted"
    assert any(
        "a.csv.receipt.json was not written by Reelmill" in line and "a.csv.receipt-2.json" in line for line in lines
    )
    assert watcher.poll() == []
    folder.poll()
    assert _names(folder) == {"a.csv", "a.csv.receipt.json", "a.csv.receipt-2.json"}


def test_without_a_free_name_nothing_is_overwritten(folder: Place, monkeypatch):
    monkeypatch.setattr(receipt, "MAX_CANDIDATE_NAMES", 2)
    folder.put("a.csv.receipt.json", b"theirs")
    folder.put("a.csv.receipt-2.json", b"theirs")
    folder.put("a.csv", GOOD)
    watcher, _ = folder.watcher()
    assert any("There is no free name for the receipt of 'a.csv'" in line for line in watcher.poll())
    assert watcher.poll() == []
    assert {_bytes(folder, name) for name in _names(folder) - {"a.csv"}} == {b"theirs"}


@pytest.mark.parametrize("content", [GOOD, BAD], ids=["accepted", "refused"])
def test_a_running_watcher_writes_a_deleted_receipt_again(folder: Place, tmp_path: Path, content: bytes):
    folder.put("a.csv", content)
    watcher, _ = folder.watcher()
    watcher.poll()
    watcher.poll()
    state = folder.receipt("a.csv")["state"]
    (tmp_path / "in" / "a.csv.receipt.json").unlink()
    watcher.poll()
    assert folder.receipt("a.csv")["state"] == state
    assert _names(folder) <= {"a.csv", "a.csv.receipt.json", "a.csv.marked.xlsx"}
    assert len(folder.campaigns) == (1 if content == GOOD else 0)


def test_a_refused_sheet_that_was_only_touched_is_read_once_more(folder: Place, monkeypatch):
    folder.put("a.csv", BAD)
    watcher, _ = folder.watcher()
    watcher.poll()
    folder.put("a.csv", BAD)
    watcher.poll()
    monkeypatch.setattr(watching, "snapshot_sheet", lambda *_: pytest.fail("read again"))
    assert watcher.poll() == folder.poll() == []


@pytest.mark.parametrize("place", ["ftp://x", "s3://"])
def test_a_wrong_setting_ends_the_watcher_with_a_message(home: Path, monkeypatch, capsys, place: str):
    monkeypatch.setenv("REELMILL_WATCH", place)
    monkeypatch.setattr("sys.argv", ["watch"])
    with pytest.raises(SystemExit) as end:
        watch_main()
    assert end.value.code == WRONG_SETTINGS
    assert capsys.readouterr().err == (
        f"{place!r} cannot be watched. Set REELMILL_WATCH to a folder or to s3://name/prefix.\n"
    )


def test_a_failure_unrelated_to_the_sheet_is_reported_and_retried(place: Place):
    place.put("a.csv", GOOD)
    watcher, _ = place.watcher()
    with patch.object(DeploymentStarter, "submit", side_effect=BucketUnreachableError("The bucket does not answer.")):
        watcher.poll()
    assert place.receipt("a.csv")["state"] == "waiting"
    assert "The bucket does not answer." in place.receipt("a.csv")["message"]
    assert watcher.has_pending
    watcher.poll()
    assert place.receipt("a.csv")["state"] == "accepted"
    assert len(place.campaigns) == 1
    assert not watcher.has_pending


def test_the_watcher_waits_for_a_partly_written_file(folder: Place, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(watching, "SETTLED_S", 60.0)
    watcher, _ = folder.watcher()
    path = tmp_path / "in" / "a.csv"
    path.write_bytes(GOOD[:60])
    assert watcher.poll() == []
    with path.open("ab") as file:
        file.write(GOOD[60:])
    assert watcher.poll() == []
    assert watcher.has_pending
    assert folder.campaigns == []
    assert len(watcher.poll()) == 1
    assert (folder.receipt("a.csv")["rows"], folder.receipt("a.csv")["variants"]) == (2, 5)


def _poll_apart(place: Place, times: int = 3) -> None:
    close_resources()
    place.poll(times)
    os._exit(0)


def _await(*processes: Any) -> list[int]:
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def test_only_one_of_two_watchers_registers_a_sheet(folder: Place):
    sheets = [f"{number}.csv" for number in range(4)]
    for number, sheet in enumerate(sheets):
        folder.put(sheet, GOOD.replace(b"red", f"red{number}".encode()))
    folder.catalogue.campaigns.all()
    close_resources()
    watchers = [FORK.Process(target=_poll_apart, args=(folder,)) for _ in range(2)]
    for process in watchers:
        process.start()
    assert _await(*watchers) == [0, 0]
    folder.poll()
    assert len(folder.campaigns) == 4
    registered = [line for line in folder.notes if line.startswith("registered")]
    assert len(registered) == len(set(registered)) == 4
    assert {folder.receipt(sheet)["state"] for sheet in sheets} == {"accepted"}


def test_two_watchers_do_not_read_each_others_annotated_copies(folder: Place):
    for number in range(6):
        folder.put(f"{number}.csv", BAD.replace(b"lots", f"lots{number}".encode()))
    folder.catalogue.campaigns.all()
    close_resources()
    watchers = [FORK.Process(target=_poll_apart, args=(folder, 6)) for _ in range(2)]
    for process in watchers:
        process.start()
    assert _await(*watchers) == [0, 0]
    folder.poll()
    assert _names(folder) == {
        f"{number}.csv{ending}" for number in range(6) for ending in ("", ".receipt.json", ".marked.xlsx")
    }


@pytest.mark.parametrize("name", ["x" * 240 + ".csv", "y" * 230 + ".marked.xlsx", "z" * 190 + ".csv.marked.xlsx"])
def test_a_sheet_with_a_long_name_gets_one_receipt(folder: Place, name: str):
    folder.put(name, BAD if name.endswith(".csv") else b"not a workbook")
    watcher, _ = folder.watcher()
    assert len(watcher.poll()) == 1
    assert watcher.poll() == folder.poll() == []
    assert len(_names(folder)) == 3


STEPS: list[tuple[Any, str]] = [
    (watching, "snapshot_sheet"),
    (SheetImports, "claim"),
    (RecordingStarter, "submit"),
    (flows.submit, "register"),
    (SheetImports, "finish"),
    (RecordingStarter, "start"),
    (FolderInbox, "write"),
]


def _die_at(place: Place, owner: Any, name: str, when: str) -> None:
    step = getattr(owner, name)

    def deadly(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            step(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)
    _poll_apart(place)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_watcher_killed_at_any_step_still_gives_one_campaign(
    folder: Place, owner: Any, name: str, when: str, monkeypatch
):
    monkeypatch.setattr(watching, "DEAD_CLAIM_TIMEOUT_S", 0.0)
    folder.put("a.csv", GOOD)
    folder.catalogue.campaigns.all()
    close_resources()
    process = FORK.Process(target=_die_at, args=(folder, owner, name, when))
    process.start()
    assert _await(process) == [-signal.SIGKILL]
    folder.poll(2)
    [campaign_id] = folder.campaigns
    assert folder.receipt("a.csv")["campaign"] == campaign_id
    assert f"started {campaign_id}" in folder.notes
    assert sum(folder.catalogue.progress.tally(campaign_id).values()) == 5


def test_a_watched_place_must_be_set(home: Path):
    with pytest.raises(SettingsError, match="REELMILL_WATCH"):
        watch_of(load_settings())


RUNS: list[tuple[str, str, str]] = [
    ("finished", "done", "The campaign has finished: 5 clips are published."),
    ("failed", "failed", "The run has failed. The light went out. 5 variants are not generated yet."),
    ("window", "stopped", "The run has stopped because its time window ended"),
    ("left", "failed", "its workers were lost"),
    ("lost", "failed", "Its process died, or does not respond."),
]


@pytest.mark.parametrize(("outcome", "state", "message"), RUNS, ids=[outcome for outcome, *_ in RUNS])
def test_a_receipt_follows_its_campaign(folder: Place, outcome: str, state: str, message: str, monkeypatch):
    folder.put("a.csv", GOOD)
    watcher, _ = folder.watcher()
    watcher.poll()
    first = folder.receipt("a.csv")
    assert (first["state"], first["message"]) == (
        "accepted",
        "The campaign is accepted and waits for its run to start.",
    )
    run_id = folder.catalogue.runs.begin(first["campaign"], "pool", current_owner())
    lines = watcher.poll()
    assert folder.receipt("a.csv")["state"] == "running"
    assert lines == [f"a.csv: running as {first['campaign']}. The campaign is running."]
    monkeypatch.setattr(RecordingStarter, "start", lambda *_: False)
    monkeypatch.setattr(RecordingStarter, "failure", lambda *_: "")
    if outcome == "finished":
        _publish(folder.catalogue, first["campaign"])
    folder.catalogue.runs.end(run_id, outcome, "The light went out" if outcome == "failed" else "")
    watcher.poll()
    receipt = folder.receipt("a.csv")
    assert receipt["state"] == state
    assert message in receipt["message"]
    assert receipt["clips"] == ({"published": 5} if outcome == "finished" else {"planned": 5})
    assert receipt["link"] == f"http://127.0.0.1:8765/campaigns/{first['campaign']}"
    assert {**receipt, "seen": 0, "at": 0} == {**folder.receipt("a.csv"), "seen": 0, "at": 0}
    assert watcher.poll() == folder.poll() == [], "nothing has changed since"


def _publish(catalogue: Catalogue, campaign_id: str) -> None:
    for row in catalogue.variants.of_campaign(campaign_id):
        samples.bring_to(catalogue, row.variant_id, "published")


def test_a_receipt_of_a_prefix_follows_its_campaign_and_another_watcher_keeps_it(prefix: Place, monkeypatch):
    prefix.put("a.csv", GOOD)
    prefix.poll()
    campaign_id = prefix.receipt("a.csv")["campaign"]
    monkeypatch.setattr(RecordingStarter, "start", lambda *_: False)
    monkeypatch.setattr(RecordingStarter, "failure", lambda *_: "")
    prefix.catalogue.runs.end(prefix.catalogue.runs.begin(campaign_id, "pool", "me"), "failed", "No weights")
    prefix.poll()
    assert prefix.receipt("a.csv")["state"] == "failed"
    assert "No weights." in prefix.receipt("a.csv")["message"]
    _publish(prefix.catalogue, campaign_id)
    prefix.catalogue.runs.end(prefix.catalogue.runs.begin(campaign_id, "pool", "me"), "finished")
    prefix.poll()
    assert (prefix.receipt("a.csv")["state"], prefix.receipt("a.csv")["clips"]) == ("done", {"published": 5})
    assert prefix.notes.count(f"registered {campaign_id}") == 1


def test_the_receipt_of_a_deleted_sheet_and_of_a_copy_follow_the_campaign_too(folder: Place, tmp_path: Path):
    folder.put("a.csv", GOOD)
    folder.poll()
    folder.put("b.csv", GOOD)
    folder.poll()
    (tmp_path / "in" / "a.csv").unlink()
    campaign_id = folder.receipt("b.csv")["campaign"]
    folder.catalogue.runs.begin(campaign_id, "pool", current_owner())
    folder.poll()
    assert [folder.receipt(name)["state"] for name in ("a.csv", "b.csv")] == ["running", "running"]
    assert "same content was submitted before" in folder.receipt("b.csv")["message"]


def test_a_start_that_failed_for_a_while_does_not_stay_in_the_receipt(folder: Place, monkeypatch):
    def away(*_: Any) -> bool:
        raise ReelmillError("The Prefect server does not respond (ConnectError). Check that it is running.")

    folder.put("a.csv", GOOD)
    watcher, _ = folder.watcher()
    with monkeypatch.context() as patched:
        patched.setattr(RecordingStarter, "start", away)
        watcher.poll()
        assert "has not started yet. The Prefect server does not respond" in folder.receipt("a.csv")["message"]
        assert folder.catalogue.alerts.all() == [], "it may be starting"
        patched.setattr(watching, "LATE_S", -1.0)
        watcher.poll()
        [alert] = folder.catalogue.alerts.all()
        assert "The sheet a.csv in the watched place is waiting: The Prefect server does not respond" in alert.text
    watcher.poll()
    assert folder.receipt("a.csv")["message"] == "The campaign is accepted and waits for its run to start."


def test_a_campaign_whose_flow_run_ended_without_a_run_is_reported_as_failed(folder: Place, monkeypatch):
    monkeypatch.setattr(RecordingStarter, "start", lambda *_: False)
    monkeypatch.setattr(RecordingStarter, "failure", lambda *_: "The flow run odd-cat has crashed: exit code -9.")
    folder.put("a.csv", GOOD)
    folder.poll()
    receipt = folder.receipt("a.csv")
    assert receipt["state"] == "failed"
    assert receipt["message"] == "The campaign could not start. The flow run odd-cat has crashed: exit code -9."


def test_a_run_that_is_restarted_is_not_reported_as_failed(folder: Place):
    folder.put("a.csv", GOOD)
    folder.poll()
    campaign_id = folder.receipt("a.csv")["campaign"]
    folder.catalogue.runs.end(folder.catalogue.runs.begin(campaign_id, "pool", "me"), "lost")
    folder.poll()
    assert folder.receipt("a.csv")["state"] == "accepted"
    assert "It is restarted automatically." in folder.receipt("a.csv")["message"]


OWNER_FILE = b"\x05Maria" + b" " * 49 + b"\x05\x00M\x00a\x00r\x00i\x00a\x00" + b" \x00" * 49
PASSED_OVER = [
    "~$spring.xlsx",
    "~$ring.xlsx",
    "._spring.xlsx",
    ".~lock.spring.ods#",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "spring.xlsx.part",
    "spring.csv.crdownload",
    "~WRD0001.tmp",
    "spring.csv~",
    "README.txt",
    "notes.docx",
]


@pytest.mark.parametrize("name", PASSED_OVER)
def test_files_of_other_programs_are_passed_over(place: Place, name: str):
    place.put(name, OWNER_FILE)
    watcher, _ = place.watcher()
    assert watcher.poll() == watcher.poll() == []
    assert _names(place) <= {name}
    assert not watcher.has_pending


@pytest.mark.parametrize(
    "suffix", [".txt", ".xls", ".xlsm", ".xlsb", ".ods", ".json", ".jsonl", ".numbers", ".TSV", ".gsheet"]
)
def test_each_kind_of_sheet_is_answered(folder: Place, suffix: str):
    folder.put(f"plan{suffix}", b"\x00\x01 not a sheet \x00")
    folder.poll()
    receipt = folder.receipt(f"plan{suffix}")
    assert receipt["state"] == "refused"
    assert receipt["message"]
    assert folder.campaigns == []


CONFLICTED = [
    "spring (conflicted copy).csv",
    "spring (Ann's conflicted copy 2026-11-30).csv",
    "spring (conflicted copy 2026-11-30 101500).csv",
    "spring.sync-conflict-20261130-101500-ABCDEFG.csv",
    "spring_conflict-20261130-101500.csv",
    "spring (SFConflict ann@example.com 2026-11-30-10-15-00).csv",
    "spring (In Konflikt stehende Kopie von Ann 2026-11-30).csv",
    "spring (Copie en conflit de Ann 2026-11-30).csv",
]


@pytest.mark.parametrize("name", CONFLICTED)
def test_a_conflicted_copy_is_reported_and_not_started(folder: Place, name: str, tmp_path: Path):
    folder.put(name, GOOD)
    folder.poll(2)
    receipt = folder.receipt(name)
    assert receipt["state"] == "refused"
    assert receipt["message"].startswith(f"{name} is a conflicted copy: spring.csv was changed in two places")
    assert folder.campaigns == []
    (tmp_path / "in" / name).rename(tmp_path / "in" / "spring-2.csv")
    folder.poll()
    assert folder.receipt("spring-2.csv")["state"] == "accepted", "the suggested fix works"


def test_a_second_download_with_other_content_starts_with_a_note(folder: Place):
    folder.put("spring.csv", GOOD)
    folder.put("spring (1).csv", GOOD.replace(b"red", b"blue"))
    folder.put("spring (2).csv", GOOD)
    folder.put("report (3).csv", GOOD.replace(b"red", b"pink"))
    folder.poll()
    assert "has the name of a second download of spring.csv" in folder.receipt("spring (1).csv")["message"]
    assert "same content was submitted before" in folder.receipt("spring (2).csv")["message"]
    assert "second download" not in folder.receipt("report (3).csv")["message"]
    assert len(folder.campaigns) == 3


def test_a_file_beside_its_partial_download_is_not_read_yet(folder: Place, tmp_path: Path):
    folder.put("spring.csv", GOOD[:60])
    folder.put("spring.csv.part", GOOD)
    watcher, _ = folder.watcher()
    assert watcher.poll() == watcher.poll() == []
    assert watcher.has_pending
    (tmp_path / "in" / "spring.csv.part").rename(tmp_path / "in" / "spring.csv")
    watcher.poll()
    assert folder.receipt("spring.csv")["variants"] == 5


def test_a_file_that_grows_while_it_is_read_is_read_again(folder: Place, tmp_path: Path, monkeypatch):
    folder.put("spring.csv", GOOD[:60])
    fetch = FolderInbox.fetch

    def growing(inbox: FolderInbox, name: str, most: int) -> bytes | None:
        if name == "spring.csv":
            (tmp_path / "in" / name).write_bytes(GOOD)
        return fetch(inbox, name, most)

    watcher, _ = folder.watcher()
    monkeypatch.setattr(FolderInbox, "fetch", growing)
    watcher.poll()
    assert folder.campaigns == []
    watcher.poll()
    assert folder.receipt("spring.csv")["variants"] == 5


def test_good_rows_are_accepted_if_the_setting_says_so(folder: Place, monkeypatch):
    folder.settings = load_settings(watch=folder.settings.watch, watch_accept_good_rows=True)
    folder.put("a.csv", BAD)
    folder.put("none.csv", b"brief_id,prompt,variants\ncup,a green cup,lots\n")
    folder.poll(2)
    receipt = folder.receipt("a.csv")
    assert (receipt["state"], receipt["rows"], receipt["variants"]) == ("accepted", 1, 2)
    assert receipt["message"].startswith("1 row with errors was left out; a.csv.marked.xlsx marks the cells.")
    assert "lots" in receipt["errors"][0]
    assert folder.receipt("a.csv.marked.xlsx") is None
    assert folder.receipt("none.csv")["state"] == "refused"


def test_many_findings_of_one_kind_are_summed_up_in_a_receipt(folder: Place):
    rows = "".join(f"b{number},a red circle number {number},lots{number}\n" for number in range(900))
    folder.put("a.csv", f"brief_id,prompt,variants\n{rows}".encode())
    folder.poll()
    errors = folder.receipt("a.csv")["errors"]
    assert len(errors) == 4
    assert "The same error occurs 897 more times, in rows" in errors[-1]


def test_a_sheet_waits_for_pictures_that_cannot_be_downloaded_now(folder: Place, tmp_path: Path, monkeypatch):
    with tls_server(tmp_path) as server:
        fetcher = partial(
            GuardedFetcher, resolver=lambda *_: ["127.0.0.1"], is_allowed=lambda _: True, context=server.context
        )
        monkeypatch.setattr(flows.submit, "GuardedFetcher", fetcher)
        url = server.url("/cup.png")
        server.pages["/cup.png"] = body(b"", status=503)
        folder.put("spring.csv", f"prompt,model,first_frame\na cup,svd-xt,{url}\na cup 2,svd-xt,{url}\n".encode())
        folder.poll(2)
        receipt = folder.receipt("spring.csv")
        assert receipt["state"] == "waiting"
        assert receipt["message"] == (
            f"Row 2, column C 'first_frame': '{url}' is not available now. Try again later (status 503). The same "
            "applies to 1 other cell. The sheet is retried automatically."
        )
        server.pages["/cup.png"] = body(picture())
        folder.poll(2)
        assert folder.receipt("spring.csv")["state"] == "accepted"
        assert len(folder.campaigns) == 1
        server.pages["/cup.png"] = body(b"", status=404)
        folder.put("summer.csv", f"prompt,model,first_frame\na cup,svd-xt,{url}\n".encode())
        folder.poll(2)
        assert folder.receipt("summer.csv")["state"] == "refused"  # waiting would not help
        server.pages["/cup.png"] = body(b"", status=503)
        folder.put("autumn.csv", f"prompt,model,first_frame\na cup,svd-xt,{url}\na cup,no-model,\n".encode())
        folder.poll(2)
        assert folder.receipt("autumn.csv")["state"] == "refused"  # another error has to be fixed anyway


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(stream, "png")
    return stream.getvalue()
