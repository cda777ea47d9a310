"""Accounts and secrets: only hashes are kept, everything is told in the audit."""

import pytest
import samples
from sqlalchemy import text

from adapters.catalogue import Catalogue
from manifests.errors import CatalogueError


def test_an_account_is_added_once_and_found(catalogue: Catalogue):
    catalogue.add_account(" Ann  Lee ", "reviewer", "test", password_hash="h")
    assert catalogue.account("Ann Lee").role == "reviewer"
    with pytest.raises(CatalogueError, match="already"):
        catalogue.add_account("Ann Lee", "viewer", "test")
    with pytest.raises(CatalogueError, match="no account 'Bob'"):
        catalogue.account("Bob")
    assert [each.name for each in catalogue.accounts()] == ["Ann Lee"]


@pytest.mark.parametrize(
    ("name", "role"), [("", "viewer"), ("a\nb\x07", "viewer"), ("x" * 81, "viewer"), ("Ann", "king")]
)
def test_unfit_accounts_are_refused(catalogue: Catalogue, name: str, role: str):
    with pytest.raises(CatalogueError):
        catalogue.add_account(name, role, "test")
    assert catalogue.accounts() == []


def test_the_last_admin_stays(catalogue: Catalogue):
    catalogue.add_account("ann", "admin", "test")
    for change in ({"role": "viewer"}, {"disabled": True}):
        with pytest.raises(CatalogueError, match="last admin"):
            catalogue.change_account("ann", "test", **change)
    catalogue.add_account("ben", "admin", "test")
    catalogue.change_account("ann", "test", role="viewer")
    assert catalogue.account("ann").role == "viewer"


def test_people_of_a_provider_are_found_by_what_it_calls_them(catalogue: Catalogue):
    catalogue.add_account("ann", "viewer", "test", issuer="https://id.example", subject="17")
    assert catalogue.account_of("https://id.example", "17").name == "ann"
    assert catalogue.account_of("https://other.example", "17") is None


def test_no_secret_lies_in_the_catalogue(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    catalogue.add_account("ann", "admin", "test")
    secrets = [
        catalogue.sign_in("ann", 60),
        catalogue.add_token("ann", "dam", 60, "test"),
        catalogue.add_share(samples.campaign().campaign_id, "test", 60),
    ]
    with catalogue._reading() as connection:
        for table in ("sessions", "tokens", "shares", "audit"):
            kept = str(connection.execute(text(f"SELECT * FROM {table}")).all())
            assert not any(secret in kept for secret in secrets)
    assert catalogue.signed_in(secrets[0]).name == catalogue.token_holder(secrets[1]).name == "ann"
    assert catalogue.shared_campaign(secrets[2]) == samples.campaign().campaign_id
    for find in (catalogue.signed_in, catalogue.token_holder, catalogue.shared_campaign):
        assert find("guess") is None
        assert find(secrets[0] + "\x00\ud800") is None


def test_what_has_expired_or_was_dropped_holds_no_more(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    catalogue.add_account("ann", "admin", "test")
    own = samples.campaign().campaign_id
    assert catalogue.token_holder(catalogue.add_token("ann", "old", -1, "test")) is None
    assert catalogue.shared_campaign(catalogue.add_share(own, "test", -1)) is None
    token, share = catalogue.add_token("ann", "new", 60, "test"), catalogue.add_share(own, "test", 60)
    for each in catalogue.tokens("ann"):
        catalogue.drop_token(each.secret_sha256, "test")
    for each in catalogue.shares(own):
        catalogue.drop_share(each.secret_sha256, "test")
    assert catalogue.token_holder(token) is catalogue.shared_campaign(share) is None
    assert catalogue.verify_audit().ok
    assert {entry.action for entry in catalogue.audit_entries()} >= {
        "token added",
        "token dropped",
        "shared",
        "share dropped",
        "account added",
    }


def test_views_are_ones_own(catalogue: Catalogue):
    catalogue.save_view("ann", "failed", "state=failed")
    catalogue.save_view("ann", "failed", "state=failed&order=newest")
    catalogue.save_view("ben", "failed", "q=x")
    assert [(view.name, view.query) for view in catalogue.views("ann")] == [("failed", "state=failed&order=newest")]
    catalogue.drop_view("ann", "failed")
    assert catalogue.views("ann") == []
    assert len(catalogue.views("ben")) == 1
