"""Several dashboards on one host, of which a browser has all cookies in one jar."""

from pathlib import Path

import pytest
from dashboard_client import PASSWORD, session_in
from starlette.testclient import TestClient

from app.dashboard.middleware.security_middleware import cookie_name
from app.dashboard.server import create_app


@pytest.mark.parametrize(
    ("review_url", "host", "name"),
    [
        ("", "127.0.0.1:8811", "reelmill-8811"),
        ("", "127.0.0.1:8812", "reelmill-8812"),
        ("", "localhost:9000", "reelmill-9000"),  # an SSH tunnel to another port
        ("", "[::1]:8811", "reelmill-8811"),
        ("", "localhost", "reelmill"),
        ("", "", "reelmill"),
        ("", "127.0.0.1:1;evil=1", "reelmill"),
        ("", "127.0.0.1:" + "9" * 50, "reelmill"),
        ("https://review.example", "127.0.0.1:8811", "__Host-reelmill"),
        ("https://review.example:8443/", "127.0.0.1:8811", "__Host-reelmill-8443"),
        ("http://box:8080", "127.0.0.1:8811", "reelmill-8080"),
        ("http://box", "127.0.0.1:8811", "reelmill"),
    ],
)
def test_the_name_contains_the_port_that_the_browser_uses(review_url, host, name):
    assert cookie_name(review_url, host) == name


def dashboard(folder: Path, port: int) -> TestClient:
    url = f"http://127.0.0.1:{port}"
    headers = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
    return TestClient(create_app(session_in(folder)), base_url=url, headers=headers, follow_redirects=False)


def test_two_dashboards_on_one_host_do_not_sign_each_other_out(tmp_path: Path):
    first, second = (dashboard(tmp_path / str(port), port) for port in (8811, 8812))
    second._cookies = first._cookies  # a browser has one jar
    for client in (first, second):
        assert client.post("/signin", data={"name": "viewer", "password": PASSWORD}).status_code == 303
    assert {cookie.name for cookie in first.cookies.jar} == {
        f"{name}-{port}" for name in ("reelmill", "reelmill_device") for port in (8811, 8812)
    }
    assert (first.get("/campaigns").status_code, second.get("/campaigns").status_code) == (200, 200)
    assert second.post("/signout").status_code == 303
    assert (first.get("/campaigns").status_code, second.get("/campaigns").status_code) == (200, 303)
