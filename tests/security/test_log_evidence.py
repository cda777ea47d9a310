"""Entries of the audit log prove nothing if they were written, changed or hidden outside Reelmill."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealed_catalogue import ANN, CAMPAIGN, EVE, KEY, drop_triggers, execute, execute_as_owner, fill, variant_ids
from sqlalchemy import text

from adapters.catalogue import AuditKey, Catalogue, open_catalogue
from adapters.catalogue.log import log_end
from adapters.catalogue.log.genuine_entry import digest_of
from adapters.catalogue.review.audit_check import MORE
from manifests.errors import CatalogueError

IDS = variant_ids()
COLUMNS = "audit_id, at_ms, actor, action, subject, detail, previous, digest"
BELOW_ONE = (0, -1, -(2**62) - 5)


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    return tmp_path / "audit.marks"


@pytest.fixture
def catalogue(catalogue_url: str, marks: Path) -> Iterator[Catalogue]:
    with open_catalogue(catalogue_url, audit_key=KEY, log_marks=marks) as opened:
        fill(opened)
        yield opened


def insert_entry(catalogue: Catalogue, number: int, action: str, subject: str, detail: dict[str, Any]) -> None:
    """Insert an entry with the digest that Reelmill would give it, but without a seal."""
    row = {
        "audit_id": number,
        "at_ms": 0,
        "actor": EVE,
        "action": action,
        "subject": subject,
        "detail": json.dumps(detail, separators=(",", ":")),
        "previous": "0" * 64,
    }
    row["digest"] = digest_of(row)
    execute(catalogue, f"INSERT INTO audit ({COLUMNS}) VALUES ({', '.join(f':{name}' for name in row)})", **row)


def problems_of(catalogue: Catalogue) -> str:
    return "\n".join(catalogue.audit.verify().problems)


def last_entry_about(catalogue: Catalogue, subject: str) -> int:
    return next(entry.audit_id for entry in catalogue.audit.entries(limit=1000) if entry.subject == subject)


@pytest.mark.parametrize("number", BELOW_ONE)
def test_entries_with_numbers_below_one_are_not_believed(catalogue: Catalogue, number: int):
    night = {"sheet": "/etc/shadow", "cron": "0 0 * * *", "timezone": "UTC"}
    execute(
        catalogue,
        "INSERT INTO night_schedules (name, body, active, created_at) VALUES ('evil', :body, 1, 1.0)",
        body=json.dumps(night),
    )
    insert_entry(catalogue, number, "schedule", "evil", {"what": "added", **night})
    insert_entry(catalogue, number - 1, "clock-accepted", "clock", {"at": 1.0, "until": 9e9, "event_id": 0})
    insert_entry(catalogue, number - 2, "restore accepted", "catalogue", {"reason": "x", "lost": [[1, "0" * 64]]})
    assert catalogue.night_schedules.all() == []
    assert catalogue.clock.accepted() is None
    assert catalogue.restores.accepted() == []
    assert f"Entry {number} (schedule, {EVE}) was written outside Reelmill" in problems_of(catalogue)
    with pytest.raises(CatalogueError, match="removed, added or changed outside Reelmill"):
        catalogue.audit.check_complete()


def remove_decision(catalogue: Catalogue, name: str) -> None:
    """Delete what is known about the newest decision on a clip, as if nobody had made it."""
    execute_as_owner(
        catalogue,
        "DELETE FROM audit WHERE audit_id = :number",
        "DELETE FROM events WHERE event_id = (SELECT max(event_id) FROM events WHERE variant_id = :key)",
        "DELETE FROM reviews WHERE variant_id = :key",
        "UPDATE variants SET state = 'passed' WHERE variant_id = :key",
        number=last_entry_about(catalogue, IDS[name]),
        key=IDS[name],
    )


@pytest.mark.parametrize("name", ["rejected", "undone"])
def test_sealing_does_not_end_the_protection_of_earlier_entries(catalogue: Catalogue, name: str):
    catalogue.audit.seal(AuditKey(KEY), ANN)
    catalogue.audit.check_complete()
    assert problems_of(catalogue) == ""
    remove_decision(catalogue, name)
    with pytest.raises(CatalogueError, match="from before it was sealed were removed"):
        catalogue.approval_proofs.unapprovable([IDS["passed"]])
    assert "after the log was sealed with them" in problems_of(catalogue)


def test_a_person_can_seal_a_log_with_gaps_and_it_is_intact_from_then_on(catalogue: Catalogue):
    remove_decision(catalogue, "rejected")
    with pytest.raises(CatalogueError):
        catalogue.audit.check_complete()
    catalogue.audit.seal(AuditKey(KEY), ANN)
    catalogue.audit.check_complete()
    report = catalogue.audit.verify()
    assert report.problems == ()
    assert any(note.startswith("The log was sealed although this was wrong: Entry ") for note in report.notes)


@pytest.mark.parametrize("table", ["audit", "events", "accounts"])
def test_a_view_instead_of_a_table_is_refused(catalogue: Catalogue, table: str):
    """It could hide an entry from one query and show it to another."""
    with catalogue.database.writing() as connection:
        drop_triggers(connection)
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {table}_real"))
        connection.execute(text(f"CREATE VIEW {table} AS SELECT * FROM {table}_real"))
    with pytest.raises(CatalogueError, match=f"{table} is no ordinary table"):
        catalogue.audit.check_complete()
    assert f"{table} is no ordinary table" in problems_of(catalogue)


@pytest.mark.parametrize("is_new_delivery", [True, False])
def test_an_entry_that_is_changed_after_it_was_checked_is_noticed(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, is_new_delivery: bool
):
    """A delivery begins with the whole log, and reads it again at intervals."""
    monkeypatch.setattr(log_end, "AGAIN_S", 30.0 if is_new_delivery else 0.0)
    monkeypatch.setattr(log_end, "SHARE", 1e9)
    assert catalogue.approval_proofs.unapprovable([IDS["passed"]]) == {}
    execute_as_owner(catalogue, "UPDATE audit SET subject = 'other' WHERE subject = :key", key=IDS["rejected"])
    if is_new_delivery:
        catalogue.approval_proofs.read_log_again()
    with pytest.raises(CatalogueError, match="removed, added or changed"):
        catalogue.approval_proofs.unapprovable([IDS["passed"]])


def test_share_links_need_a_complete_log(catalogue: Catalogue):
    assert catalogue.approval_proofs.proven([IDS["approved"]]) == {IDS["approved"]}
    remove_decision(catalogue, "undone")
    with pytest.raises(CatalogueError, match="removed, added or changed"):
        catalogue.approval_proofs.proven([IDS["approved"]])


def test_a_junk_row_is_not_the_known_entry(catalogue: Catalogue):
    head = catalogue.audit.head()
    execute_as_owner(catalogue, "UPDATE audit SET detail = '{}', subject = 'x' WHERE audit_id = :n", n=head.entries)
    assert catalogue.audit.lost_entry() == (head.entries, head.digest)
    with pytest.raises(CatalogueError, match="no longer contains entry"):
        catalogue.accounts.change("ben", ANN, role="viewer")


DAMAGE = {
    "no JSON": "UPDATE audit SET detail = 'x' WHERE audit_id = :last",
    "a list": "UPDATE audit SET detail = '[]' WHERE audit_id = :last",
    "deep": "UPDATE audit SET detail = :deep WHERE audit_id = :last",
    "without fields": "UPDATE audit SET detail = '{}' WHERE action = 'token added'",
    "a negative time": "UPDATE audit SET at_ms = -9000000000000000 WHERE audit_id = :last",
    "no head": "DELETE FROM audit_head",
    "two heads": "INSERT INTO audit_head (head_id, entries, digest, since_event) VALUES (0, 0, '0', 0)",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_reported_and_can_be_accepted(catalogue: Catalogue, damage: str):
    last = catalogue.audit.head().entries
    execute_as_owner(catalogue, DAMAGE[damage], last=last, deep="[" * 100_000 + "]" * 100_000)
    if damage != "two heads":  # the other one is not read
        assert problems_of(catalogue)
    assert len(catalogue.audit.entries(limit=1000)) == last
    catalogue.audit.seal(AuditKey(KEY), ANN)
    catalogue.audit.check_complete()
    assert "Entry" not in problems_of(catalogue), "only the reviews still differ from what the log said"


def test_a_head_behind_its_log_can_be_sealed(catalogue: Catalogue):
    execute(catalogue, "UPDATE audit_head SET entries = entries - 2")
    assert "its head says" in problems_of(catalogue)
    catalogue.audit.seal(AuditKey(KEY), ANN)
    catalogue.audit.check_complete()
    assert problems_of(catalogue) == ""


def test_many_problems_of_one_kind_do_not_hide_others(catalogue: Catalogue):
    for number in range(25):
        execute(
            catalogue,
            "INSERT INTO events (variant_id, at, actor, from_state, to_state, detail) "
            "VALUES (:key, 0, :actor, 'passed', 'approved', '{}')",
            key=IDS["passed"],
            actor=f"person:{number}",
        )
    execute(catalogue, "UPDATE accounts SET role = 'admin' WHERE name = 'ben'")
    report = catalogue.audit.verify()
    assert any("'ben'" in problem for problem in report.problems), report.problems
    assert report.problems[-1] == MORE


def test_a_failed_acceptance_does_not_forget_the_loss(catalogue: Catalogue):
    head = catalogue.audit.head()
    execute_as_owner(
        catalogue,
        "DELETE FROM audit WHERE audit_id = (SELECT entries FROM audit_head)",
        "UPDATE audit_head SET entries = (SELECT max(audit_id) FROM audit), "
        "digest = (SELECT digest FROM audit ORDER BY audit_id DESC LIMIT 1)",
    )
    with pytest.raises(CatalogueError, match="head of the audit log was changed"):
        catalogue.restores.accept(ANN, "a backup", ())
    assert catalogue.audit.lost_entry() == (head.entries, head.digest)
    catalogue.audit.seal(AuditKey(KEY), ANN)
    assert any(f"has lost entry {head.entries:,}" in note for note in catalogue.audit.verify().notes)


def test_a_damaged_mark_is_reported_and_written_again_by_sealing(catalogue: Catalogue, marks: Path):
    [mark] = marks.iterdir()
    mark.write_text("damaged")
    assert "of REELMILL_HOME" in problems_of(catalogue)
    assert str(marks) not in problems_of(catalogue), "visitors of the dashboard may see the message"
    with pytest.raises(CatalogueError, match="`reelmill audit seal`"):
        catalogue.accounts.change("ben", ANN, role="viewer")
    catalogue.audit.seal(AuditKey(KEY), ANN)
    assert problems_of(catalogue) == ""
    catalogue.accounts.change("ben", ANN, role="viewer")


def test_damaged_settings_of_one_campaign_do_not_stop_others(catalogue: Catalogue):
    execute(catalogue, "UPDATE campaigns SET settings = 'x' WHERE campaign_id = :campaign", campaign=CAMPAIGN)
    execute(catalogue, "UPDATE night_schedules SET body = '[]'")
    assert catalogue.places_proofs.awaiting_review([IDS["passed"]]) == {IDS["passed"]}, "its clips wait for a person"
    assert catalogue.night_schedules.all() == []


def test_a_damaged_brief_is_one_sentence(catalogue: Catalogue):
    execute(catalogue, "UPDATE briefs SET body = 'x'")
    with pytest.raises(CatalogueError, match=r"A brief in the catalogue cannot be read.* Restore the database"):
        catalogue.campaigns.briefs(CAMPAIGN)
