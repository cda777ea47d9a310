"""Errors: always JSON under /api and pages elsewhere; no text or number of a request causes a server error."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import samples
from dashboard_client import SAME_SITE, client_of
from dashboard_server import session_with_clips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.api.routes import openapi
from app.dashboard.capacity.file_response import BlockFileResponse
from app.dashboard.filters import parse_query
from app.dashboard.middleware.error_response import HIDDEN
from app.dashboard.middleware.input_text import MAX_DEPTH, InvalidInputError, check_value
from app.session import Session
from manifests.errors import CatalogueUnreachableError, DiskFullError

SURROGATE = "\\ud800"
ID = "0" * 32
WITH_FILES = samples.planned(1, start=50)[0].variant_id
"""The clip of ``session_with_clips`` whose files are on this machine."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    home = tmp_path_factory.mktemp("errors") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELMILL_HOME", str(home))
        patch.setattr("app.dashboard.background.jobs.Jobs.resume", lambda self, campaign_id: None)
        patch.setattr("app.dashboard.background.jobs.Jobs.retry", lambda self, campaign_id: None)
        patch.setattr("app.dashboard.background.jobs.Jobs.run", lambda self, *words: None)
        yield session_with_clips(home)


@pytest.fixture(scope="module")
def admin(session: Session) -> TestClient:
    client = client_of(session, "admin")
    client._transport.raise_server_exceptions = False
    return client


@pytest.fixture(scope="module")
def token(session: Session) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.catalogue.tokens.add('admin', 'test', 3600, 'test')}"}


# Texts and numbers that cannot be stored


BODIES = {
    "decisions": '{"outcome": "rejected", "seen": {"%s": 1}}',
    "undo": '{"ids": ["%s"]}',
    "reroll": '{"ids": ["%s"]}',
    "decisions?reason": '{"outcome": "rejected", "seen": {"' + ID + '": 1}, "reason": "%s"}',
    "decisions?codes": '{"outcome": "rejected", "seen": {"' + ID + '": 1}, "codes": ["%s"]}',
    "decisions?outcome": '{"outcome": "%s", "seen": {"' + ID + '": 1}}',
    "reroll?prompt": '{"ids": ["' + ID + '"], "prompt": "%s"}',
    "reroll?campaign": '{"ids": ["' + ID + '"], "campaign_id": "%s"}',
    "undo?extra": '{"ids": ["' + ID + '"], "%s": 1}',
    ID + "/comments": '{"body": "%s"}',
}


@pytest.mark.parametrize("text", [SURROGATE, "a" + SURROGATE, "\\u0000", "\\udfff\\ud800"])
@pytest.mark.parametrize("path", BODIES)
def test_json_texts_that_cannot_be_stored_are_refused(admin: TestClient, token: dict, path: str, text: str):
    answer = admin.post(
        f"/api/clips/{path.partition('?')[0]}",
        headers=token | {"Content-Type": "application/json"},
        content=BODIES[path] % text,
    )
    assert answer.status_code == 422
    assert re.search("surrogate pair|NUL character", answer.json()["error"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"body": "x", "clip_s": NaN}', 422),
        ('{"body": "x", "clip_s": Infinity}', 422),
        ('{"body": "x", "clip_s": 1e999}', 422),
        ('{"body": "x", "clip_s": ' + "9" * 400 + "}", 422),
        ('{"body": "x", "clip_s": ' + "9" * 5000 + "}", 400),
        ('{"body": ' + "[" * 50 + "]" * 50 + "}", 422),
        ('{"body": ' + "[" * 100_000 + "]" * 100_000 + "}", 400),
        ('{"body": "' + "x" * 4001 + '"}', 422),
        ('{"body": "x"', 422),
        ("\xff\xfe", 422),
        ("", 422),
        ("null", 422),
        ('{"body": " \\t"}', 422),
        ('{"body": "x", "bodi": 1}', 422),
    ],
)
def test_other_bodies_that_cannot_be_used_are_refused(admin: TestClient, token: dict, body: str, status: int):
    headers = token | {"Content-Type": "application/json"}
    answer = admin.post(f"/api/clips/{ID}/comments", headers=headers, content=body.encode("latin-1"))
    assert answer.status_code == status
    assert len(answer.json()["error"]) < 2100


@pytest.mark.parametrize("number", [2**53, 2**63, 2**64, -1, "1", True, 1.5, None])
def test_an_event_that_is_no_whole_number_is_refused(admin: TestClient, token: dict, number: object):
    body = {"outcome": "rejected", "seen": {ID: number}}
    assert admin.post("/api/clips/decisions", headers=token, json=body).status_code == 422
    if not isinstance(number, (str, bool, type(None))):
        return
    assert admin.post("/api/clips/decisions", headers=token, json=body | {"seen": {ID: 17.0}}).status_code == 200


QUERIES = {
    "state=bogus": "Invalid value for state: use 'planned', 'leased', 'rendered', 'passed', 'failed', 'approved', "
    "'rejected', 'signing', 'published', 'quarantined' or 'withdrawn'.",
    "verdict=x": "Invalid value for verdict: use 'passed' or 'failed'.",
    "order=x": "Invalid value for order: use 'score', '-score', 'newest' or 'oldest'.",
    "lowest=5": "Invalid value for lowest: enter at most 1.",
    "lowest=nan": "Invalid value for lowest: enter a number.",
    "seed=x": "Invalid value for seed: enter a whole number.",
    "seed=99999999999": "Invalid value for seed: enter at most 9,999,999,999.",
    "since=2026-13-40": "Invalid value for since: enter a date as YYYY-MM-DD, for example 2026-11-24.",
    "after=x": "Invalid value for after: send the value `after` of the last response.",
}


@pytest.mark.parametrize("query", QUERIES)
def test_an_invalid_parameter_is_reported_in_plain_words(admin: TestClient, token: dict, query: str):
    answer = admin.get(f"/api/clips?{query}", headers=token)
    assert (answer.status_code, answer.json()["error"]) == (422, QUERIES[query])


INVALID = [
    ("decisions", {"outcome": "x", "seen": {ID: 1}}, "outcome: use 'approved', 'rejected' or 'withdrawn'."),
    ("decisions", {"outcome": "rejected", "seen": {ID: 1}, "codes": ["x"]}, "codes: use 'prompt', 'brand'"),
    ("decisions", {"outcome": "rejected", "seen": {"x": 1}}, "seen.x: enter a clip id"),
    ("decisions", {"outcome": "rejected", "seen": {}}, "seen: it has too few items; send at least 1."),
    ("decisions", {}, "outcome: it is required."),
    ("undo", {"ids": ["x"]}, "ids: enter a clip id, which has 32 characters from 0-9 and a-f."),
    ("undo", {"ids": "x"}, "ids: send a list."),
    ("undo", [], "the request body: send a JSON object."),
    ("reroll", {"ids": [ID], "prompt": 5}, "prompt: enter a text."),
    ("reroll", {"ids": [ID], "extra": 5}, "extra: this field does not exist."),
    (ID + "/comments", {"body": " "}, "body: enter a text that is not blank"),
]


@pytest.mark.parametrize(("path", "body", "says"), INVALID)
def test_an_invalid_field_is_reported_in_plain_words(admin: TestClient, token: dict, path: str, body, says: str):
    answer = admin.post(f"/api/clips/{path}", headers=token, json=body)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(f"Invalid value for {says}")


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "raw_unicode_escape"])
def test_the_charset_of_a_form_smuggles_no_surrogate_in(admin: TestClient, charset: str):
    text = b"+2AA-" if charset == "utf-7" else b"\\ud800"
    body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + text + b"\r\n--b--\r\n"
    headers = SAME_SITE | {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    assert admin.post("/people/accounts", headers=headers, content=body).status_code == 422


@pytest.mark.parametrize("path", ["/decide", "/second-review", "/campaigns/{}/pause", "/campaigns/{}/cancel"])
def test_a_reason_that_is_too_long_is_refused(admin: TestClient, path: str):
    form = {"reason": "x" * 1001, "outcome": "rejected", "seen": ID + ":1", "variant_id": ID}
    path = path.format(samples.campaign().campaign_id)
    answer = admin.post(path, headers=SAME_SITE, data=form)
    assert answer.status_code == 422
    assert "longer than 1,000 characters" in answer.text
    assert admin.post(path, headers=SAME_SITE, data=form | {"back": "x" * 200_001}).status_code == 422


HEADERS = (
    *("Host", "Cookie", "Authorization", "Content-Type", "Content-Length", "Range", "If-Range", "If-None-Match"),
    *("If-Modified-Since", "Accept", "Accept-Encoding", "Origin", "Sec-Fetch-Site", "HX-Request", "X-Forwarded-For"),
)
ODD = (
    b"",
    b"[",
    b"[::1",
    b"[::1]:99999999",
    b"\xff\xfe",
    b"a=\xff; =; ;;",
    b"bytes=--5",
    b"bytes=0-0,5-",
    b"Bearer ",
    b"9" * 30,
)


@pytest.mark.parametrize(
    "path", ["/signin", "/gallery", f"/media/{WITH_FILES}/clip", "/api/clips", "/static/app.css", "/x"]
)
def test_no_header_causes_a_server_error(admin: TestClient, path: str):
    values = st.one_of(st.binary(max_size=12), st.sampled_from(ODD))

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(given_headers=st.dictionaries(st.sampled_from(HEADERS), values, min_size=1, max_size=3))
    def run(given_headers: dict[str, bytes]) -> None:
        headers = [(name.encode(), value) for name, value in given_headers.items()]
        for method in ("GET", "HEAD", "POST"):
            assert admin.request(method, path, headers=headers).status_code < 500, (method, given_headers)

    run()


@pytest.mark.parametrize("host", ["[", "[::1", "a]b", "127.0.0.1:x", "\u00ff"])
def test_a_host_that_is_no_host_is_refused(admin: TestClient, host: str):
    answer = admin.get("/gallery", headers=[(b"Host", host.encode("latin-1"))])
    assert answer.status_code == 400
    assert "Unknown host name" in answer.text


def test_a_value_is_checked_as_deep_as_it_is_allowed():
    deep: object = "x"
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    check_value(deep)
    with pytest.raises(InvalidInputError, match="nested too deeply"):
        check_value([[deep]])
    for wrong in ("\ud800", {"\ud800": 1}, [{"a": ["\x00"]}], float("nan"), 2**63, {"a": -(2**64)}):
        with pytest.raises(InvalidInputError):
            check_value(wrong)
    check_value({"a": ["é 𝄞 \U0010ffff", 2**63 - 1, 1.5, None, True]})


# One shape of errors


@pytest.mark.parametrize(
    ("method", "path", "status", "options"),
    [
        ("GET", "/api", 404, {}),
        ("GET", "/api/", 404, {}),
        ("GET", "/api/nothing", 404, {}),
        ("GET", f"/api/clips/{ID}", 404, {}),
        ("GET", "/api/clips/nothing", 404, {}),
        ("GET", "/api/clips?limit=0", 422, {}),
        ("GET", "/api/clips?after=1~2", 422, {}),
        ("GET", "/api/clips?q=%00", 400, {}),
        ("GET", "/api/clips/%00", 400, {}),
        ("DELETE", "/api/campaigns", 405, {}),
        ("GET", "/api/clips/decisions", 405, {}),
        ("OPTIONS", "/api/clips/undo", 405, {}),
        ("POST", "/api/clips/undo", 415, {"content": b"{}", "headers": {"Content-Type": "text/plain"}}),
        ("POST", "/api/clips/undo", 415, {"content": b"{}"}),
        ("POST", "/api/clips/undo", 415, {"data": {"a": "1"}}),
        ("POST", "/api/clips/undo", 422, {"json": {}}),
        ("POST", "/api/clips/undo", 413, {"content": b"x" * 5_000_001}),
        (
            "POST",
            "/api/clips/undo",
            413,
            {"content": [b"x" * 1_000_000] * 6, "headers": {"Content-Type": "application/json"}},
        ),
        ("GET", "/api/clips", 400, {"headers": {"Host": "evil.example"}}),
    ],
)
def test_every_error_of_the_api_is_json(admin: TestClient, token: dict, method: str, path: str, status: int, options):
    headers = token | options.pop("headers", {})
    if isinstance(options.get("content"), list):
        options["content"] = iter(options["content"])
    answer = admin.request(method, path, headers=headers, **options)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"].endswith(".")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic eDp5"}, SAME_SITE]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_without_a_valid_token_is_told_so(session: Session, method: str, headers: dict):
    path = "/api/clips" if method == "GET" else "/api/clips/undo"
    answer = client_of(session).request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer TOKEN" in answer.json()["error"]


def test_a_role_that_is_too_low_and_a_broken_catalogue_give_json(session: Session, monkeypatch: pytest.MonkeyPatch):
    viewer = {"Authorization": f"Bearer {session.catalogue.tokens.add('viewer', 'test', 600, 'test')}"}
    client = client_of(session)
    answer = client.post("/api/clips/undo", headers=viewer, json={"ids": [ID]})
    assert (answer.status_code, list(answer.json())) == (403, ["error"])

    def away(secret: str):
        raise CatalogueUnreachableError("The catalogue does not answer.")

    monkeypatch.setattr(session.catalogue.tokens, "holder", away)
    answer = client_of(session).get("/api/clips", headers=viewer)
    assert (answer.status_code, answer.json()) == (503, {"error": HIDDEN})


def test_an_unexpected_error_gives_json_without_details(
    session: Session, admin: TestClient, token: dict, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session.catalogue.campaigns, "all", lambda: 1 / 0)
    answer = admin.get("/api/campaigns", headers=token)
    assert answer.status_code == 500
    assert "division" not in answer.text
    assert set(answer.json()) == {"error"}


def test_an_error_of_a_library_becomes_json(admin: TestClient, token: dict, session: Session):
    answer = admin.get(f"/api/clips/{WITH_FILES}/file/clip", headers=token | {"Range": "bytes=999999-"})
    assert answer.status_code == 416
    assert set(answer.json()) == {"error"}
    assert answer.headers["content-range"].endswith("/1200")


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/nothing", 404, {}),
        ("/static/nothing.css", 404, {}),
        ("/clips/%00", 400, {}),
        ("/gallery", 400, {"Host": "evil.example"}),
        ("/gallery?lowest=much", 400, {}),
        ("/audit?before=x", 422, {}),
    ],
)
def test_errors_of_pages_are_pages(admin: TestClient, path: str, status: int, headers: dict):
    answer = admin.get(path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/clips/undo", "POST"),
        ("/api/clips", "GET, HEAD"),
        (f"/api/clips/{ID}/comments", "POST"),
        ("/signin", "GET, HEAD, POST"),
        ("/calibration/apply", "GET, HEAD, POST"),
        ("/decide", "POST"),
        ("/static/app.css", "GET, HEAD"),
    ],
)
def test_a_wrong_method_names_the_right_ones(admin: TestClient, path: str, allowed: str):
    answer = admin.delete(path, headers=SAME_SITE)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed


def test_the_description_names_every_error_with_its_schema():
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            found = operation["responses"]
            expected = {"400", "401", "403", "405", "422", "429", "500", "503"}
            expected |= {"413", "415"} if method == "post" else set()
            expected |= {"404"} if "{" in path else set()
            assert expected <= set(found), path
            for status, response in found.items():
                if int(status) >= 400:
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorOut"}, (path, status)


# HEAD


def test_head_answers_like_get_wherever_get_does(session: Session, admin: TestClient):
    campaign = session.catalogue.campaigns.all()[0].campaign_id
    paths = [
        f"/media/{WITH_FILES}/clip",
        f"/media/{WITH_FILES}/poster",
        f"/media/{WITH_FILES}/download/clip",
        f"/api/clips/{WITH_FILES}/file/clip",
        f"/bundle?id={WITH_FILES}",
        "/static/app.css",
        "/gallery",
        f"/clips/{WITH_FILES}",
        f"/campaigns/{campaign}/files/clips",
        "/api/campaigns",
        "/metrics",
        "/nothing",
        f"/media/{ID}/clip",
    ]
    for path in paths:
        got, head = admin.get(path), admin.head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b""
        assert head.headers["content-type"] == got.headers["content-type"]
        if "content-length" in got.headers and path != "/metrics":
            assert head.headers["content-length"] == got.headers["content-length"], path


def test_head_reads_no_file(session: Session, admin: TestClient, monkeypatch: pytest.MonkeyPatch):

    opened = []
    open_file = BlockFileResponse._open_file
    monkeypatch.setattr(BlockFileResponse, "_open_file", lambda self: opened.append(self.path) or open_file(self))
    assert admin.head(f"/media/{WITH_FILES}/clip").headers["content-length"] == "1200"
    assert opened == []
    assert len(admin.get(f"/media/{WITH_FILES}/clip").content) == 1200
    assert len(opened) == 1


def test_head_uses_up_no_one_time_link(session: Session):
    client = client_of(session)
    secret = client.app.state.deps.links.create("viewer")
    assert client.head("/signin/once", params={"secret": secret}).status_code == 405
    assert client.get("/signin/once", params={"secret": secret}).status_code == 303


# Generated forms and queries of the pages


HOSTILE = (
    *("", " ", "0", "1", "-1", "1e400", "nan", "inf", "9" * 30, "\x00", "../x", "//x", "\r\nX: y", "%", "{{7*7}}"),
    *("viewer", "admin", "approved", "rejected", "withdrawn", "resume", "retry", "score", "passed", "a:1", "b1"),
    *("9999-12-31", "0001-01-01", "1~" + ID, "x" * 5000, "\u202e", "ﬀ", "🎬" * 50),
)
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(HOSTILE))


def forms() -> list[tuple[str, str, list[str], list[str]]]:
    """Return method, path, parameters in the query and fields of the form of every route outside the API."""
    from test_roles_matrix import all_routes

    found = []
    for method, path, route in all_routes():
        if path.startswith("/api/") or path.startswith("/signin/oidc") or path == "/signout":
            continue
        flat = route.dependant.query_params + [
            field for each in route.dependant.dependencies for field in each.query_params
        ]
        query = sorted({field.alias for field in flat} | {"in"})
        fields = [field.alias for field in route.dependant.body_params]
        found.append((method, path, query, fields))
    return found


def fuzz_route(session: Session, admin: TestClient, form: tuple[str, str, list[str], list[str]], examples: int) -> None:
    """Send generated queries and forms to a route, with names and ids that exist among the values."""
    method, path, query, fields = form
    ids = [row.variant_id for row in session.catalogue.variants.of_campaign(samples.campaign().campaign_id)]
    campaigns = st.sampled_from([row.campaign_id for row in session.catalogue.campaigns.all()])
    own = {
        "variant_id": st.sampled_from([*ids, ID]),
        "ids": st.sampled_from(ids),
        "seen": st.sampled_from(ids).map("{}:1".format),
        "campaign_id": campaigns,
        "campaign": campaigns,
    }

    def value(name: str) -> st.SearchStrategy[str]:
        return st.one_of(own[name], TEXTS) if name in own else TEXTS

    def some(names: list[str]) -> st.SearchStrategy[dict[str, str]]:
        return st.fixed_dictionaries({}, optional={name: value(name) for name in names})

    inner = st.fixed_dictionaries({name: value(name) for name in re.findall(r"{(\w+)(?::\w+)?}", path)})

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(inside=inner, asked=some(query), sent=some(fields))
    def run(inside: dict[str, str], asked: dict[str, str], sent: dict[str, str]) -> None:
        filled = re.sub(r"{(\w+)(?::\w+)?}", lambda found: quote(inside[found[1]], safe=""), path)
        if path == "/people/accounts/change":
            sent.pop("name", None)  # it could disable the account of this test
        data = sent if method == "POST" else None
        answer = admin.request(method, filled, params=asked, data=data, headers=SAME_SITE)
        assert answer.status_code < 500, (answer.status_code, method, filled, asked, sent, answer.text[-300:])

    run()


@pytest.mark.parametrize("form", forms(), ids=lambda form: " ".join(form[:2]))
def test_no_form_and_no_query_causes_a_server_error(session: Session, admin: TestClient, form):
    fuzz_route(session, admin, form, 2 if form[1] == "/signin" else 10)


@pytest.mark.slow
def test_no_form_and_no_query_causes_a_server_error_on_postgresql(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, session: Session
):
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", postgres_url)
    on_postgresql = session_with_clips(tmp_path / "home", postgres_url)
    client = client_of(on_postgresql, "admin")
    client._transport.raise_server_exceptions = False
    for form in forms():
        fuzz_route(on_postgresql, client, form, 5 if form[1] == "/signin" else 30)


def test_people_who_are_not_signed_in_see_no_path_of_the_machine(session: Session, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise DiskFullError("The disk of /srv/secret/catalogue.sqlite is full.")

    anonymous, reviewer = client_of(session), client_of(session, "reviewer")
    monkeypatch.setattr("app.dashboard.routes.signin._account", full)
    answer = anonymous.post("/signin", data={"name": "ann", "password": "x"}, headers=SAME_SITE)
    assert answer.status_code == 507
    assert "/srv/secret" not in answer.text
    monkeypatch.setattr("adapters.catalogue.views.gallery.Gallery.page", full)
    answer = reviewer.get("/gallery")
    assert answer.status_code == 507
    assert "/srv/secret" in answer.text


def test_an_unknown_order_in_the_query_of_a_clip_is_refused(session: Session):
    key = session.catalogue.gallery.page(parse_query("").filter, "score").rows[0].variant_id
    answer = client_of(session, "viewer").get(f"/clips/{key}?in=order%3Dxx")
    assert answer.status_code == 400
    assert "The order &#39;xx&#39; does not exist" in answer.text
