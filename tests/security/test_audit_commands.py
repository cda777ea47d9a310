"""`reelmill audit verify`, `seal` and `anchor`: what they report, and that the fixes that they name work."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import reelmill

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.deliver.anchors import anchor_if_due
from tasks.runtime.resources import close_resources, signer_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in list(os.environ):
        if name.startswith("REELMILL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    close_resources()
    yield tmp_path / "home"
    close_resources()


@pytest.fixture
def with_account(home: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one account, added by a command."""
    monkeypatch.setattr("app.cli.commands.admin.accounts._password", lambda _: "correct horse")
    assert reelmill(capsys, "accounts", "add", "ann", "--role", "reviewer").code == 0
    return home


def change(home: Path, statement: str) -> None:
    close_resources()
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        connection.execute(statement)
    connection.close()


def test_the_key_is_private_and_created_once(with_account: Path, capsys):
    key = with_account / "audit.key"
    assert key.stat().st_mode & 0o777 == 0o600
    content = key.read_text()
    assert len(bytes.fromhex(content)) == 32
    assert reelmill(capsys, "audit", "verify").code == 0
    assert key.read_text() == content


def test_a_changed_role_is_reported_until_a_person_accepts_it(with_account: Path, capsys):
    change(with_account, "UPDATE accounts SET role = 'admin'")
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 1
    assert "The role of the account 'ann' was changed outside Reelmill to 'admin'" in " ".join(ended.err.split())
    assert json.loads(reelmill(capsys, "audit", "verify", "--json").out)["ok"] is False

    assert reelmill(capsys, "audit", "seal", "--yes").code == 0
    close_resources()
    assert reelmill(capsys, "audit", "verify").code == 0


def test_removed_seals_are_reported_and_can_be_renewed(with_account: Path, capsys):
    change(with_account, "UPDATE audit_head SET seal = NULL, key_id = NULL, sealed_from = NULL")
    refused = reelmill(capsys, "accounts", "role", "ann", "admin")
    assert refused.code == 1
    assert "`reelmill audit seal`" in " ".join(refused.err.split())
    assert reelmill(capsys, "audit", "verify").code == 1

    assert reelmill(capsys, "audit", "seal", "--yes").code == 0
    close_resources()
    assert reelmill(capsys, "accounts", "role", "ann", "admin").code == 0
    assert reelmill(capsys, "audit", "verify").code == 0


def test_another_key_is_reported_and_the_fix_works(with_account: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    genuine = (with_account / "audit.key").read_text()
    (with_account / "audit.key").write_text("ab" * 32)
    close_resources()
    refused = reelmill(capsys, "accounts", "role", "ann", "admin")
    assert refused.code == 1
    assert "Set REELMILL_AUDIT_KEY to the content of audit.key" in " ".join(refused.err.split())
    monkeypatch.setenv("REELMILL_AUDIT_KEY", genuine)
    assert reelmill(capsys, "accounts", "role", "ann", "admin").code == 0


def test_doctor_reports_another_key_and_removed_seals(with_account: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    def finding() -> dict[str, str]:
        findings = json.loads(reelmill(capsys, "doctor", "--json").out)["findings"]
        return next(each for each in findings if each["check"] == "audit")

    assert finding()["level"] == "ok"
    monkeypatch.setenv("REELMILL_AUDIT_KEY", "ab" * 32)
    assert finding()["level"] == "fail"
    assert (
        finding()["message"]
        == "The audit log of this catalogue is sealed with another key than the one of this process."
    )
    monkeypatch.delenv("REELMILL_AUDIT_KEY")
    change(with_account, "UPDATE audit_head SET seal = NULL, key_id = NULL, sealed_from = NULL")
    assert finding()["level"] == "fail"
    assert "`reelmill audit verify`" in finding()["fix"]


@pytest.mark.parametrize("key", ["short", "zz" * 32, "ab" * 31])
def test_an_invalid_key_is_refused_without_showing_it(home: Path, capsys, monkeypatch: pytest.MonkeyPatch, key: str):
    monkeypatch.setenv("REELMILL_AUDIT_KEY", key)
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code != 0
    assert "at least 64 hex digits" in " ".join(ended.err.split())
    assert key not in ended.err


def test_a_damaged_key_file_is_reported(with_account: Path, capsys):
    (with_account / "audit.key").write_bytes(b"\xff" * 10)
    close_resources()
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 1
    assert "is damaged. Restore it from a backup" in " ".join(ended.err.split())


def test_an_anchor_is_written_and_checked(with_account: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REELMILL_AUDIT_ANCHOR_H", "24")
    ended = reelmill(capsys, "audit", "anchor")
    assert ended.code == 0
    assert "Wrote audit/" in ended.out
    assert "no new entries" in reelmill(capsys, "audit", "anchor").out
    assert reelmill(capsys, "audit", "verify").code == 0
    [anchor] = (with_account / "bucket").rglob("audit/**/*.json")
    anchor.write_text("{}")
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 1
    assert "is damaged" in ended.err
    assert "Store the digest elsewhere" not in ended.out


def words(text: str) -> str:
    return " ".join(text.split())


def restore_before_last_entry(home: Path, capsys) -> None:
    """Anchor an entry that an older copy of the catalogue does not contain, and restore that copy."""
    close_resources()
    shutil.copy(home / "catalogue.sqlite", home / "backup.sqlite")
    assert reelmill(capsys, "accounts", "disable", "ann").code == 0
    assert "Wrote audit/" in reelmill(capsys, "audit", "anchor").out
    close_resources()
    (home / "backup.sqlite").rename(home / "catalogue.sqlite")


def test_a_restore_is_reported_until_a_person_accepts_it(with_account: Path, capsys):
    """Anchors that exist are checked without REELMILL_AUDIT_ANCHOR_H too."""
    assert "No anchors found." in reelmill(capsys, "audit", "verify").out
    restore_before_last_entry(with_account, capsys)
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 1
    assert "run `reelmill audit accept-restore --reason TEXT`" in words(ended.err)

    assert reelmill(capsys, "audit", "accept-restore", "--yes").code == 1
    accepted = reelmill(capsys, "audit", "accept-restore", "--reason", "disk failure", "--yes")
    assert "Accepted: the loss of entry 2 and 1 anchor of lost entries." in words(accepted.out)
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 0
    assert "1 anchor checked." in ended.out
    assert "Note: The log has lost entry 2. person:" in words(ended.out)
    assert " UTC: disk failure" in words(ended.out)
    assert "Nothing to accept" in reelmill(capsys, "audit", "accept-restore", "--reason", "again", "--yes").out

    restore_before_last_entry(with_account, capsys)
    assert reelmill(capsys, "audit", "verify").code == 1


def test_a_loss_without_anchors_is_shown_accepted_and_noted(with_account: Path, capsys):
    restore_before_last_entry(with_account, capsys)
    shutil.rmtree(with_account / "bucket" / "audit")
    os.utime(next((with_account / "audit.marks").iterdir()), (1_800_000_000, 1_800_000_000))
    reason = ["--reason", "disk failure", "--yes"]
    accepted = words(reelmill(capsys, "audit", "accept-restore", *reason).out)
    assert "Missing: entry 2, the newest one that this home knows. It was recorded on 2027-01-15 08:00 UTC." in accepted
    assert "the time of the last entry before the missing ones, may be lost. Check accounts" in accepted
    assert accepted.endswith("Accepted: the loss of entry 2.")
    ended = reelmill(capsys, "audit", "verify")
    assert (ended.code, "Note: The log has lost entry 2. person:" in words(ended.out)) == (0, True)


@pytest.mark.parametrize("lost", ["bucket/audit", "audit.marks"])
def test_entries_from_after_a_loss_do_not_hide_its_time(with_account: Path, capsys, lost: str):
    """Another home can have added entries after the restore."""
    restore_before_last_entry(with_account, capsys)
    (with_account / "audit.marks").rename(with_account / "kept")
    assert reelmill(capsys, "accounts", "role", "ann", "viewer").code == 0
    shutil.rmtree(with_account / "audit.marks")
    (with_account / "kept").rename(with_account / "audit.marks")
    shutil.rmtree(with_account / lost)
    change(with_account, "DROP TRIGGER audit_no_update")
    change(with_account, "UPDATE audit SET at_ms = 1800000000000 WHERE audit_id = 2")
    change(with_account, "UPDATE audit SET at_ms = 1700000000000 WHERE audit_id = 1")
    accepted = reelmill(capsys, "audit", "accept-restore", "--reason", "disk failure", "--yes")
    assert "after 2023-11-14 22:13 UTC, the time of the last entry before the missing ones" in words(accepted.out)


def test_an_anchor_of_a_new_home_is_accepted_as_one(with_account: Path, capsys):
    restore_before_last_entry(with_account, capsys)
    shutil.rmtree(with_account / "audit.marks")
    accepted = reelmill(capsys, "audit", "accept-restore", "--reason", "disk failure", "--yes")
    assert words(accepted.out).endswith("Accepted: 1 anchor of lost entries.")
    assert reelmill(capsys, "audit", "verify").code == 0


@pytest.mark.parametrize("lost", ["bucket/audit", "audit.marks"])
def test_the_head_of_a_cut_log_is_not_anchored(with_account: Path, capsys, lost: str):
    """Whether this home knows the missing entry, or only an anchor shows it."""
    restore_before_last_entry(with_account, capsys)
    shutil.rmtree(with_account / lost)
    anchored = list((with_account / "bucket").rglob("audit/**/*.json"))
    problem = words(reelmill(capsys, "audit", "verify").err)
    ended = reelmill(capsys, "audit", "anchor")
    assert (ended.code, words(ended.err).removeprefix("Error: ")) == (1, problem)
    assert list((with_account / "bucket").rglob("audit/**/*.json")) == anchored


def test_a_run_does_not_anchor_a_cut_log(with_account: Path, capsys, monkeypatch: pytest.MonkeyPatch, caplog):
    restore_before_last_entry(with_account, capsys)
    shutil.rmtree(with_account / "bucket" / "audit")
    monkeypatch.setenv("REELMILL_AUDIT_ANCHOR_H", "1")
    resources = resources_of(load_settings())
    with signer_of(resources) as signer:
        anchor_if_due(resources, signer)
    assert not list((with_account / "bucket").rglob("audit/**/*.json"))
    assert "The audit log no longer contains entry 2" in caplog.text


def test_a_digest_from_before_an_accepted_loss_may_have_been_lost(with_account: Path, capsys):
    restore_before_last_entry(with_account, capsys)
    unknown = ["audit", "verify", "--expect", "ab" * 32]
    assert "the log was rewritten since then" in words(reelmill(capsys, *unknown).err)
    known = next((with_account / "audit.marks").iterdir()).read_text().split()[1]
    assert reelmill(capsys, "audit", "accept-restore", "--reason", "disk failure", "--yes").code == 0
    present = json.loads(reelmill(capsys, "audit", "verify", "--json").out)["digest"]
    for digest, how in ((known, "the entry was lost"), ("ab" * 32, "the entry may have been lost")):
        ended = reelmill(capsys, "audit", "verify", "--expect", digest)
        assert ended.code == 1
        assert f"{how} with those whose loss person:" in words(ended.err)
        assert f"note the present one instead: {present}" in words(ended.err)
        assert ("Otherwise, the log was rewritten since then" in words(ended.err)) == (digest != known)
        assert "the log does not contain the expected digest." in words(ended.out)
        assert "store this one instead" in words(ended.out)
        assert "Do not store" not in ended.out


def test_sealing_accepts_the_anchors_of_a_lost_catalogue(with_account: Path, capsys):
    """It prints them, without the advice to do what it does, and the log is intact afterwards."""
    assert reelmill(capsys, "audit", "anchor").code == 0
    close_resources()
    (with_account / "catalogue.sqlite").unlink()
    sealed = reelmill(capsys, "audit", "seal", "--yes")
    shown = words(sealed.err)
    assert sealed.code == 0
    assert "is missing, although this installation has used it" in shown
    assert "The audit log no longer contains entry 1 as this home knows it" in shown
    assert "The log no longer contains entry 1 as it was anchored at" in shown
    assert "`reelmill audit" not in shown
    assert "Sealed the audit log (2 entries) and 0 state changes of clips. Restart the dashboard." in words(sealed.out)
    close_resources()
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 0
    assert "Note: The log has lost entry 1. person:" in words(ended.out)
    assert ": sealed without these entries" in words(ended.out)


def test_sealing_says_that_an_intact_log_is_intact(with_account: Path, capsys):
    sealed = reelmill(capsys, "audit", "seal", "--yes")
    assert (sealed.code, sealed.err) == (0, "")
    assert "The audit log is intact. There is nothing to accept." in words(sealed.out)


def test_sealing_shows_what_it_does_not_accept(with_account: Path, capsys):
    assert reelmill(capsys, "audit", "anchor").code == 0
    [anchor] = (with_account / "bucket").rglob("audit/**/*.json")
    anchor.write_text("{}")
    sealed = reelmill(capsys, "audit", "seal", "--yes")
    assert "Sealing does not end this problem: The anchor audit/" in words(sealed.err)


def test_only_a_sealed_statement_accepts_a_restore(with_account: Path, capsys):
    restore_before_last_entry(with_account, capsys)
    assert reelmill(capsys, "audit", "accept-restore", "--reason", "disk failure", "--yes").code == 0
    change(with_account, "DROP TRIGGER audit_no_update")
    change(with_account, "UPDATE audit SET seal = 'ab' WHERE action = 'restore accepted'")
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 1
    assert "The log no longer contains entry 2" in words(ended.err)


def test_anchors_that_cannot_be_read_are_mentioned(with_account: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REELMILL_BUCKET", "s3://clips")
    monkeypatch.setenv("REELMILL_BUCKET_ENDPOINT", "http://127.0.0.1:9")
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 0
    assert "Anchors not checked: " in ended.out
    monkeypatch.setenv("REELMILL_AUDIT_ANCHOR_H", "24")
    assert reelmill(capsys, "audit", "verify").code == 1


def test_another_key_is_the_only_problem(with_account: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REELMILL_AUDIT_KEY", "ab" * 32)
    ended = json.loads(reelmill(capsys, "audit", "verify", "--json").out)
    assert [problem.partition(".")[0] for problem in ended["problems"]] == [
        "The audit log of this catalogue is sealed with another key than the one of this process"
    ]
    assert reelmill(capsys, "audit", "anchor").code == 1


def test_a_changed_head_does_not_turn_the_checks_off(with_account: Path, capsys):
    change(with_account, "UPDATE audit_head SET key_id = '0123456789abcdef'")
    ended = reelmill(capsys, "audit", "verify")
    assert ended.code == 1
    assert "it names another audit key than the one that seals the log" in words(ended.err)


def test_the_key_of_a_catalogue_is_only_replaced_on_request(with_account: Path, capsys, monkeypatch):
    refused = reelmill(capsys, "audit", "seal", "--yes", "--new-key")
    assert (refused.code, "Nothing was sealed" in refused.err) == (1, True)
    monkeypatch.setenv("REELMILL_AUDIT_KEY", "ab" * 32)
    close_resources()
    refused = reelmill(capsys, "audit", "seal", "--yes")
    assert refused.code == 1
    assert "other machines can neither review nor publish" in words(refused.err)
    assert "all sessions, API tokens and share links end" in words(refused.err)
    assert reelmill(capsys, "audit", "verify").code == 1

    ended = reelmill(capsys, "audit", "seal", "--yes", "--new-key")
    assert ended.code == 0
    assert "set REELMILL_AUDIT_KEY to it on all other machines" in words(ended.out)
    close_resources()
    assert reelmill(capsys, "audit", "verify").code == 0


def test_anchors_of_the_former_key_are_still_checked(with_account: Path, capsys, monkeypatch):
    reelmill(capsys, "audit", "anchor")
    monkeypatch.setenv("REELMILL_AUDIT_KEY", "ab" * 32)
    assert reelmill(capsys, "audit", "seal", "--yes", "--new-key").code == 0
    close_resources()
    assert "1 anchor checked." in reelmill(capsys, "audit", "verify").out


def test_a_lost_key_is_not_replaced_silently(with_account: Path, capsys):
    (with_account / "audit.key").rename(with_account / "kept")
    close_resources()
    for command in (["accounts", "role", "ann", "admin"], ["audit", "verify"], ["audit", "seal", "--yes"]):
        ended = reelmill(capsys, *command)
        assert ended.code == 1
        assert f"audit.key is missing in {with_account}" in words(ended.err)
        assert ("add --new-key" if "seal" in command else "`reelmill audit seal --new-key`") in words(ended.err)
    findings = json.loads(reelmill(capsys, "doctor", "--json").out)["findings"]
    assert next(each for each in findings if each["check"] == "audit")["level"] == "fail"
    assert not (with_account / "audit.key").exists()

    assert reelmill(capsys, "audit", "seal", "--yes", "--new-key").code == 0
    close_resources()
    assert (with_account / "audit.key").read_text() != (with_account / "kept").read_text()
    assert reelmill(capsys, "audit", "verify").code == 0
    assert reelmill(capsys, "accounts", "role", "ann", "admin").code == 0


def test_a_changed_account_is_restored(with_account: Path, capsys):
    change(with_account, "UPDATE accounts SET role = 'admin', password_hash = 'that of eve'")
    assert "changed outside Reelmill" in reelmill(capsys, "accounts", "list").out
    assert "`reelmill accounts role ann reviewer`" in words(reelmill(capsys, "audit", "verify").err)
    ended = reelmill(capsys, "accounts", "role", "ann", "reviewer")
    assert ended.code == 0
    assert "had been changed outside Reelmill (role, password)" in words(ended.out)
    assert "`reelmill accounts password ann`" in words(ended.out)
    assert reelmill(capsys, "audit", "verify").code == 0
    close_resources()
    with sqlite3.connect(with_account / "catalogue.sqlite") as connection:
        assert connection.execute("SELECT role, password_hash FROM accounts").fetchall() == [("reviewer", None)]
        [detail] = connection.execute("SELECT detail FROM audit ORDER BY audit_id DESC LIMIT 1").fetchone()
    connection.close()
    assert json.loads(detail)["found"] == "changed outside Reelmill"
    assert json.loads(detail)["was"]["role"] == "admin"


def test_an_added_account_can_be_disabled(with_account: Path, capsys):
    change(with_account, "INSERT INTO accounts (name, role, disabled, created_at) VALUES ('eve', 'admin', 0, 0)")
    assert "`reelmill accounts disable eve`" in words(reelmill(capsys, "audit", "verify").err)
    assert reelmill(capsys, "accounts", "disable", "eve").code == 0
    assert reelmill(capsys, "audit", "verify").code == 0
    assert {"name": "eve", "role": "viewer", "disabled": True, "changed_outside": False, "issuer": None} in json.loads(
        reelmill(capsys, "accounts", "list", "--json").out
    )


def test_a_changed_seal_of_an_account_is_reported(with_account: Path, capsys):
    change(with_account, "UPDATE accounts SET seal = NULL")
    assert "its seal was changed outside Reelmill" in words(reelmill(capsys, "audit", "verify").err)
    assert reelmill(capsys, "accounts", "role", "ann", "reviewer").code == 0
    assert reelmill(capsys, "audit", "verify").code == 0


def test_an_account_is_not_restored_from_a_changed_log(with_account: Path, capsys):
    change(with_account, "DROP TRIGGER audit_no_update")
    change(with_account, "UPDATE audit SET detail = replace(detail, 'reviewer', 'admin')")
    change(with_account, "UPDATE accounts SET role = 'admin'")
    ended = reelmill(capsys, "accounts", "role", "ann", "viewer")
    assert ended.code == 1
    assert "was changed outside Reelmill, so the account cannot be restored from it" in words(ended.err)


@pytest.mark.parametrize("digest", ["d484", "0" * 63, "x" * 64, ""])
def test_a_part_of_a_digest_is_refused(with_account: Path, capsys, digest: str):
    ended = reelmill(capsys, "audit", "verify", "--expect", digest)
    assert ended.code == 1
    assert "is not a full digest (64 hex digits)" in words(ended.err)


def test_an_empty_log_is_not_anchored(home: Path, capsys):
    assert "has no entries yet" in reelmill(capsys, "audit", "anchor").out
