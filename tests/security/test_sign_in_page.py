"""The one-time link is not in the arguments of the browser, which every user of the machine can read."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from cli_runner import reelmill
from fastapi import FastAPI

from app.dashboard import server
from tasks.runtime.resources import close_resources


class Review:
    """A run of `reelmill review` that ends as soon as it would serve; a function is called then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.opened: list[str] = []
        monkeypatch.setattr("webbrowser.open", self.opened.append)

    def run(self, served: Callable[[FastAPI], None], *options: str) -> str:
        class _Server:
            def __init__(self, app: FastAPI) -> None:
                self.app = app

            def run(self, sockets: object) -> None:
                served(self.app)

        self._monkeypatch.setattr(server, "server_of", _Server)
        return reelmill(self._capsys, "review", *options).out.replace("\n", "")

    @property
    def page(self) -> Path:
        return Path(unquote(urlsplit(self.opened[0]).path))


@pytest.fixture
def review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "a home"))
    yield Review(monkeypatch, capsys)
    close_resources()


def secret_in(text: str) -> str:
    found = re.search(r"/signin/once\?secret=([\w-]+)", html.unescape(text))
    assert found, text
    return found[1]


def test_the_browser_gets_a_private_page_with_the_link(review: Review):
    found: dict[str, Any] = {}

    def served(app: FastAPI) -> None:
        found.update(text=review.page.read_text(), mode=review.page.stat().st_mode & 0o777)
        found["name"] = app.state.deps.links.redeem(secret_in(found["text"]))
        found["exists"] = review.page.exists()

    printed = review.run(served)
    assert review.opened[0].startswith("file:///")
    secret = secret_in(found["text"])
    assert (secret in printed, secret in review.opened[0]) == (True, False)
    assert (found["mode"], bool(found["name"]), found["exists"]) == (0o600, True, False), "used once, then deleted"


def test_an_unused_page_is_deleted_at_the_end(review: Review):
    review.run(lambda _: None)
    assert not review.page.exists()


def test_no_page_is_written_without_a_browser(review: Review, tmp_path: Path):
    review.run(lambda _: None, "--no-browser")
    assert (review.opened, list((tmp_path / "a home").glob("*.html"))) == ([], [])
