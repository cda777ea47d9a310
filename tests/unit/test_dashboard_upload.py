"""The upload page: a file or a link."""

from functools import partial
from pathlib import Path

import pytest
from dashboard_client import SAME_SITE, client_of, session_in
from tls_server import body, tls_server

from adapters.web import GuardedFetcher
from tasks.intake.sources import sheet_link

CSV = b"prompt,first_frame,model\na red cup,,\na blue cup,/etc/passwd,svd-xt\n"


@pytest.fixture
def client(tmp_path: Path):
    return client_of(session_in(tmp_path / "home"), "reviewer")


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with tls_server(tmp_path) as server:
        fetcher = partial(
            GuardedFetcher, resolver=lambda *_: ["127.0.0.1"], is_allowed=lambda _: True, context=server.context
        )
        monkeypatch.setattr(sheet_link, "GuardedFetcher", fetcher)
        yield server


def send(client, link: str = "", name: str = "", content: bytes = b""):
    return client.post("/upload", data={"link": link}, files={"sheet": (name, content)}, headers=SAME_SITE)


def test_a_linked_sheet_is_validated_like_an_uploaded_one(client, web):
    web.pages["/spreadsheets/d/abc/export?format=csv&gid=3"] = body(
        CSV, "text/csv", Content_Disposition='attachment; filename="Spring - Shoes.csv"'
    )
    answer = send(client, f"https://docs.google.com:{web.port}/spreadsheets/d/abc/edit#gid=3")
    assert answer.status_code == 303
    checked = client.get(answer.headers["location"])
    assert "spring-shoes" in checked.text
    assert "is a path on another machine" in checked.text
    same = send(client, name="Spring Shoes.csv", content=CSV)
    assert same.headers["location"] == answer.headers["location"]


@pytest.mark.parametrize(
    ("link", "name", "words"),
    [
        ("", "", "Choose a file or enter a link, but not both."),
        ("https://docs.google.com/spreadsheets/d/abc", "a.csv", "Choose a file or enter a link, but not both."),
        ("sheet.csv", "", "is not a link. Enter a link that starts with https://."),
        ("/etc/passwd", "", "is not a link. Enter a link that starts with https://."),
        ("http://example.com/sheet.csv", "", "is not encrypted. Use a URL that starts with https://."),
    ],
)
def test_a_form_without_one_sheet_is_refused(client, link, name, words):
    answer = send(client, link, name, CSV if name else b"")
    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "[::1]", "169.254.169.254"])
def test_a_link_cannot_reach_the_network_of_the_server(client, host):
    answer = send(client, f"https://{host}/sheet.csv")
    assert answer.status_code == 400
    assert "is not on the public internet" in answer.text


def test_a_hosted_model_without_a_key_is_named_before_the_run(client, monkeypatch):
    monkeypatch.delenv("REELMILL_PROVIDER_ARK_KEY", raising=False)
    answer = send(client, name="hosted.csv", content=b"prompt,model\na red cup,seedance-2.5\n")
    page = client.get(answer.headers["location"]).text
    assert "seedance-2.5 needs an API key. Set REELMILL_PROVIDER_ARK_KEY" in page
