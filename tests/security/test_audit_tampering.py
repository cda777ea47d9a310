"""Someone who can write to the database, but does not have the key, cannot change a decision unseen."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import samples
from databases import database
from sealed_catalogue import (
    ANN,
    BEN,
    CAMPAIGN,
    EVE,
    KEY,
    OTHER_KEY,
    execute,
    execute_as_owner,
    fill,
    insert_event,
    rewrite_log,
    variant_ids,
)

from adapters.catalogue import AuditKey, Catalogue, open_catalogue
from adapters.catalogue.accounts.secrets import hash_secret
from manifests.errors import CatalogueError

IDS = variant_ids()


@pytest.fixture(scope="module")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "catalogue.db"
    with open_catalogue(f"sqlite:///{path}", audit_key=KEY) as catalogue:
        fill(catalogue)
    return path


@pytest.fixture(scope="module")
def filled_database(postgres_server_url: str) -> Iterator[str]:
    with database(postgres_server_url) as url:
        with open_catalogue(url, audit_key=KEY) as catalogue:
            fill(catalogue)
        yield url.rpartition("/")[2]


@pytest.fixture
def sqlite_copy(filled_file: Path, tmp_path: Path) -> str:
    shutil.copy(filled_file, tmp_path / "catalogue.db")
    return f"sqlite:///{tmp_path / 'catalogue.db'}"


@pytest.fixture
def postgres_copy(postgres_server_url: str, filled_database: str) -> Iterator[str]:
    with database(postgres_server_url, filled_database) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a filled and sealed catalogue on each engine."""
    return request.getfixturevalue("sqlite_copy" if request.param == "sqlite" else "postgres_copy")


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    with open_catalogue(url, audit_key=KEY, was_sealed=True) as opened:
        yield opened


def without_last_entry(catalogue: Catalogue) -> None:
    """Cut the last entry, and set the head to the one before."""
    execute_as_owner(
        catalogue,
        "DELETE FROM audit WHERE audit_id = (SELECT entries FROM audit_head)",
        "UPDATE audit_head SET entries = (SELECT max(audit_id) FROM audit), "
        "digest = (SELECT digest FROM audit ORDER BY audit_id DESC LIMIT 1)",
    )


def emptied(catalogue: Catalogue) -> None:
    execute_as_owner(
        catalogue,
        "DELETE FROM audit",
        f"UPDATE audit_head SET entries = 0, digest = '{'0' * 64}', since_event = (SELECT max(event_id) FROM events)",
    )


def forged_approval(catalogue: Catalogue) -> None:
    """Insert an event, a review and an entry for an approval that nobody made."""
    key = IDS["passed"]
    insert_event(catalogue, key, EVE, "passed", "approved")
    execute(
        catalogue,
        "INSERT INTO reviews (variant_id, author, at, outcome, codes, reason, blind, clip_sha256) "
        "VALUES (:key, :eve, 0, 'approved', '[]', '', 0, :clip)",
        key=key,
        eve=EVE,
        clip="c" * 64,
    )
    entry = {"actor": EVE, "action": "approved", "subject": key, "detail": '{"from":"passed"}', "at_ms": 0}
    last = catalogue.audit.entries(limit=1)[0].audit_id
    rewrite_log(catalogue, lambda row: [row, {**row, **entry}] if row["audit_id"] == last else [row])


def swapped_clip(catalogue: Catalogue) -> None:
    execute(catalogue, "UPDATE variants SET clip = replace(clip, :old, :new)", old="c" * 64, new="d" * 64)


def published_row(catalogue: Catalogue) -> None:
    signed = "(SELECT signed FROM variants WHERE state = 'published' LIMIT 1)"
    execute(
        catalogue,
        f"UPDATE variants SET state = 'published', url = 'https://x.example', signed = {signed} "
        "WHERE variant_id = :key",
        key=IDS["passed"],
    )


def published_with_event(catalogue: Catalogue) -> None:
    published_row(catalogue)
    insert_event(catalogue, IDS["passed"], "system", "passed", "approved")
    insert_event(catalogue, IDS["passed"], "host:1:a", "approved", "signing", sha256="5" * 64)
    insert_event(catalogue, IDS["passed"], "host:1:a", "signing", "published", url="https://x.example")


def erased_undo(catalogue: Catalogue) -> None:
    """Remove an undo from the events, the reviews and the state; the log still has it."""
    execute_as_owner(
        catalogue,
        "DELETE FROM events WHERE event_id = (SELECT max(event_id) FROM events WHERE variant_id = :key)",
        "UPDATE reviews SET undone_at = NULL WHERE variant_id = :key",
        "UPDATE variants SET state = 'approved' WHERE variant_id = :key",
        key=IDS["undone"],
    )


def repeated_approval(catalogue: Catalogue) -> None:
    """Insert a copy of the genuine event, with its seal, of an approval that was undone."""
    names = "variant_id, at, actor, from_state, to_state, detail, clip_sha256, seal"
    execute(
        catalogue,
        f"INSERT INTO events ({names}) SELECT {names} FROM events WHERE variant_id = :key AND to_state = 'approved'",
        "UPDATE variants SET state = 'approved' WHERE variant_id = :key",
        key=IDS["undone"],
    )


def sql(*statements: str) -> Callable[[Catalogue], None]:
    """Return a tampering of these statements."""
    values = {"ann": ANN, "ben": BEN, "eve": EVE, "campaign": CAMPAIGN, **IDS}
    return lambda catalogue: execute_as_owner(catalogue, *statements, **values)


TAMPERINGS: dict[str, tuple[Callable[[Catalogue], None], str]] = {
    # The seven of the issue.
    "a role raised in accounts": (
        sql("UPDATE accounts SET role = 'admin' WHERE name = 'ben'"),
        r"role of the account 'ben' was changed outside Reelmill to 'admin'; the log says 'reviewer'",
    ),
    "the last entry cut with the head": (without_last_entry, "head of the log was changed"),
    "events of persons relabelled as system": (
        sql("UPDATE events SET actor = 'system' WHERE actor = :ann"),
        "The log says that person:ann set variant .* to approved, but the event is missing or was changed",
    ),
    "the log emptied and since_event raised": (emptied, "head of the log was changed"),
    "the chain rewritten without entries of tokens and accounts": (
        lambda catalogue: rewrite_log(
            catalogue, lambda row: [] if row["action"].startswith(("token", "account")) else [row]
        ),
        "API token .* was added outside Reelmill",
    ),
    "a forged approval": (forged_approval, f"person:eve.*was written .*outside Reelmill|{IDS['passed']}.*not proven"),
    "INSERT OR REPLACE": (
        lambda catalogue: execute_as_owner(
            catalogue,
            *(
                [
                    "INSERT OR REPLACE INTO audit SELECT audit_id, at_ms, 'person:eve', action, subject, detail, "
                    "previous, digest, seal FROM audit WHERE action = 'token added'"
                ]
                if catalogue.database.dialect == "sqlite"
                else ["UPDATE audit SET actor = 'person:eve' WHERE action = 'token added'"]
            ),
        ),
        r"Entry \d+ \(token added, person:eve\) was changed after it was written",
    ),
    # States, events and clips.
    "approved without an event": (
        sql("UPDATE variants SET state = 'approved' WHERE variant_id = :passed"),
        f"{IDS['passed']} .*not proven: its state was set to approved outside Reelmill",
    ),
    "approved with an event by the policy": (
        lambda catalogue: insert_event(catalogue, IDS["passed"], "system", "passed", "approved"),
        f"{IDS['passed']} .*not proven: event .* was written or changed outside",
    ),
    "another clip after the approval": (swapped_clip, "its clip is not the one that was approved"),
    "published without an event": (published_row, f"{IDS['passed']} .published. is not proven"),
    "published with events": (published_with_event, f"{IDS['passed']} .published. is not proven"),
    "another signed file of a published clip": (
        sql(f"UPDATE variants SET signed = replace(signed, '{'5' * 64}', '{'7' * 64}') WHERE state = 'published'"),
        "its signed file is not the one that was signed",
    ),
    "another URL of a published clip": (
        sql("UPDATE variants SET url = 'https://x.example/' WHERE variant_id = :published"),
        "The URL of the published variant",
    ),
    "a withdrawn clip published again": (
        sql("UPDATE variants SET state = 'published' WHERE variant_id = :withdrawn"),
        f"{IDS['withdrawn']} .published. is not proven",
    ),
    "a withdrawal by another person": (
        sql("UPDATE events SET actor = :eve WHERE to_state = 'withdrawn'"),
        "person:eve set variant .* to withdrawn, but the log has no entry",
    ),
    "a failed clip that passed": (
        sql("UPDATE variants SET state = 'passed' WHERE variant_id = :rejected"),
        f"The state of variant {IDS['rejected']} was set to passed outside Reelmill",
    ),
    "an event that was deleted": (
        sql("DELETE FROM events WHERE variant_id = :rejected AND to_state = 'rejected'"),
        f"The log says that person:ben set variant {IDS['rejected']} to rejected",
    ),
    "an undo that was erased": (erased_undo, f"person:ann set variant {IDS['undone']} to passed, but the event is"),
    "an old approval inserted again": (repeated_approval, f"{IDS['undone']} .approved. is not proven"),
    "the detail of an approval": (
        sql(
            """UPDATE events SET detail = '{"reason":"fine"}' WHERE variant_id = :by_policy AND to_state = 'approved'"""
        ),
        f"{IDS['by_policy']} .approved. is not proven",
    ),
    # Reviews.
    "a review of another person": (
        sql("UPDATE reviews SET author = :eve WHERE variant_id = :approved"),
        f"person:eve approved variant {IDS['approved']}, but the log says otherwise",
    ),
    "a review that was deleted": (
        sql("DELETE FROM reviews WHERE variant_id = :rejected"),
        f"The review of variant {IDS['rejected']} by person:ben .rejected. is missing",
    ),
    "a blind review as a decision": (
        sql("UPDATE reviews SET blind = 0 WHERE blind = 1"),
        f"person:ann approved variant {IDS['blind']}, but the log says otherwise",
    ),
    "a decision as a blind review": (
        sql("UPDATE reviews SET blind = 1 WHERE variant_id = :approved"),
        "there is no review in which person:ann approved it",
    ),
    "an undo erased from the reviews": (
        sql("UPDATE reviews SET undone_at = NULL"),
        f"person:ann approved variant {IDS['undone']}, but the log says otherwise",
    ),
    "the reason of a rejection": (
        sql("UPDATE reviews SET reason = 'rights' WHERE variant_id = :rejected"),
        f"The review of variant {IDS['rejected']} by person:ben",
    ),
    # Accounts and secrets.
    "an account added": (
        sql("INSERT INTO accounts (name, role, disabled, created_at) VALUES ('eve', 'admin', 0, 0)"),
        r"The account 'eve' \(admin\) was added outside Reelmill",
    ),
    "an account disabled": (
        sql("UPDATE accounts SET disabled = 1 WHERE name = 'ben'"),
        "setting disabled of the account 'ben'",
    ),
    "a password replaced": (
        sql("UPDATE accounts SET password_hash = 'hash of eve' WHERE name = 'ann'"),
        "The password of the account 'ann' was changed",
    ),
    "another person at the identity provider": (
        sql("UPDATE accounts SET subject = '18' WHERE name = 'cleo'"),
        "identity at its provider of the account 'cleo'",
    ),
    "an account deleted": (sql("DELETE FROM accounts WHERE name = 'cleo'"), "The account 'cleo' was deleted"),
    "a token inserted": (
        sql(
            "INSERT INTO tokens (secret_sha256, account, label, created_at, expires_at) "
            f"VALUES ('{'a' * 64}', 'ann', '', 0, 9999999999)"
        ),
        "API token aaaaaaaaaaaa of 'ann' was added outside",
    ),
    "a token that never expires": (
        sql("UPDATE tokens SET expires_at = 9999999999"),
        "API token .* of 'ann' was changed",
    ),
    "a token of another account": (sql("UPDATE tokens SET account = 'ben'"), "API token .* of 'ben' was changed"),
    "a share link inserted": (
        sql(
            "INSERT INTO shares (secret_sha256, campaign_id, created_by, created_at, expires_at) "
            f"VALUES ('{'b' * 64}', :campaign, :ann, 0, 9999999999)"
        ),
        "share link bbbbbbbbbbbb",
    ),
    "review no longer required": (
        sql("""UPDATE campaigns SET settings = '{"review":"auto"}'"""),
        "The settings of the campaign .* were changed outside Reelmill",
    ),
    "a threshold lowered": (
        sql("""UPDATE campaigns SET thresholds = '{"wan":-1}'"""),
        "The settings of the campaign .* were changed outside Reelmill",
    ),
    "the place of a clip": (
        sql("UPDATE memberships SET placement = 'linkedin 16:9' WHERE variant_id = :passed"),
        f"The place of variant {IDS['passed']} in the campaign {CAMPAIGN} was written or changed outside Reelmill",
    ),
    # Publications and approvals by policy.
    "a publication erased": (
        sql(
            "DELETE FROM events WHERE variant_id = :published AND to_state IN ('signing', 'published')",
            "UPDATE variants SET state = 'approved', url = NULL, signed = NULL WHERE variant_id = :published",
        ),
        f"The log says that variant {IDS['published']} was published",
    ),
    "a published variant deleted": (
        sql(
            *(
                f"DELETE FROM {table} WHERE variant_id = :published"
                for table in ("events", "memberships", "reviews", "variants")
            )
        ),
        f"The log says that variant {IDS['published']} was published",
    ),
    "an approval by policy erased": (
        sql(
            "DELETE FROM events WHERE variant_id = :by_policy AND to_state = 'approved'",
            "UPDATE variants SET state = 'passed' WHERE variant_id = :by_policy",
        ),
        "The approvals by policy of entry .* are not the ones in the log",
    ),
    "a verdict overruled": (
        lambda catalogue: insert_event(catalogue, IDS["rejected"], "host:1:a", "rejected", "passed"),
        f"Variant {IDS['rejected']} .passed.: event .* was written or changed outside Reelmill",
    ),
    "an impossible transition": (
        sql(
            "UPDATE events SET to_state = 'planned' WHERE variant_id = :passed AND to_state = 'rendered'",
            "UPDATE events SET from_state = 'planned' WHERE variant_id = :passed AND from_state = 'rendered'",
        ),
        f"Variant {IDS['passed']} .passed.: event .* cannot follow planned",
    ),
    # The log itself.
    "the actor of an entry": (
        sql("UPDATE audit SET actor = :eve WHERE action = 'rejected'"),
        r"Entry .* \(rejected, person:eve\) was changed after it was written",
    ),
    "an entry in front of the log": (
        sql(
            "INSERT INTO audit (audit_id, at_ms, actor, action, subject, detail, previous, digest) "
            "VALUES (-1, 0, :eve, 'approved', :passed, '{}', '', '')"
        ),
        r"Entry -1 \(approved, person:eve\) was written outside Reelmill: numbers begin with 1",
    ),
    "the head as it was earlier, without its seal": (
        sql("UPDATE audit_head SET entries = entries - 1, seal = NULL"),
        "head of the log was changed",
    ),
    "the head deleted": (sql("DELETE FROM audit_head"), "head of the audit log is missing"),
    "since_event raised": (sql("UPDATE audit_head SET since_event = 999"), "head of the log was changed"),
    "sealed_from raised": (sql("UPDATE audit_head SET sealed_from = entries"), "head of the log was changed"),
    "an entry without its seal": (
        sql("UPDATE audit SET seal = NULL WHERE audit_id = 2"),
        "Entry 2 .* was written outside Reelmill: its seal is wrong",
    ),
}


def test_a_genuine_catalogue_has_no_problems(catalogue: Catalogue):
    report = catalogue.audit.verify()
    assert report.problems == ()
    assert report.entries > 10


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_tampering_is_seen(catalogue: Catalogue, tampering: str):
    tamper, expected = TAMPERINGS[tampering]
    tamper(catalogue)
    problems = catalogue.audit.verify().problems
    assert any(re.search(expected, problem) for problem in problems), problems
    assert all(problem.endswith(".") for problem in problems)


REFUSED = {
    "an event changed": "UPDATE events SET actor = 'system'",
    "an event deleted": "DELETE FROM events",
    "a review changed": "UPDATE reviews SET outcome = 'approved'",
    "a review deleted": "DELETE FROM reviews",
    "an entry changed": "UPDATE audit SET actor = 'system'",
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_refuses_changes_of_what_is_only_added_to(catalogue: Catalogue, what: str):
    with pytest.raises(CatalogueError, match="only ever added to"):
        execute(catalogue, REFUSED[what])
    assert catalogue.audit.verify().ok


@pytest.mark.parametrize(("table", "key"), [("audit", "audit_id"), ("events", "event_id"), ("reviews", "review_id")])
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_sqlite_refuses_to_replace_rows(sqlite_copy: str, table: str, key: str, verb: str):
    with open_catalogue(sqlite_copy, audit_key=KEY) as catalogue:
        with pytest.raises(CatalogueError, match="only ever added to"):
            execute(catalogue, f"{verb} INTO {table} SELECT * FROM {table} WHERE {key} = 1")
        assert catalogue.audit.verify().ok


def test_sqlite_refuses_to_replace_the_event_of_a_published_clip(sqlite_copy: str):
    """The unique index on published events would delete the genuine one."""
    with (
        open_catalogue(sqlite_copy, audit_key=KEY) as catalogue,
        pytest.raises(CatalogueError, match="only ever added"),
    ):
        execute(
            catalogue,
            "INSERT OR REPLACE INTO events (variant_id, at, actor, from_state, to_state, detail) "
            "VALUES (:key, 0, 'x', 'signing', 'published', '{}')",
            key=IDS["published"],
        )


@pytest.mark.parametrize("key", [None, OTHER_KEY])
def test_without_the_key_nothing_can_be_decided(url: str, key: bytes | None):
    with open_catalogue(url, audit_key=key) as catalogue:
        seen = catalogue.variants.last_events([IDS["passed"]])
        for act in (
            lambda: catalogue.reviews.record(seen, "approved", ANN),
            lambda: catalogue.decisions.approve([IDS["passed"]]),
            lambda: catalogue.accounts.change("ben", ANN, role="admin"),
            lambda: catalogue.campaigns.add(samples.campaign(), {"review": "auto"}),
            catalogue.audit.check_key,
        ):
            with pytest.raises(CatalogueError, match="REELMILL_AUDIT_KEY"):
                act()
        assert "REELMILL_AUDIT_KEY" in " ".join(catalogue.audit.verify().problems)
        assert catalogue.variants.states([IDS["passed"]]) == {IDS["passed"]: "passed"}


def test_a_worker_without_the_key_can_render(url: str):
    with open_catalogue(url, audit_key=KEY) as catalogue:
        (item,) = samples.planned(1, start=100)
        catalogue.campaigns.add_variants(CAMPAIGN, [item])
    with open_catalogue(url) as worker:
        samples.bring_to(worker, item.variant_id, "passed")
    with open_catalogue(url, audit_key=KEY) as catalogue:
        assert catalogue.decisions.approve([item.variant_id]) == [item.variant_id]
        assert catalogue.audit.verify().ok


def test_removed_seals_are_not_renewed(url: str):
    """Otherwise a forged history would be sealed by the next process."""
    with open_catalogue(url, audit_key=KEY) as catalogue:
        execute(
            catalogue,
            "UPDATE audit_head SET seal = NULL, key_id = NULL, sealed_from = NULL",
            "UPDATE variants SET state = 'approved' WHERE variant_id = :key",
            key=IDS["passed"],
        )
    with open_catalogue(url, audit_key=KEY, was_sealed=True) as catalogue:
        with pytest.raises(CatalogueError, match="the seal was removed"):
            catalogue.audit.check_key()
        assert not catalogue.audit.verify().ok


def test_nothing_is_added_to_a_log_with_a_changed_head(catalogue: Catalogue):
    execute(catalogue, "UPDATE audit_head SET entries = entries + 1")
    with pytest.raises(CatalogueError, match="head of the audit log was changed outside Reelmill"):
        catalogue.audit.note(ANN, "run", "spring")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts SET role = 'admin' WHERE name = 'ben'",
        "UPDATE accounts SET password_hash = 'hash of eve' WHERE name = 'ben'",
        "UPDATE accounts SET issuer = 'https://id.example', subject = '66' WHERE name = 'ben'",
    ],
)
def test_a_changed_account_cannot_be_used(catalogue: Catalogue, statement: str):
    """Otherwise its approvals would be genuine."""
    session, token = catalogue.sessions.start("ben", 60), catalogue.tokens.add("ben", "DAM", 60, ANN)
    assert catalogue.sessions.account(session).name == catalogue.tokens.holder(token).name == "ben"
    execute(catalogue, statement)
    assert catalogue.accounts.get("ben").disabled
    assert catalogue.sessions.account(session) is catalogue.tokens.holder(token) is None
    with pytest.raises(CatalogueError, match="The account 'ben' was changed outside Reelmill"):
        catalogue.accounts.change("ben", ANN, password_hash="another")

    catalogue.accounts.change("ben", ANN, role="viewer", password_hash="another", repair=True)
    assert not catalogue.accounts.get("ben").disabled
    assert catalogue.tokens.holder(token).role == "viewer"
    assert catalogue.audit.verify().problems == ()


def test_an_inserted_account_cannot_be_used(catalogue: Catalogue):
    execute(catalogue, "INSERT INTO accounts (name, role, disabled, created_at) VALUES ('eve', 'admin', 0, 0)")
    assert catalogue.accounts.get("eve").disabled
    assert [each.name for each in catalogue.accounts.all() if each.disabled] == ["eve"]


@pytest.mark.parametrize("table", ["sessions", "tokens"])
def test_an_inserted_secret_is_not_valid(catalogue: Catalogue, table: str):
    """Its author knows the secret, but cannot compute under which hash it is stored."""
    execute(
        catalogue,
        f"INSERT INTO {table} (secret_sha256, account, label, created_at, expires_at) "
        "VALUES (:hash, 'ann', '', 0, 9999999999)",
        hash=hash_secret("known"),
    )
    assert catalogue.sessions.account("known") is catalogue.tokens.holder("known") is None


def test_tokens_and_links_stay_valid_when_a_catalogue_is_sealed_and_sessions_end(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with open_catalogue(url) as catalogue:
        samples.filled(catalogue, 1)
        catalogue.accounts.add("ann", "admin", ANN)
        session, token = catalogue.sessions.start("ann", 60), catalogue.tokens.add("ann", "DAM", 60, ANN)
        share = catalogue.share_links.add(CAMPAIGN, ANN, 60)
    for _ in range(2):
        with open_catalogue(url, audit_key=KEY) as catalogue:
            assert catalogue.sessions.account(session) is None
            assert catalogue.tokens.holder(token).name == "ann"
            assert catalogue.share_links.campaign_of(share) == CAMPAIGN
            assert catalogue.audit.verify().problems == ()
            [known] = catalogue.tokens.all("ann")
            catalogue.audit.note(ANN, "run", "spring")
    with open_catalogue(url, audit_key=KEY) as catalogue:
        session = catalogue.sessions.start("ann", 60)
        assert catalogue.sessions.account(session).name == "ann"
        catalogue.tokens.revoke(known.secret_sha256, ANN)
        catalogue.sessions.end(session)
        assert catalogue.tokens.holder(token) is catalogue.sessions.account(session) is None
        assert catalogue.audit.verify().problems == ()


def test_a_catalogue_of_an_earlier_version_is_sealed_once(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with open_catalogue(url) as catalogue:
        fill(catalogue)
        assert catalogue.audit.verify().ok
        execute_as_owner(catalogue, "UPDATE events SET clip_sha256 = NULL", "UPDATE reviews SET clip_sha256 = NULL")
    with open_catalogue(url, audit_key=KEY) as catalogue:
        assert catalogue.audit.verify().problems == ()
        assert catalogue.audit.entries(limit=1)[0].action == "log sealed"
        leases = samples.take(catalogue, [IDS["approved"], IDS["by_policy"]], ("approved",))
        assert len(leases) == 2
        assert catalogue.approval_proofs.unproven(leases) == {}
    with open_catalogue(url, audit_key=KEY) as catalogue:
        assert [entry.action for entry in catalogue.audit.entries()].count("log sealed") == 1
        execute(catalogue, "UPDATE variants SET clip = replace(clip, 'cccc', 'dddd')")
        assert "not the one that was approved" in " ".join(catalogue.audit.verify().problems)


def test_a_person_can_seal_a_catalogue_with_a_new_key(url: str):
    with open_catalogue(url, audit_key=OTHER_KEY) as catalogue:
        assert catalogue.audit.seal(AuditKey(OTHER_KEY), ANN) > 5
    with open_catalogue(url, audit_key=OTHER_KEY) as catalogue:
        assert catalogue.audit.verify().problems == ()
        catalogue.audit.note(ANN, "run", "spring")
        assert catalogue.audit.verify().ok
