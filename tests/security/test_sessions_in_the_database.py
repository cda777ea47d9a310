"""Someone who can write to the database cannot use a session, API token, share link or account of another person."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import samples
from sealed_catalogue import ANN, CAMPAIGN, KEY, OTHER_KEY, execute, execute_as_owner
from sqlalchemy import text

from adapters.catalogue import AuditKey, Catalogue, open_catalogue
from adapters.catalogue.accounts.secrets import hash_secret
from manifests.errors import CatalogueError

SECRET = samples.campaign("Secret")
Find = Callable[[str], Any]


@pytest.fixture
def catalogue(catalogue_url: str) -> Iterator[Catalogue]:
    with open_catalogue(catalogue_url, audit_key=KEY) as opened:
        opened.accounts.add("ann", "admin", ANN, password_hash="hash of ann")
        opened.accounts.add("vic", "admin", ANN, password_hash="hash of vic")
        samples.filled(opened, 1)
        opened.campaigns.add(SECRET, {})
        yield opened


def add_secret(catalogue: Catalogue, table: str) -> tuple[str, Find]:
    """Return a new session, API token or share link, and the function that finds its owner."""
    if table == "sessions":
        return catalogue.sessions.start("vic", 60), catalogue.sessions.account
    if table == "tokens":
        return catalogue.tokens.add("vic", "DAM", 60, ANN), catalogue.tokens.holder
    return catalogue.share_links.add(CAMPAIGN, ANN, 60), catalogue.share_links.campaign_of


def only_row(catalogue: Catalogue, table: str) -> dict[str, Any]:
    with catalogue.database.reading() as connection:
        return dict(connection.execute(text(f"SELECT * FROM {table}")).mappings().one())


def insert(catalogue: Catalogue, table: str, row: Mapping[str, Any]) -> None:
    with catalogue.database.writing() as connection:
        values = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), dict(row))


def account_row(catalogue: Catalogue) -> dict[str, Any]:
    with catalogue.database.reading() as connection:
        return dict(connection.execute(text("SELECT * FROM accounts WHERE name = 'vic'")).mappings().one())


def restore_account(catalogue: Catalogue, row: Mapping[str, Any]) -> None:
    execute(
        catalogue,
        "UPDATE accounts SET role = :role, password_hash = :password_hash, disabled = :disabled, seal = :seal "
        "WHERE name = 'vic'",
        **row,
    )


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("sessions", "account = 'ann'"),
        ("sessions", "account = 'ann', expires_at = 9000000000"),
        ("sessions", "expires_at = 9000000000"),
        ("sessions", "seal = NULL"),
        ("tokens", "account = 'ann'"),
        ("tokens", "expires_at = 9000000000"),
        ("shares", f"campaign_id = '{SECRET.campaign_id}'"),
        ("shares", "expires_at = 9000000000"),
        ("shares", "created_by = 'person:vic'"),
    ],
)
def test_a_changed_row_is_not_valid_and_is_reported(catalogue: Catalogue, table: str, change: str):
    secret, find = add_secret(catalogue, table)
    assert find(secret)
    assert catalogue.audit.verify().problems == ()
    execute(catalogue, f"UPDATE {table} SET {change}")
    assert find(secret) is None
    assert "was added or changed outside Reelmill: its seal is wrong" in " ".join(catalogue.audit.verify().problems)


def test_a_seal_of_one_table_is_not_valid_in_another(catalogue: Catalogue):
    secret, _ = add_secret(catalogue, "tokens")
    insert(catalogue, "sessions", only_row(catalogue, "tokens"))
    assert catalogue.sessions.account(secret) is None


def end_secret(catalogue: Catalogue, table: str, secret: str) -> None:
    """Sign out, or revoke a token or share link."""
    if table == "sessions":
        catalogue.sessions.end(secret)
    else:
        part = catalogue.tokens if table == "tokens" else catalogue.share_links
        part.revoke(only_row(catalogue, table)["secret_sha256"], ANN)


@pytest.mark.parametrize("table", ["sessions", "tokens", "shares"])
def test_a_revoked_row_that_is_inserted_again_is_not_valid(catalogue: Catalogue, table: str):
    secret, find = add_secret(catalogue, table)
    row = only_row(catalogue, table)
    end_secret(catalogue, table, secret)
    assert find(secret) is None
    assert catalogue.audit.verify().problems == ()
    insert(catalogue, table, row)
    assert find(secret) is None
    assert "was added outside Reelmill" in " ".join(catalogue.audit.verify().problems)


def test_the_log_says_who_has_signed_out_and_ignores_unknown_secrets(catalogue: Catalogue):
    secret = catalogue.sessions.start("vic", 60)
    before = catalogue.audit.head().entries
    for each in (secret, secret, "guess", ""):
        catalogue.sessions.end(each)
    assert catalogue.audit.head().entries == before + 1
    [entry] = [each for each in catalogue.audit.entries() if each.action == "signed out"]
    assert entry.actor == "person:vic"
    assert secret not in str(entry)


def test_a_person_can_sign_out_although_the_log_was_changed(catalogue: Catalogue):
    secret, other = catalogue.sessions.start("vic", 60), catalogue.sessions.start("vic", 60)
    execute_as_owner(catalogue, "UPDATE audit_head SET entries = entries + 1")
    catalogue.sessions.end(secret)
    assert catalogue.sessions.account(secret) is None
    assert catalogue.sessions.account(other)


def test_a_session_ends_for_good_when_its_account_is_changed(catalogue: Catalogue):
    secret, find = add_secret(catalogue, "sessions")
    row = only_row(catalogue, "sessions")
    catalogue.accounts.change("vic", ANN, password_hash="another hash")
    insert(catalogue, "sessions", row)
    assert find(secret) is None


def test_an_earlier_state_of_an_account_cannot_be_used(catalogue: Catalogue):
    """Its seal was genuine then; the log has a newer entry about the account."""
    earlier = account_row(catalogue)
    catalogue.accounts.change("vic", ANN, role="viewer", disabled=True)
    restore_account(catalogue, earlier)

    assert catalogue.accounts.get("vic").disabled
    assert [each.name for each in catalogue.accounts.all() if each.disabled] == ["vic"]
    session = catalogue.sessions.start("vic", 60)
    assert catalogue.sessions.account(session) is None
    assert "The role of the account 'vic' was changed outside Reelmill" in " ".join(catalogue.audit.verify().problems)


def test_an_account_that_is_changed_several_times_stays_usable(catalogue: Catalogue):
    session, token = "", catalogue.tokens.add("vic", "DAM", 60, ANN)
    for role in ("viewer", "reviewer", "admin"):
        catalogue.accounts.change("vic", ANN, role=role)
        session = catalogue.sessions.start("vic", 60)
        catalogue.audit.note(ANN, "run", "vic")
        assert catalogue.sessions.account(session).role == catalogue.tokens.holder(token).role == role
    assert catalogue.audit.verify().problems == ()


def test_nobody_is_signed_in_while_the_seals_cannot_be_checked(catalogue: Catalogue):
    """Without the key, the hash under which a secret is stored is not keyed, so anyone could compute it."""
    session, token, share = (add_secret(catalogue, table)[0] for table in ("sessions", "tokens", "shares"))
    url = catalogue.url
    execute(catalogue, "UPDATE audit_head SET key_id = NULL, seal = NULL, sealed_from = NULL")
    execute(catalogue, "UPDATE sessions SET secret_sha256 = :hash, account = 'ann'", hash=hash_secret("known"))
    with open_catalogue(url, audit_key=KEY, was_sealed=True) as stripped:
        assert stripped.sessions.account("known") is stripped.sessions.account(session) is None
        assert stripped.tokens.holder(token) is stripped.share_links.campaign_of(share) is None


def test_sealing_a_catalogue_ends_forged_sessions(catalogue: Catalogue):
    secret, find = add_secret(catalogue, "sessions")
    mine = catalogue.sessions.start("ann", 60)
    execute(catalogue, "UPDATE sessions SET account = 'ann' WHERE account = 'vic'")
    catalogue.audit.seal(AuditKey(KEY), ANN)
    assert find(secret) is None
    assert catalogue.sessions.account(mine).name == "ann"
    assert catalogue.audit.verify().problems == ()


def test_a_new_key_ends_all_access(catalogue: Catalogue):
    secrets = [add_secret(catalogue, table)[0] for table in ("sessions", "tokens", "shares")]
    with open_catalogue(catalogue.url, audit_key=OTHER_KEY) as other:
        other.audit.seal(AuditKey(OTHER_KEY), ANN)
    with open_catalogue(catalogue.url, audit_key=OTHER_KEY) as other:
        finds = other.sessions.account, other.tokens.holder, other.share_links.campaign_of
        assert [find(secret) for find, secret in zip(finds, secrets, strict=True)] == [None, None, None]
        assert other.audit.verify().problems == ()


@pytest.mark.parametrize("empty", [False, True])
def test_a_catalogue_that_was_sealed_is_never_new(catalogue: Catalogue, empty: bool):
    """Otherwise removed seals would be renewed, with everything that was forged since."""
    tables = ("reviews", "comments", "events", "memberships", "variants", "briefs", "shares", "sessions", "tokens")
    execute_as_owner(
        catalogue,
        *[f"DELETE FROM {table}" for table in (*tables, "campaigns", "accounts", "audit") if empty],
        "UPDATE audit_head SET seal = NULL, key_id = NULL, sealed_from = NULL",
        *["UPDATE audit_head SET entries = 0, since_event = 0"] * empty,
    )
    with open_catalogue(catalogue.url, audit_key=KEY, was_sealed=True) as opened:
        assert opened.audit.head().key_id == ""
        with pytest.raises(CatalogueError, match="the seal was removed"):
            opened.audit.check_key()


def test_a_history_is_not_sealed_with_a_key_that_other_homes_have(catalogue: Catalogue):
    execute(catalogue, "UPDATE audit_head SET seal = NULL, key_id = NULL, sealed_from = NULL")
    with open_catalogue(catalogue.url, audit_key=KEY, seal_history=False) as opened:
        assert opened.audit.head().key_id == ""
        with pytest.raises(CatalogueError, match="run `reelmill audit seal` once"):
            opened.audit.check_key()
        assert "is not sealed" in " ".join(opened.audit.verify().problems)
        opened.audit.seal(AuditKey(KEY), ANN)
    with open_catalogue(catalogue.url, audit_key=KEY, seal_history=False) as opened:
        opened.audit.check_key()
        assert opened.audit.verify().problems == ()


def test_a_new_catalogue_is_sealed_with_any_key(catalogue_url: str):
    with open_catalogue(catalogue_url, audit_key=KEY, seal_history=False) as opened:
        assert opened.audit.head().key_id == AuditKey(KEY).key_id
        opened.audit.check_key()
