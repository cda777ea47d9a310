"""The answer of every route to every kind of person. A route without a row here fails the tests."""

import re
from collections.abc import Iterator

import pytest
import samples
from dashboard_client import BASE, SAME_SITE
from dashboard_server import session_with_clips
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.dashboard.middleware.security_middleware import cookie_name
from app.dashboard.server import ROUTERS, create_app
from app.session import Session

PEOPLE = (None, "viewer", "reviewer", "admin")
# Answers to (a stranger, a viewer, a reviewer, an admin). Requests of people have a cookie, or under /api a token.
# Forms are empty, so 400 means that the person may send the form, but that a field is missing.
MATRIX: dict[str, tuple[int, int, int, int]] = {
    "GET /": (303, 303, 303, 303),
    "GET /campaigns": (303, 200, 200, 200),
    "GET /campaigns/{campaign_id}/row": (303, 200, 200, 200),
    "GET /campaigns/{campaign_id}": (303, 200, 200, 200),
    "GET /campaigns/{campaign_id}/scores": (303, 200, 200, 200),
    "GET /campaigns/{campaign_id}/briefs": (303, 200, 200, 200),
    "GET /campaigns/{campaign_id}/status": (303, 200, 200, 200),
    "GET /campaigns/{campaign_id}/files/{name}": (303, 200, 200, 200),
    "POST /campaigns/{campaign_id}/work": (401, 403, 303, 303),
    "POST /campaigns/{campaign_id}/second-share": (401, 403, 403, 303),
    "POST /campaigns/{campaign_id}/pause": (401, 403, 303, 303),
    "POST /campaigns/{campaign_id}/cancel": (401, 403, 403, 303),
    "POST /campaigns/{campaign_id}/reopen": (401, 403, 403, 303),
    "POST /campaigns/{campaign_id}/priority": (401, 403, 403, 400),
    "GET /upload": (303, 403, 200, 200),
    "POST /upload": (401, 403, 400, 400),
    "GET /upload/template.xlsx": (303, 403, 200, 200),
    "GET /upload/{key}": (303, 403, 404, 404),
    "GET /upload/{key}/annotated": (303, 403, 404, 404),
    "POST /upload/{key}/run": (401, 403, 404, 404),
    "GET /started/{campaign_id}": (303, 403, 303, 303),
    "GET /gallery": (303, 200, 200, 200),
    "GET /gallery/count": (303, 200, 200, 200),
    "GET /gallery/waiting": (303, 403, 200, 200),
    "GET /gallery/cards": (303, 200, 200, 200),
    "GET /gallery/view": (303, 400, 400, 400),
    "POST /views": (401, 400, 400, 400),
    "GET /bundle": (303, 400, 400, 400),
    "POST /decide": (401, 403, 400, 400),
    "POST /undo": (401, 403, 200, 200),
    "POST /reroll": (401, 403, 400, 400),
    "POST /clips/{variant_id}/comments": (401, 403, 400, 400),
    "GET /bulk": (303, 403, 200, 200),
    "GET /clips/{variant_id}": (303, 200, 200, 200),
    "GET /clips/{variant_id}/credential": (303, 200, 200, 200),
    "GET /compare": (303, 200, 200, 200),
    "GET /second-review": (303, 403, 200, 200),
    "POST /second-review": (401, 403, 400, 400),
    "GET /calibration": (303, 200, 200, 200),
    "POST /calibration/apply": (401, 403, 403, 400),
    "GET /calibration/apply": (303, 303, 303, 303),
    "GET /media/{variant_id}/poster": (303, 200, 200, 200),
    "GET /media/{variant_id}/clip": (303, 200, 200, 200),
    "GET /media/{variant_id}/download/{kind}": (303, 200, 200, 200),
    "GET /api/campaigns": (401, 200, 200, 200),
    "GET /api/clips": (401, 200, 200, 200),
    "GET /api/clips/{variant_id:clip}": (401, 200, 200, 200),
    "GET /api/clips/{variant_id:clip}/credential": (401, 200, 200, 200),
    "GET /api/clips/{variant_id:clip}/file/{kind}": (401, 200, 200, 200),
    "GET /api/clips/{variant_id:clip}/deliverables": (401, 200, 200, 200),
    "GET /api/deliverables": (401, 422, 422, 422),
    "POST /api/clips/decisions": (401, 403, 422, 422),
    "POST /api/clips/undo": (401, 403, 422, 422),
    "POST /api/clips/reroll": (401, 403, 422, 422),
    "POST /api/clips/{variant_id:clip}/comments": (401, 403, 422, 422),
    "GET /api/openapi.json": (401, 200, 200, 200),
    "GET /api/docs": (401, 200, 200, 200),
    "GET /signin": (200, 200, 200, 200),
    "POST /signin": (401, 401, 401, 401),
    "GET /signin/once": (401, 401, 401, 401),
    "POST /signout": (303, 303, 303, 303),
    "GET /signin/oidc": (400, 400, 400, 400),
    "GET /signin/oidc/callback": (400, 400, 400, 400),
    "GET /people": (303, 403, 403, 200),
    "POST /people/accounts": (401, 403, 403, 400),
    "POST /people/accounts/change": (401, 403, 403, 400),
    "POST /people/tokens": (401, 403, 403, 400),
    "POST /people/tokens/drop": (401, 403, 403, 303),
    "POST /people/shares": (401, 403, 403, 404),
    "POST /people/shares/drop": (401, 403, 403, 303),
    "GET /jobs": (303, 403, 200, 200),
    "GET /jobs/{job_id}": (303, 403, 404, 404),
    "POST /jobs/{job_id}/adopt": (401, 403, 403, 404),
    "POST /jobs/{job_id}/discard": (401, 403, 403, 404),
    "POST /jobs/{job_id}/cancel": (401, 403, 403, 404),
    "POST /providers/{provider}/pause": (401, 403, 403, 404),
    "POST /providers/{provider}/resume": (401, 403, 403, 404),
    "GET /share/{secret}": (404, 404, 404, 404),
    "GET /share/{secret}/media/{variant_id}/{kind}": (404, 404, 404, 404),
    "GET /audit": (303, 403, 403, 200),
    "GET /metrics": (401, 200, 200, 200),
}


def all_routes() -> Iterator[tuple[str, str, APIRoute]]:
    """Yield the method, the path and the route of every route of the dashboard."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods):
                yield method, route.path, route


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    home = tmp_path_factory.mktemp("roles") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELMILL_HOME", str(home))
        for name in ("resume", "retry", "run"):
            patch.setattr(f"app.dashboard.background.jobs.Jobs.{name}", lambda self, *words: None)
        yield session_with_clips(home)


@pytest.fixture(scope="module")
def app(session: Session):
    return create_app(session)


def client_as(app, session: Session, person: str | None, path: str) -> TestClient:
    client = TestClient(app, base_url=BASE, follow_redirects=False)
    if person and path.startswith("/api/"):
        client.headers["Authorization"] = f"Bearer {session.catalogue.tokens.add(person, 'test', 600, 'test')}"
    elif person:
        client.cookies.set(cookie_name("", "127.0.0.1:8765"), session.catalogue.sessions.start(person, 600))
    return client


def ask(client: TestClient, method: str, path: str, secret: str = "none") -> int:
    values = {
        "campaign_id": samples.campaign().campaign_id,
        "job_id": "f" * 32,
        "kind": "poster",
        "name": "clips",
        "key": "0" * 32,
        "provider": "nobody",
        "secret": secret,
        "variant_id": samples.planned(1, start=50)[0].variant_id,
    }
    filled = re.sub(r"{(\w+)(?::\w+)?}", lambda found: values[found[1]], path)
    body = {"json": {}} if path.startswith("/api/") else {"data": {}}
    return client.request(method, filled, headers=SAME_SITE, **(body if method == "POST" else {})).status_code


ROWS = [f"{method} {path}" for method, path, _ in all_routes()]


def test_every_route_has_one_row():
    assert sorted(ROWS) == sorted(MATRIX)


def test_the_app_has_no_other_routes(app):
    names = {type(route).__name__ for route in app.routes}
    assert names == {"Mount", "_IncludedRouter"}
    assert [route.path for route in app.routes if type(route).__name__ == "Mount"] == ["/static"]
    assert sum(type(route).__name__ == "_IncludedRouter" for route in app.routes) == len(ROUTERS)


@pytest.mark.parametrize("row", ROWS)
def test_a_route_answers_each_person_as_expected(app, session: Session, row: str):
    method, path = row.split()
    found = tuple(ask(client_as(app, session, person, path), method, path) for person in PEOPLE)
    assert found == MATRIX.get(row)


@pytest.fixture(scope="module")
def secret(session: Session) -> str:
    return session.catalogue.share_links.add(samples.campaign().campaign_id, "person:admin", 600)


@pytest.mark.parametrize("row", ROWS)
def test_a_share_link_opens_its_own_page_only(app, session: Session, secret: str, row: str):
    method, path = row.split()
    client = client_as(app, session, None, path)
    client.cookies.set(cookie_name("", "127.0.0.1:8765"), secret)
    client.headers["Authorization"] = f"Bearer {secret}"
    expected = 200 if row == "GET /share/{secret}" else MATRIX[row][0]
    assert ask(client, method, path, secret) == expected


def test_a_share_link_shows_approved_clips_of_its_campaign_only(app, session: Session, secret: str):
    catalogue, client = session.catalogue, client_as(app, session, None, "")
    spring, autumn = (
        catalogue.variants.of_campaign(samples.campaign(name).campaign_id) for name in ("Spring", "Autumn")
    )
    text = client.get(f"/share/{secret}").text
    for row in (*spring, *autumn):
        is_shown = row in spring and row.state in ("approved", "published")
        assert (row.variant_id in text) == is_shown, row.state
        if not is_shown:
            for kind in ("clip", "poster"):
                assert client.get(f"/share/{secret}/media/{row.variant_id}/{kind}").status_code == 404
