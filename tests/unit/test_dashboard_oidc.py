"""Sign-in through a real OpenID Connect provider, with each part of its response corrupted in turn."""

from collections.abc import Iterator
from pathlib import Path

import oidc_provider
import pytest
from dashboard_client import client_of, session_in
from joserfc.jwk import RSAKey

from app.session import Session

CALLBACK = "/signin/oidc/callback"


@pytest.fixture
def provider() -> Iterator[oidc_provider.Provider]:
    with oidc_provider.running() as started:
        yield started


@pytest.fixture
def session(tmp_path: Path, provider: oidc_provider.Provider) -> Session:
    return session_in(
        tmp_path / "home",
        oidc_issuer=provider.issuer,
        oidc_client_id="reelmill",
        oidc_client_secret="hush",
        oidc_role_claim="reelmill_role",
    )


def sign_in(client, provider: oidc_provider.Provider):
    begun = client.get("/signin/oidc")
    assert begun.status_code == 302
    back = provider.authorize(begun.headers["location"])
    return client.get(back[back.index(CALLBACK) :])


def test_a_new_person_becomes_a_viewer_and_is_recognised_next_time(session: Session, provider):
    client = client_of(session)
    assert sign_in(client, provider).headers["location"] == "/"
    assert client.get("/gallery").status_code == 200
    assert client.post("/undo", headers={"Origin": "http://127.0.0.1:8765"}).status_code == 403
    account = session.catalogue.accounts.get("ann@brand.example")
    assert (account.role, account.issuer, account.subject) == ("viewer", provider.issuer, "17")
    provider.claims["email"] = "ann.new@brand.example"
    sign_in(client_of(session), provider)
    assert [each.name for each in session.catalogue.accounts.all() if each.issuer] == ["ann@brand.example"]


def test_the_provider_sets_the_role(session: Session, provider):
    provider.claims["reelmill_role"] = "reviewer"
    sign_in(client_of(session), provider)
    assert session.catalogue.accounts.get("ann@brand.example").role == "reviewer"
    provider.claims["reelmill_role"] = ["staff", "viewer", "admin"]
    sign_in(client_of(session), provider)
    assert session.catalogue.accounts.get("ann@brand.example").role == "admin"


@pytest.mark.parametrize("lost", [None, "emperor", [], {"admin": True}])
def test_a_role_removed_at_the_provider_is_removed_here(session: Session, provider, lost: object):
    provider.claims["reelmill_role"] = "admin"
    sign_in(client_of(session), provider)
    provider.claims["reelmill_role"] = lost
    sign_in(client_of(session), provider)
    assert session.catalogue.accounts.get("ann@brand.example").role == "viewer"


def test_an_unverified_address_is_not_used_as_a_name(session: Session, provider):
    provider.claims |= {"email_verified": False, "preferred_username": "mallory"}
    sign_in(client_of(session), provider)
    assert [each.name for each in session.catalogue.accounts.all() if each.issuer] == ["mallory"]


def test_no_local_account_is_taken_over(session: Session, provider):
    provider.claims["email"] = "admin"
    sign_in(client_of(session), provider)
    assert session.catalogue.accounts.get("admin").issuer is None
    assert session.catalogue.accounts.get("admin 2").role == "viewer"


def test_a_disabled_person_cannot_sign_in(session: Session, provider):
    sign_in(client_of(session), provider)
    session.catalogue.accounts.change("ann@brand.example", "test", disabled=True)
    answer = sign_in(client_of(session), provider)
    assert answer.status_code == 400
    assert "disabled" in answer.text


@pytest.mark.parametrize(
    "spoil",
    [
        {"nonce": "other"},
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"aud": "other", "azp": "reelmill"},
        {"exp": 1_000_000},
        {"sub": ""},
    ],
)
def test_an_invalid_claim_is_refused(session: Session, provider, spoil: dict):
    provider.spoil = spoil
    client = client_of(session)
    assert sign_in(client, provider).status_code == 400
    assert client.get("/gallery").status_code == 303


def test_a_token_signed_with_another_key_is_refused(session: Session, provider):
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
    assert sign_in(client_of(session), provider).status_code == 400


def test_the_state_is_bound_to_the_browser(session: Session, provider):
    begun = client_of(session).get("/signin/oidc")
    back = provider.authorize(begun.headers["location"])
    stranger = client_of(session)
    assert stranger.get(back[back.index(CALLBACK) :]).status_code == 400
    assert stranger.get(f"{CALLBACK}?code=x&state=y").status_code == 400
    assert stranger.get("/gallery").status_code == 303


def test_a_code_works_once(session: Session, provider):
    client = client_of(session)
    back = provider.authorize(client.get("/signin/oidc").headers["location"])
    assert client.get(back[back.index(CALLBACK) :]).status_code == 303
    assert client_of(session).get(back[back.index(CALLBACK) :]).status_code == 400


def test_without_a_provider_no_oidc_sign_in_is_offered(tmp_path: Path):
    client = client_of(session_in(tmp_path / "home"))
    assert "organisation" not in client.get("/signin").text
    assert client.get("/signin/oidc").status_code == 400


def test_an_unreachable_provider_is_reported(tmp_path: Path):
    client = client_of(session_in(tmp_path / "home", oidc_issuer="http://127.0.0.1:9", oidc_client_id="x"))
    answer = client.get("/signin/oidc")
    assert answer.status_code == 400
    assert "is not responding" in answer.text
