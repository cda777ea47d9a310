"""Sign-in: limits on guessing, known devices, proxies, claims of OpenID providers, passwords and revocation."""

import asyncio
import io
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import samples
from cli_runner import reelmill
from dashboard_client import BASE, PASSWORD, SAME_SITE, client_of, session_in
from starlette.testclient import TestClient

from adapters.catalogue.accounts.passwords import (
    InvalidPasswordError,
    check_password,
    hash_password,
    new_password_hash,
    verify_password,
)
from app.dashboard.auth import oidc
from app.dashboard.auth.login_rate_limit import LoginRateLimit, TooManyAttemptsError, network_of
from app.dashboard.server import create_app
from app.session import Session
from flows.settings import load_settings
from manifests.errors import CatalogueError, SettingsError

STRONG = "violet harbour antenna 27"


class Clock:
    """The clock of the rate limits, which a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in ("limits.storage.memory.time", "limits.strategies.time", "app.dashboard.auth.login_rate_limit.time"):
        monkeypatch.setattr(module, found)
    return found


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    return session_in(tmp_path / "home")


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare passwords as texts; argon2 would take most of the time of these tests."""
    monkeypatch.setattr("app.dashboard.routes.signin.verify_password", lambda given, hashed: given == PASSWORD)


def at(app, address: str, cookies: dict[str, str] | None = None) -> TestClient:
    client = TestClient(app, base_url=BASE, follow_redirects=False, client=(address, 50_000))
    client.cookies.update(cookies or {})
    return client


def sign_in(client: TestClient, name: str = "viewer", password: str = "wrong", **headers: str) -> int:
    data = {"name": name, "password": password}
    return client.post("/signin", data=data, headers=SAME_SITE | headers).status_code


# Limits


def test_successful_sign_ins_are_not_limited(session: Session, quick_hashes: None):
    app = create_app(session)
    assert [sign_in(at(app, "192.0.2.1"), "viewer", PASSWORD) for _ in range(40)] == [303] * 40


def test_strangers_do_not_lock_a_person_out(session: Session, quick_hashes: None):
    app = create_app(session)
    stranger = at(app, "198.51.100.7")
    assert [sign_in(stranger) for _ in range(7)] == [401] * 5 + [429] * 2
    assert sign_in(at(app, "192.0.2.1"), "viewer", PASSWORD) == 303


def test_a_known_device_is_admitted_while_many_networks_guess(session: Session, quick_hashes: None):
    app = create_app(session)
    person = at(app, "192.0.2.1")
    assert sign_in(person, "viewer", PASSWORD) == 303
    answers = [sign_in(at(app, f"198.51.100.{number}")) for number in range(60)]
    assert answers.count(401) <= 32
    same_network = at(app, "192.0.2.1")
    assert [sign_in(same_network) for _ in range(6)][-1] == 429
    assert [sign_in(person, "viewer", PASSWORD) for _ in range(3)] == [303] * 3


def test_a_device_is_known_only_for_its_account_and_has_a_limit_of_its_own(session: Session, quick_hashes: None):
    app = create_app(session)
    person = at(app, "192.0.2.1")
    sign_in(person, "viewer", PASSWORD)
    assert [sign_in(person, "viewer") for _ in range(7)] == [401] * 5 + [429] * 2
    for number in range(40):
        sign_in(at(app, f"198.51.100.{number}"), "admin")
    device = {cookie.name: cookie.value for cookie in person.cookies.jar if "device" in cookie.name}
    assert len(device) == 1
    assert sign_in(at(app, "192.0.2.9", device), "admin", PASSWORD) == 429
    forged = {name: value[:-1] + "x" for name, value in device.items()}
    [sign_in(at(app, "192.0.2.77", forged), "viewer") for _ in range(5)]
    assert sign_in(at(app, "192.0.2.77", forged), "viewer") == 429


def test_many_networks_slow_an_account_down_and_do_not_lock_it(clock: Clock):
    limit = LoginRateLimit()
    networks = iter(f"198.51.{high}.{low}" for high in range(100) for low in range(250))
    for _ in range(30):
        limit.begin(next(networks), "ann")
    limit.begin(next(networks), "ann")
    with pytest.raises(TooManyAttemptsError) as refused:
        limit.begin(next(networks), "ann")
    assert 1 <= refused.value.wait_s <= 5
    admitted = 0
    for _ in range(600):
        clock.now += 1
        try:
            limit.begin(next(networks), "ann")
            admitted += 1
        except TooManyAttemptsError:
            pass
    assert 100 <= admitted <= 121
    limit.begin(next(networks), "bob")


def test_one_large_ipv6_network_does_not_keep_a_person_out(clock: Clock):
    """An attacker with a /48, who tries five times per second from all of its networks, against a person elsewhere."""
    limit, attempts, admitted, waiting = LoginRateLimit(), 0, 0, 0
    for second in range(3000):
        clock.now += 1
        for each in range(5):
            attempts += 1
            with suppress(TooManyAttemptsError):
                limit.begin(f"2001:db8:1:{(attempts + each) % 187:x}::1", "ann")
        if second % 20 == 19:
            waiting += 1
            with suppress(TooManyAttemptsError):
                limit.succeeded(limit.begin("192.0.2.1", "ann"))
                admitted += 1
    assert admitted > 0.9 * waiting


def test_devices_are_known_after_a_restart(session: Session, quick_hashes: None):
    person = at(create_app(session), "192.0.2.1")
    assert sign_in(person, "viewer", PASSWORD) == 303
    device = {cookie.name: cookie.value for cookie in person.cookies.jar if "device" in cookie.name}
    again = create_app(session)
    for number in range(40):
        sign_in(at(again, f"198.51.100.{number}"), "viewer")
    assert sign_in(at(again, "192.0.2.1", device), "viewer", PASSWORD) == 303


def test_the_limits_of_a_network_end(clock: Clock):
    limit = LoginRateLimit()
    for _ in range(5):
        limit.begin("192.0.2.1", "ann")
    with pytest.raises(TooManyAttemptsError, match="Wait 60 seconds"):
        limit.begin("192.0.2.1", " Ann ")
    clock.now += 61
    limit.begin("192.0.2.1", "ann")
    for number in range(19):
        limit.begin("192.0.2.1", f"name {number}")
    with pytest.raises(TooManyAttemptsError):
        limit.begin("192.0.2.1", "another")


def test_attempts_at_the_same_time_count_before_they_are_checked():
    limit = LoginRateLimit()
    attempts = [limit.begin("192.0.2.1", "ann") for _ in range(5)]
    with pytest.raises(TooManyAttemptsError):
        limit.begin("192.0.2.1", "ann")
    limit.succeeded(attempts[0])
    limit.begin("192.0.2.1", "ann")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_addresses_are_grouped_by_network(address: str, network: str):
    assert network_of(address) == network


def test_rotating_addresses_of_one_ipv6_network_is_one_network():
    limit = LoginRateLimit()
    for number in range(5):
        limit.begin(f"2001:db8:0:1::{number:x}", "ann")
    with pytest.raises(TooManyAttemptsError):
        limit.begin("2001:db8:0:1::ffff", "ann")
    limit.begin("2001:db8:0:2::1", "ann")


# Proxies


def client_seen(session: Session, monkeypatch: pytest.MonkeyPatch, *forwarded: str) -> str:
    """Return the address that the dashboard of `reelmill review` sees for a request from loopback."""
    import uvicorn

    from app.cli.commands import dashboard

    made: list[uvicorn.Config] = []
    monkeypatch.setattr(dashboard.Session, "open", lambda: session)
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: made.append(self.config) or sockets[0].close())
    dashboard.review(None, False)
    [config] = made
    seen: list[str] = []

    async def app(scope, receive, send):
        seen.append(scope["client"][0])

    config.app = app
    config.load()
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    scope = {"type": "http", "headers": headers, "client": ("127.0.0.1", 1), "scheme": "http"}
    asyncio.new_event_loop().run_until_complete(config.loaded_app(scope, None, None))
    return seen[0]


def test_a_forwarded_address_is_ignored_without_a_trusted_proxy(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    assert client_seen(session, monkeypatch, "203.0.113.9") == "127.0.0.1"


def test_a_trusted_proxy_reports_the_address_and_clients_cannot_forge_it(tmp_path: Path, monkeypatch):
    session = session_in(tmp_path / "home", trusted_proxies=("127.0.0.1",))
    assert client_seen(session, monkeypatch, "203.0.113.9") == "203.0.113.9"
    assert client_seen(session, monkeypatch, "198.51.100.1, 203.0.113.9") == "203.0.113.9"
    other = session_in(tmp_path / "other", trusted_proxies=("10.0.0.0/8",))
    assert client_seen(other, monkeypatch, "203.0.113.9") == "127.0.0.1"


def test_a_name_is_no_trusted_proxy(tmp_path: Path):
    with pytest.raises(SettingsError, match="is not an IP address or network"):
        load_settings(home=tmp_path, trusted_proxies=("proxy.example",))


# OpenID


@pytest.mark.parametrize("verified", ["false", "False", "0", "", 0, 1, None, [True], {"a": 1}, "TRUE ", False])
def test_only_a_verified_address_becomes_a_name(verified: object):
    claims = {"sub": "17", "email": "ann@brand.example", "email_verified": verified, "preferred_username": "mallory"}
    assert oidc._name(claims) == "mallory"


@pytest.mark.parametrize(
    "claims", [{"preferred_username": "boss@brand.example", "sub": "17"}, {"sub": "boss＠brand.example"}]
)
def test_another_claim_that_looks_like_an_address_does_not_become_a_name(claims: dict):
    name = oidc._name({**claims, "email": "boss@brand.example", "email_verified": False})
    assert "@" not in name
    assert "＠" not in name


@pytest.mark.parametrize("wanted", ["Admin", "ａdmin"])
def test_a_name_that_looks_like_that_of_another_account_gets_a_number(session: Session, wanted: str):
    deps = create_app(session).state.deps
    account = oidc.account_of(deps, session.settings, {"sub": "17", "preferred_username": wanted})
    assert account.name == f"{wanted} 2"


@pytest.mark.parametrize("verified", [True, "true"])
def test_a_verified_address_becomes_a_name(verified: object):
    assert oidc._name({"sub": "17", "email": "ann@brand.example", "email_verified": verified}) == "ann@brand.example"


@pytest.mark.parametrize("claim", [["a"], {"a": 1}, 7, True, ""])
def test_claims_of_a_wrong_type_do_not_count(claim: object):
    assert oidc._name({"sub": "17", "email": claim, "email_verified": True, "preferred_username": claim}) == "17"


# Passwords


@pytest.mark.parametrize(
    "password",
    [
        "1234567890",
        "password1234",
        "P@ssw0rd1234",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "Reelmill2026",
        "reelmill-dashboard-2026",
        "Campaign Reviewer 2026",
        "correct horse battery staple",
        "correcthorsebatterystaple",
        "Correct-Horse-Battery-Staple-2026",
        "to be or not to be",
        "annabelle.kranz",
        "a" * 1000,
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused(password: str):
    with pytest.raises(InvalidPasswordError, match="too easy to guess"):
        check_password(password, "Annabelle Kranz")


@pytest.mark.parametrize(
    "password", [STRONG, PASSWORD, "kX9#mPq2vLw", "Reelmill-kX9#mPq2vLw", "корова летит над лесом", STRONG * 30]
)
def test_a_strong_password_is_accepted(password: str):
    assert verify_password(password, new_password_hash(password, "ann"))


def test_every_place_that_sets_a_password_checks_it(session: Session, capsys, monkeypatch: pytest.MonkeyPatch):
    def typed(*words: str, password: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        ended = reelmill(capsys, "accounts", *words, "--password-stdin")
        return ended.code, " ".join(ended.err.split())

    code, told = typed("add", "tom", password="password1234")
    assert code != 0
    assert "too easy to guess" in told
    assert typed("add", "tom", password=STRONG)[0] == 0
    code, told = typed("password", "tom", password="qwertyuiop")
    assert code != 0
    assert "too easy to guess" in told
    admin = client_of(session, "admin")
    for path, data in (("", {"role": "viewer"}), ("/change", {})):
        data = {"name": "tom" if path else "tim", "password": "password1234", **data}
        answer = admin.post(f"/people/accounts{path}", headers=SAME_SITE, data=data)
        assert answer.status_code == 400
        assert "too easy to guess" in answer.text
    assert verify_password(STRONG, session.catalogue.accounts.get("tom").password_hash)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "tom", "--role", "boss"), "Unknown role 'boss'. Use viewer, reviewer or admin."),
        (("add", "Dan Evil/../"), "Invalid account name 'Dan Evil/../'. Enter up to 80 letters, digits, spaces"),
        (("add", "admin"), "The account 'admin' already exists. Choose another name."),
        (("password", "tom"), "No account is called 'tom'. List accounts with `reelmill accounts list`."),
    ],
)
def test_name_and_role_are_checked_before_a_password_is_typed(session, capsys, monkeypatch, words, says):
    monkeypatch.setattr("app.cli.commands.admin.accounts._password", lambda _: pytest.fail("asked for the password"))
    ended = reelmill(capsys, "accounts", *words)
    assert (ended.code, " ".join(ended.err.split()).count(says)) == (1, 1), ended.err


def test_the_people_page_reports_the_role_before_the_password(session: Session):
    form = {"name": "tom", "role": "boss", "password": "weak"}
    answer = client_of(session, "admin").post("/people/accounts", headers=SAME_SITE, data=form)
    assert "Unknown role" in answer.text


@pytest.mark.parametrize("words", [("add", "tom"), ("password", "admin")])
def test_without_a_terminal_the_message_names_password_stdin(session, tmp_path: Path, words: tuple[str, ...]):
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", "accounts", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        env={**os.environ, "REELMILL_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    told = " ".join(done.stderr.split())
    assert "There is no terminal to enter the password" in told
    assert "--password-stdin" in told
    assert "GetPassWarning" not in told
    assert all(line.startswith("Error: ") for line in (done.stdout + done.stderr).splitlines() if "terminal" in line)


# Names of accounts


@pytest.mark.parametrize(
    "name", ["Dan Evil/../", "a/b", "a\\b", "<b>", "a;b", "a\u202eb", "a\nb\x00", "", " ", "..", "a" * 81]
)
def test_a_name_with_other_characters_is_refused(session: Session, name: str):
    with pytest.raises(CatalogueError, match="Invalid account name"):
        session.catalogue.accounts.add(name, "viewer", "test")


@pytest.mark.parametrize(
    "name", ["Ann O'Neil (Acme)", "ann+clips@example.com", "José", "Jose\u0301", "अमित", "王小明", "7"]
)
def test_names_in_all_scripts_are_accepted(session: Session, name: str):
    assert session.catalogue.accounts.add(name, "viewer", "test").name == name


def test_an_account_with_an_earlier_name_keeps_working(session: Session, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr("adapters.catalogue.accounts.accounts._checked_name", lambda name: name)
        session.catalogue.accounts.add("ann/old", "viewer", "test", password_hash=hash_password(STRONG))
    session.catalogue.accounts.change("ann/old", "test", role="reviewer")
    assert session.catalogue.accounts.get("ann/old").role == "reviewer"
    assert sign_in(client_of(session), "ann/old", STRONG) == 303


def test_the_id_of_an_openid_provider_becomes_a_valid_name(session: Session):
    deps = create_app(session).state.deps
    account = oidc.account_of(deps, session.settings, {"sub": "google-oauth2|17"})
    assert account.name == "google-oauth2_17"
    assert oidc.account_of(deps, session.settings, {"sub": "google-oauth2|17"}) == account


def test_an_existing_weak_password_keeps_working(session: Session):
    session.catalogue.accounts.add("old", "viewer", "test", password_hash=hash_password("password1234"))
    assert sign_in(client_of(session), "old", "password1234") == 303


# Revocation


def access(session: Session, name: str) -> tuple[str, str, str]:
    """Return a session, an API token and a share link of an account."""
    catalogue = session.catalogue
    campaign = samples.campaign().campaign_id
    return (
        catalogue.sessions.start(name, 600),
        catalogue.tokens.add(name, "t", 600, "test"),
        catalogue.share_links.add(campaign, f"person:{name}", 600),
    )


def works(session: Session, secrets: tuple[str, str, str]) -> list[bool]:
    catalogue = session.catalogue
    finders = (catalogue.sessions.account, catalogue.tokens.holder, catalogue.share_links.campaign_of)
    return [find(secret) is not None for find, secret in zip(finders, secrets, strict=True)]


def test_disabling_revokes_all_access_for_good(session: Session):
    own, other = access(session, "viewer"), access(session, "admin")
    assert works(session, own) == [True, True, True]
    session.catalogue.accounts.change("viewer", "person:admin", disabled=True)
    assert works(session, own) == [False, False, False]
    session.catalogue.accounts.change("viewer", "person:admin", disabled=False)
    assert works(session, own) == [False, False, False]
    assert works(session, other) == [True, True, True]
    logged = [(entry.action, entry.actor) for entry in session.catalogue.audit.entries()[:4]]
    assert sorted(logged) == [
        ("account changed", "person:admin"),
        ("account changed", "person:admin"),
        ("share dropped", "person:admin"),
        ("token dropped", "person:admin"),
    ]
    assert session.catalogue.audit.verify().ok


def test_a_token_from_before_the_upgrade_does_not_return(session: Session, monkeypatch: pytest.MonkeyPatch):
    own = access(session, "viewer")
    with monkeypatch.context() as before:
        before.setattr("adapters.catalogue.accounts.accounts._revoke_access", lambda *_: None)
        session.catalogue.accounts.change("viewer", "test", disabled=True)
    session.catalogue.accounts.change("viewer", "test", disabled=False)
    assert works(session, own) == [False, False, False]


def test_a_new_password_or_role_ends_sessions_and_keeps_tokens(session: Session):
    for change in ({"password_hash": hash_password(STRONG)}, {"role": "viewer"}, {"role": "viewer", "disabled": False}):
        own = access(session, "reviewer")
        session.catalogue.accounts.change("reviewer", "test", **change)
        assert works(session, own) == [False, True, True]
    assert session.catalogue.tokens.holder(own[1]).role == "viewer"
