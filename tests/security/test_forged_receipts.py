"""Receipts and marked copies that others forge in a watched folder are not believed."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.inbox import FolderInbox
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.watch import DeploymentStarter
from tasks.runtime.resources import catalogue_of, close_resources
from tasks.watch.annotated_copy import is_unchanged_copy, write_annotated_copy
from tasks.watch.receipt_seal import ReceiptSeal
from tasks.watch.watch import Watch

SHEET = "brief_id,prompt,variants\ncircle,a red circle,1\n"
NOBODY = 65534


class Starter(DeploymentStarter):
    def start(self, campaign_id: str) -> bool:
        return True


class Folder:
    """A watched folder to which another user can write too."""

    def __init__(self, place: Path, home: Path) -> None:
        self.place = place
        self.inbox = FolderInbox(place)
        self.resources = resources_of(load_settings(home=home))
        self.seal = ReceiptSeal(self.resources.audit_key)
        self._home = home

    def poll(self, seal: ReceiptSeal | None = None) -> None:
        """Poll twice with a new watcher, so that new files count as complete."""
        settings, catalogue = load_settings(home=self._home), catalogue_of(self.resources)
        starter = Starter(settings, self.resources, "")
        watch = Watch(self.inbox, seal or self.seal, catalogue, starter, self._home / "uploads")
        for _ in range(2):
            watch.poll()

    def forge(self, name: str, body: dict[str, Any]) -> bytes:
        """Write a receipt as another user."""
        path = self.place / name
        path.write_text(json.dumps(body))
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        else:
            path.chmod(0o666)
        return path.read_bytes()

    def receipt(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.place / name).read_text())
        return found

    def stamp(self, name: str) -> str:
        [found] = [each.stamp for each in self.inbox.list_files() if each.name == name]
        return found

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.place.iterdir())

    @property
    def campaigns(self) -> list[str]:
        return [row.name for row in catalogue_of(self.resources).campaigns.all()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    monkeypatch.chdir(tmp_path)
    close_resources()
    (tmp_path / "in").mkdir()
    yield Folder(tmp_path / "in", tmp_path / "home")
    close_resources()


def put_victim(folder: Folder) -> dict[str, Any]:
    """Write a sheet, and return a receipt that claims that it is done."""
    (folder.place / "victim.csv").write_text(SHEET)
    seen = {"victim.csv": folder.stamp("victim.csv")}
    return {"state": "done", "sheet": "victim.csv", "at": "2026", "message": "All good.", "seen": seen}


@pytest.mark.parametrize("seal", [None, "", "0" * 64, 7, ["x"]])
def test_a_forged_receipt_does_not_suppress_a_sheet(folder: Folder, seal: object):
    body = put_victim(folder)
    forged = folder.forge("victim.csv.receipt.json", body if seal is None else {**body, "seal": seal})
    folder.poll()
    assert folder.campaigns == ["victim"]
    assert folder.receipt("victim.csv.receipt-2.json")["state"] == "accepted"
    assert (folder.place / "victim.csv.receipt.json").read_bytes() == forged, "files of others are kept"


def test_a_receipt_without_a_seal_is_never_enough(folder: Folder):
    """On some mounts, all files seem to be ours."""
    body = put_victim(folder)
    (folder.place / "victim.csv.receipt.json").write_text(json.dumps(body))
    folder.poll()
    assert folder.campaigns == ["victim"]


def test_a_sealed_receipt_cannot_be_changed_or_used_for_another_sheet(folder: Folder):
    (folder.place / "own.csv").write_text(SHEET.replace("red", "blue"))
    folder.poll()
    sealed = folder.receipt("own.csv.receipt.json")
    forged = put_victim(folder)
    folder.forge("victim.csv.receipt.json", {**sealed, "sheet": "victim.csv", "seen": forged["seen"]})
    folder.poll()
    assert sorted(folder.campaigns) == ["own", "victim"]


def forge_claim_to_a_copy(folder: Folder) -> Path:
    """Return a file that a person edited and that a forged receipt claims as an annotated copy."""
    copy = folder.place / "plan.csv.marked.xlsx"
    copy.write_bytes(b"edited by a person")
    left = {copy.name: hashlib.sha256(copy.read_bytes()).hexdigest()}
    folder.forge("plan.csv.receipt.json", {"state": "refused", "sheet": "plan.csv", "at": "x", "left": left})
    return copy


def test_a_forged_receipt_does_not_have_a_file_overwritten(folder: Folder):
    copy = forge_claim_to_a_copy(folder)
    name, _ = write_annotated_copy(folder.inbox, folder.seal, "plan.csv", b"ours")
    assert (name, copy.read_bytes()) == ("plan.csv.marked-2.xlsx", b"edited by a person")


@pytest.mark.parametrize("is_own", [True, False])
def test_a_receipt_without_a_seal_has_no_file_overwritten(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, is_own: bool
):
    """On some mounts, and in a bucket, all files seem to be ours."""
    monkeypatch.setattr(folder.inbox, "is_own", lambda _: is_own)
    copy = forge_claim_to_a_copy(folder)
    name, _ = write_annotated_copy(folder.inbox, folder.seal, "plan.csv", b"ours")
    assert (name, copy.read_bytes()) == ("plan.csv.marked-2.xlsx", b"edited by a person")
    assert not is_unchanged_copy(folder.inbox, folder.seal, copy.name), "the copy is a sheet"


def test_receipts_of_older_versions_are_sealed_and_start_nothing(folder: Folder):
    (folder.place / "a.csv").write_text(SHEET)
    (folder.place / "bad.csv").write_text("brief_id,prompt,variants\ncircle,a red circle,many\n")
    folder.poll()
    before, names = folder.receipt("a.csv.receipt.json"), folder.names
    for name in ("a.csv.receipt.json", "bad.csv.receipt.json"):
        body = folder.receipt(name)
        del body["seal"]
        (folder.place / name).write_text(json.dumps(body))
        (folder.place / name).chmod(0o644)
    folder.poll()
    assert (folder.campaigns, folder.names) == (["a"], names)
    assert {**folder.receipt("a.csv.receipt.json"), "seal": "", "at": ""} == {**before, "seal": "", "at": ""}
    assert "seal" in folder.receipt("bad.csv.receipt.json")


def test_annotated_copies_of_older_versions_are_not_imported(folder: Folder, monkeypatch: pytest.MonkeyPatch):
    """Their receipts have no seal, so the copy is written again before it is processed."""
    monkeypatch.setenv("REELMILL_WATCH_ACCEPT_GOOD_ROWS", "true")
    (folder.place / "a.csv").write_text(f"{SHEET}cup,a green cup,many\n")
    folder.poll()
    names, body = folder.names, folder.receipt("a.csv.receipt.json")
    del body["seal"]
    (folder.place / "a.csv.receipt.json").write_text(json.dumps(body))
    (folder.place / "a.csv.receipt.json").chmod(0o644)
    folder.poll()
    assert (folder.campaigns, folder.names) == (["a"], names)
    assert folder.receipt("a.csv.receipt.json")["left"] == body["left"]


def test_another_machine_of_the_same_catalogue_accepts_the_receipts(folder: Folder):
    (folder.place / "a.csv").write_text(SHEET)
    folder.poll()
    before = {name: folder.stamp(name) for name in folder.names}
    folder.poll(ReceiptSeal(folder.resources.audit_key))
    assert {name: folder.stamp(name) for name in folder.names} == before


def test_a_watcher_with_another_key_runs_nothing_twice_and_both_come_to_rest(folder: Folder):
    (folder.place / "a.csv").write_text(SHEET)
    other = ReceiptSeal(b"k" * 32)
    folder.poll()
    folder.poll(other)
    assert folder.campaigns == ["a"]
    assert folder.names == ["a.csv", "a.csv.receipt-2.json", "a.csv.receipt.json"]
    before = {name: folder.stamp(name) for name in folder.names}
    folder.poll()
    folder.poll(other)
    assert {name: folder.stamp(name) for name in folder.names} == before
