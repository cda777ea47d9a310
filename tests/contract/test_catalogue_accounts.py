"""Accounts and secrets: only hashes are stored, and every change is in the audit log."""

import pytest
import samples
from sqlalchemy import text

from adapters.catalogue import Catalogue
from manifests.errors import CatalogueError


def test_an_account_is_added_once_and_found(catalogue: Catalogue):
    catalogue.accounts.add(" Ann  Lee ", "reviewer", "test", password_hash="h")
    assert catalogue.accounts.get("Ann Lee").role == "reviewer"
    with pytest.raises(CatalogueError, match="already"):
        catalogue.accounts.add("Ann Lee", "viewer", "test")
    with pytest.raises(CatalogueError, match="No account is called 'Bob'"):
        catalogue.accounts.get("Bob")
    assert [each.name for each in catalogue.accounts.all()] == ["Ann Lee"]


@pytest.mark.parametrize(
    ("name", "role"), [("", "viewer"), ("a\nb\x07", "viewer"), ("x" * 81, "viewer"), ("Ann", "king")]
)
def test_invalid_accounts_are_refused(catalogue: Catalogue, name: str, role: str):
    with pytest.raises(CatalogueError):
        catalogue.accounts.add(name, role, "test")
    assert catalogue.accounts.all() == []


def test_the_last_admin_cannot_be_demoted_or_disabled(catalogue: Catalogue):
    catalogue.accounts.add("ann", "admin", "test")
    for change in ({"role": "viewer"}, {"disabled": True}):
        with pytest.raises(CatalogueError, match=r"last admin.* `reelmill accounts add NAME --role admin`"):
            catalogue.accounts.change("ann", "test", **change)
    catalogue.accounts.add("ben", "admin", "test")
    catalogue.accounts.change("ann", "test", role="viewer")
    assert catalogue.accounts.get("ann").role == "viewer"


def test_accounts_are_found_by_the_identity_at_their_provider(catalogue: Catalogue):
    catalogue.accounts.add("ann", "viewer", "test", issuer="https://id.example", subject="17")
    assert catalogue.accounts.of_identity("https://id.example", "17").name == "ann"
    assert catalogue.accounts.of_identity("https://other.example", "17") is None


def test_the_catalogue_stores_no_secrets(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    catalogue.accounts.add("ann", "admin", "test")
    secrets = [
        catalogue.sessions.start("ann", 60),
        catalogue.tokens.add("ann", "dam", 60, "test"),
        catalogue.share_links.add(samples.campaign().campaign_id, "test", 60),
    ]
    with catalogue.database.reading() as connection:
        for table in ("sessions", "tokens", "shares", "audit"):
            kept = str(connection.execute(text(f"SELECT * FROM {table}")).all())
            assert not any(secret in kept for secret in secrets)
    assert catalogue.sessions.account(secrets[0]).name == catalogue.tokens.holder(secrets[1]).name == "ann"
    assert catalogue.share_links.campaign_of(secrets[2]) == samples.campaign().campaign_id
    for find in (catalogue.sessions.account, catalogue.tokens.holder, catalogue.share_links.campaign_of):
        assert find("guess") is None
        assert find(secrets[0] + "\x00\ud800") is None


def test_expired_and_revoked_secrets_are_invalid(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    catalogue.accounts.add("ann", "admin", "test")
    own = samples.campaign().campaign_id
    assert catalogue.tokens.holder(catalogue.tokens.add("ann", "old", -1, "test")) is None
    assert catalogue.share_links.campaign_of(catalogue.share_links.add(own, "test", -1)) is None
    token, share = catalogue.tokens.add("ann", "new", 60, "test"), catalogue.share_links.add(own, "test", 60)
    for each in catalogue.tokens.all("ann"):
        catalogue.tokens.revoke(each.secret_sha256, "test")
    for each in catalogue.share_links.all(own):
        catalogue.share_links.revoke(each.secret_sha256, "test")
    assert catalogue.tokens.holder(token) is catalogue.share_links.campaign_of(share) is None
    assert catalogue.audit.verify().ok
    assert {entry.action for entry in catalogue.audit.entries()} >= {
        "token added",
        "token dropped",
        "shared",
        "share dropped",
        "account added",
    }


def test_saved_views_belong_to_one_account(catalogue: Catalogue):
    catalogue.saved_views.save("ann", "failed", "state=failed")
    catalogue.saved_views.save("ann", "failed", "state=failed&order=newest")
    catalogue.saved_views.save("ben", "failed", "q=x")
    assert [(view.name, view.query) for view in catalogue.saved_views.all("ann")] == [
        ("failed", "state=failed&order=newest")
    ]
    catalogue.saved_views.delete("ann", "failed")
    assert catalogue.saved_views.all("ann") == []
    assert len(catalogue.saved_views.all("ben")) == 1
