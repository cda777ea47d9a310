"""Access control and security headers of every route of the dashboard."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
from dashboard_client import BASE, PASSWORD, SAME_SITE, client_of, run_apart, session_in
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.dashboard.auth.roles import Role, _Needs
from app.dashboard.server import create_app
from app.session import Session
from manifests.errors import CatalogueUnreachableError

PUBLIC = {
    ("GET", "/signin"),
    ("POST", "/signin"),
    ("GET", "/signin/once"),
    ("POST", "/signout"),
    ("GET", "/signin/oidc"),
    ("GET", "/signin/oidc/callback"),
    ("GET", "/share/{secret}"),
    ("GET", "/share/{secret}/media/{variant_id}/{kind}"),
    ("GET", "/metrics"),
}
ROLES = (None, "viewer", "reviewer", "admin")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    home = tmp_path_factory.mktemp("dashboard") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELMILL_HOME", str(home))  # for the jobs that pages start
        yield session_in(home)


@pytest.fixture(scope="module")
def clients(session: Session) -> dict:
    return {role: client_of(session, role) for role in ROLES}


def routes(session: Session) -> list[APIRoute]:
    return list(flat(create_app(session).routes))


def flat(found):
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from flat(route.original_router.routes)
        elif getattr(route, "routes", None):
            yield from flat(route.routes)


def needed(dependant) -> Role | None:
    """Return the role that a route requires, including through nested dependencies."""
    for each in dependant.dependencies:
        if isinstance(each.call, _Needs):
            return each.call.role
        if (role := needed(each)) is not None:
            return role
    return None


def test_every_route_requires_a_role_or_is_listed_as_public(session: Session):
    found = {(method, route.path): needed(route.dependant) for route in routes(session) for method in route.methods}
    assert len(found) > 45
    assert {key for key, role in found.items() if role is None} == PUBLIC
    changing = {key: role for key, role in found.items() if key[0] != "GET" and role is not None}
    own_filters = ("POST", "/views")
    assert {key for key, role in changing.items() if role is Role.VIEWER} == {own_filters}


def test_each_route_accepts_exactly_its_roles(session: Session, clients: dict):
    wrong = []
    for route in routes(session):
        role = needed(route.dependant)
        for method in route.methods:
            for name in ROLES:
                allowed = role is None or (name is not None and Role[name.upper()] >= role)
                if (method, route.path) in {("POST", "/signout"), ("POST", "/signin"), ("GET", "/metrics")}:
                    continue  # tested in tests/unit/test_dashboard_metrics.py
                status = ask(clients[name], method, route.path).status_code
                if path_is_api(route.path) and method == "POST":
                    expected = {401}  # the API does not accept cookies
                elif allowed:
                    expected = None
                else:
                    expected = {303, 401} if name is None else {403}
                refused = status in (401, 403, 500) if expected is None else status not in expected
                if refused and "once" not in route.path:
                    wrong.append((method, route.path, name, status))
    assert wrong == []


def test_each_api_route_accepts_exactly_its_roles_by_token(session: Session):
    client = client_of(session)
    for name in ROLES[1:]:
        token = session.catalogue.tokens.add(name, "test", 600, "test")
        for route in [each for each in routes(session) if path_is_api(each.path)]:
            role = needed(route.dependant)
            for method in route.methods:
                status = ask(client, method, route.path, {"Authorization": f"Bearer {token}"}).status_code
                assert (status == 403) == (Role[name.upper()] < role), (method, route.path, name, status)
                assert status != 401


def path_is_api(path: str) -> bool:
    return path.startswith("/api/")


def ask(client, method: str, path: str, headers=None):
    values = {
        "campaign_id": samples.campaign().campaign_id,
        "kind": "poster",
        "name": "clips",
        "key": "0" * 32,
        "secret": "none",
        "variant_id": "0" * 32,
        "job_id": "0" * 32,
        "provider": "runway",
    }
    filled = re.sub(r"{(\w+)(?::\w+)?}", lambda found: values[found[1]], path)
    return client.request(method, filled, headers=SAME_SITE | (headers or {}), data={} if method == "POST" else None)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_of_another_site_is_refused(session: Session, clients: dict, headers: dict):
    row = session.catalogue.gallery.rows(samples_ids(session))[0]
    answer = clients["admin"].post(
        "/decide", headers=headers, data={"outcome": "rejected", "seen": f"{row.variant_id}:{row.seen}"}
    )
    assert answer.status_code == 403
    assert (
        session.catalogue.reviews.all(variant_id=row.variant_id) == []
    )  # jobs started by other tests can change its state


def test_a_program_without_an_origin_learns_what_to_send(session: Session):
    form = {"name": "admin", "password": PASSWORD}
    client = client_of(session)
    answer = client.post("/signin", data=form, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    header = re.search(r"send the header <code>Origin: ([^<]+)</code>, or use an API token", answer.text)
    assert header, answer.text
    assert client.post("/signin", data=form, headers={"Origin": header[1]}).status_code == 303


def samples_ids(session: Session) -> list[str]:
    return [row.variant_id for row in session.catalogue.variants.of_campaign(samples.campaign().campaign_id)]


def test_a_cookie_changes_nothing_under_the_api(session: Session, clients: dict):
    row = session.catalogue.gallery.rows(samples_ids(session))[0]
    body = {"outcome": "rejected", "seen": {row.variant_id: row.seen}}
    assert clients["admin"].post("/api/clips/decisions", headers=SAME_SITE, json=body).status_code == 401
    evil = {"Origin": "https://evil.example", "Authorization": "Bearer nothing"}
    assert clients["admin"].post("/api/clips/decisions", headers=evil, json=body).status_code == 401
    assert (
        session.catalogue.reviews.all(variant_id=row.variant_id) == []
    )  # jobs started by other tests can change its state


def test_a_token_opens_no_page(session: Session):
    token = session.catalogue.tokens.add("admin", "test", 600, "test")
    client, bearer = client_of(session), {"Authorization": f"Bearer {token}"}
    assert client.get("/people", headers=bearer).status_code == 303
    assert client.get("/api/campaigns", headers=bearer).status_code == 200
    [kept] = [each for each in session.catalogue.tokens.all("admin") if each.label == "test"][-1:]
    session.catalogue.tokens.revoke(kept.secret_sha256, "test")
    assert client_of(session).get("/api/campaigns", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost:1234", 200),
        ("[::1]:8765", 200),
        ("evil.example", 400),
        ("evil.example:8765", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
        ("127.0.0.1@evil.example", 400),
    ],
)
def test_only_known_host_names_are_served(session: Session, host: str, status: int):
    assert client_of(session).get("/signin", headers={"Host": host}).status_code == status


def test_every_response_has_the_security_headers(clients: dict):
    for path in ("/gallery", "/no-such-page", "/static/app.css", "/api/campaigns", "/media/0/clip"):
        headers = clients["admin"].get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "server" not in headers
    assert clients["admin"].get("/gallery").headers["cache-control"] == "no-store"


def test_the_policy_allows_the_buckets_origin(tmp_path: Path):
    session = session_in(tmp_path / "home", bucket="s3://clips", bucket_endpoint="https://s3.example:9000")
    policy = client_of(session).get("/signin").headers["content-security-policy"]
    assert "media-src 'self' https://s3.example:9000;" in policy
    assert "script-src 'self';" in policy


def test_the_cookie_has_safe_attributes(session: Session, tmp_path: Path):
    def cookie(of: Session, origin: str) -> str:
        return (
            client_of(of)
            .post("/signin", data={"name": "viewer", "password": PASSWORD}, headers={"Origin": origin})
            .headers["set-cookie"]
            .lower()
        )

    plain = cookie(session, BASE)
    assert plain.startswith("reelmill-8765=")
    assert "httponly" in plain
    assert "samesite=lax" in plain
    assert "secure" not in plain
    https = cookie(session_in(tmp_path / "home", review_url="https://review.example"), "https://review.example")
    assert https.startswith("__host-reelmill=")
    assert "secure" in https
    assert "domain" not in https


@pytest.mark.parametrize("there", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_redirects_to_no_other_site(session: Session, there: str):
    client = client_of(session)
    answer = client.post("/signin", data={"name": "viewer", "password": PASSWORD, "next": there}, headers=SAME_SITE)
    assert answer.headers["location"] == "/"
    assert "evil" not in client.get("/signin", params={"next": there}).text


def test_sign_in_attempts_are_limited_by_name_and_by_address(session: Session):
    client = client_of(session)
    tries = [
        client.post("/signin", data={"name": "admin", "password": str(number)}, headers=SAME_SITE)
        for number in range(7)
    ]
    assert [each.status_code for each in tries] == [401] * 5 + [429] * 2
    wait = tries[-1].headers["retry-after"]
    assert 0 < int(wait) <= 60
    assert f"Wait {wait} seconds" in tries[-1].text
    others = [
        client.post("/signin", data={"name": f"name {number}", "password": "x"}, headers=SAME_SITE).status_code
        for number in range(16)
    ]
    assert others[-1] == 429


def test_a_wrong_name_takes_as_long_as_a_wrong_password(session: Session):
    def seconds(name: str) -> float:
        client, began = client_of(session), time.perf_counter()
        assert (
            "Incorrect name or password"
            in client.post("/signin", data={"name": name, "password": "x"}, headers=SAME_SITE).text
        )
        return time.perf_counter() - began

    seconds("warm")
    known, unknown = min(seconds("admin") for _ in range(3)), min(seconds("nobody") for _ in range(3))
    assert 0.3 < known / unknown < 3


def test_sessions_and_tokens_end(session: Session):
    catalogue = session.catalogue
    catalogue.accounts.add("tim", "reviewer", "test")
    expired, other, kept = (
        catalogue.sessions.start("tim", -1),
        catalogue.sessions.start("tim", 60),
        catalogue.sessions.start("tim", 60),
    )
    assert catalogue.sessions.account(expired) is None
    catalogue.sessions.end(other)
    assert catalogue.sessions.account(other) is None
    assert catalogue.sessions.account(kept).role == "reviewer"
    token = catalogue.tokens.add("tim", "t", 60, "test")
    catalogue.accounts.change("tim", "test", disabled=True)
    assert catalogue.sessions.account(kept) is None
    assert catalogue.tokens.holder(token) is None


def test_a_disabled_account_cannot_sign_in(session: Session, clients: dict):
    clients["admin"].post(
        "/people/accounts", headers=SAME_SITE, data={"name": "gone", "role": "viewer", "password": PASSWORD}
    )
    clients["admin"].post("/people/accounts/change", headers=SAME_SITE, data={"name": "gone", "disabled": "1"})
    answer = client_of(session).post("/signin", data={"name": "gone", "password": PASSWORD}, headers=SAME_SITE)
    assert answer.status_code == 401


def test_admins_cannot_remove_their_own_role(session: Session, clients: dict):
    answer = clients["admin"].post(
        "/people/accounts/change", headers=SAME_SITE, data={"name": "admin", "role": "viewer"}
    )
    assert answer.status_code == 400
    assert "cannot remove your own admin role" in answer.text
    assert session.catalogue.accounts.get("admin").role == "admin"


def test_leading_spaces_do_not_bypass_the_limit(session: Session):
    client = client_of(session)
    answers = [
        client.post("/signin", data={"name": " " * number + "viewer", "password": "no"}, headers=SAME_SITE)
        for number in range(7)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/upload", "multipart/form-data; boundary=b"),
        ("/api/clips/decisions", "application/json"),
        ("/decide", "application/x-www-form-urlencoded"),
    ],
)
def test_the_body_of_an_unauthenticated_request_is_not_read(session: Session, path: str, kind: str):
    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError("the body was read before the sign-in was checked")

    sent: list = []
    headers = [(b"host", b"127.0.0.1:8765"), (b"origin", BASE.encode()), (b"content-type", kind.encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
        "app": None,
    }
    run_apart(create_app(session)(scope, receive, send))
    assert sent[0]["status"] == 401


def test_a_body_is_limited_with_and_without_a_length_header(session: Session, clients: dict):
    headers = SAME_SITE | {"Content-Type": "application/x-www-form-urlencoded"}
    told = clients["reviewer"].post("/decide", headers=headers, content=b"x" * 5_000_001)
    assert told.status_code == 413
    assert "larger than 5 MB" in told.text
    assert clients["reviewer"].post("/decide", headers=headers, content=iter([b"x" * 1_000_000] * 6)).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/gallery?q=%00",
        "/clips/%00",
        "/gallery?until=9999-12-31&since=0001-01-01",
        "/audit?before=100000000000000000000",
        "/gallery?campaign=a%00b",
    ],
)
def test_invalid_addresses_give_a_client_error(clients: dict, path: str):
    assert clients["admin"].get(path).status_code in (400, 404, 422)


def test_an_unreachable_catalogue_gives_503(session: Session, monkeypatch: pytest.MonkeyPatch):
    client = client_of(session, "viewer")

    def away(secret: str):
        raise CatalogueUnreachableError("The catalogue does not answer.")

    monkeypatch.setattr(session.catalogue.sessions, "account", away)
    client.cookies.set("reelmill-8765", "another")
    answer = client.get("/gallery")
    assert answer.status_code == 503
    assert "The dashboard cannot use its database at the moment." in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_unexpected_error_keeps_the_security_headers(session: Session, monkeypatch: pytest.MonkeyPatch):
    client = TestClient(create_app(session), base_url=BASE, follow_redirects=False, raise_server_exceptions=False)
    client.cookies = client_of(session, "viewer").cookies
    monkeypatch.setattr(session.catalogue.campaigns, "all", lambda: 1 / 0)
    answer = client.get("/campaigns")
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "division" not in answer.text


def test_bulk_decisions_offer_only_clips_that_can_be_decided(session: Session, clients: dict):
    published, other = (
        next(
            row for row in session.catalogue.gallery.rows(samples_ids(session)) if (row.state == "published") == wanted
        )
        for wanted in (True, False)
    )
    approving = clients["reviewer"].get("/bulk?outcome=approved").text
    assert published.variant_id not in approving
    assert other.variant_id in approving
    assert published.variant_id in clients["reviewer"].get("/bulk?outcome=withdrawn").text
    assert "Approve 0 clips?" in clients["reviewer"].get("/bulk?outcome=approved&state=published").text


def test_the_one_time_link_works_once(session: Session):
    client = client_of(session)
    secret = client.app.state.deps.links.create("viewer")
    assert client.get("/signin/once", params={"secret": secret}).status_code == 303
    assert client.get("/gallery").status_code == 200
    again = client_of(session)
    again.app.state.deps = client.app.state.deps
    used = again.get("/signin/once", params={"secret": secret})
    assert used.status_code == 401
    assert "stop the dashboard with Ctrl-C and start it again" in used.text
    assert "reelmill accounts password NAME" in used.text
    assert again.get("/gallery").status_code == 303


def test_a_share_link_shows_only_its_campaign(session: Session):
    catalogue, own = session.catalogue, samples.campaign().campaign_id
    other = samples.campaign("Autumn")
    catalogue.campaigns.add(other, {})
    foreign = samples.planned(1, start=90)
    catalogue.campaigns.add_variants(other.campaign_id, foreign)
    secret, client = catalogue.share_links.add(own, "test", 60), client_of(session)
    assert client.get(f"/share/{secret}").status_code == 200
    failed = next(row.variant_id for row in catalogue.variants.of_campaign(own) if row.state == "failed")
    for key in (foreign[0].variant_id, failed, "0" * 32):
        assert client.get(f"/share/{secret}/media/{key}/clip").status_code == 404
    assert client.get(f"/share/{catalogue.share_links.add(own, 'test', -1)}").status_code == 404
    assert client.get("/share/guess").status_code == 404
    assert client.get("/gallery").status_code == 303
