"""`reelmill audit verify`, `seal` and `anchor`: what they report, and that the fixes that they name work."""

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import reelmill

from tasks.runtime.resources import close_resources


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
    monkeypatch.setattr("app.cli.commands.accounts._password", lambda _: "correct horse")
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
