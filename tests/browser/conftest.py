"""A real starter campaign, 5,000 rows beside it, the real program, a real browser."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from review_program import PROGRAM, environment, program
from services import missing_service

from adapters.catalogue import open_catalogue
from benchmarks.review.rows import fill

ROWS = 5000


@pytest.fixture(scope="session")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a campaign that the starter made, reviewed by people, and 5,000 rows of another."""
    home = tmp_path_factory.mktemp("review") / "home"
    sheet = home.parent / "spring.csv"
    sheet.write_text(
        "brief_id,prompt,placements,variants,min_adherence,locale\n"
        "circle,a {colour} circle drifting right on a white background,16:9,2,,de\n".replace("{colour}", "red")
        + "waves,teal waves drifting left on a black background,1:1,4,,fr\n"
        "strict,a yellow cup zooming in on a blue background,9:16,2,0.99,de\n"
    )
    ended = program(home, "run", sheet, "--review", "required")
    assert ended.returncode == 0, ended.stderr
    with open_catalogue(f"sqlite:///{home / 'catalogue.sqlite'}") as catalogue:
        fill(catalogue, ROWS)
    return home


@pytest.fixture(scope="module")
def home(first_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of that home for the tests of one file."""
    copied = tmp_path_factory.mktemp("copy") / "home"
    shutil.copytree(first_home, copied)
    return copied


class Served(NamedTuple):
    """The dashboard as it runs: where, and the link that signs in once."""

    url: str
    sign_in: str
    home: Path


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    """``reelmill review``, ended by Ctrl-C."""
    log = home.parent / "review.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*PROGRAM, "review", "--no-browser"],
            env=environment(home),
            cwd=home.parent,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _wait_for_link(process, log, home)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"reelmill review did not end: {log.read_text()[-2000:]}")


def _wait_for_link(process: subprocess.Popen, log: Path, home: Path) -> Served:
    import time

    for _ in range(300):
        if found := re.search(r"(http://127\.0\.0\.1:\d+)(/signin/once\?\S+)", log.read_text()):
            return Served(found[1], found[1] + found[2], home)
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium; it ends with each file, for Playwright leaves a loop running in the tests' thread.

    In a running loop Prefect's functions return coroutines. A package's scope would last to the session's end: this
    folder is none.
    """
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        missing_service("Chromium (Debian's package chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def signed_in(served: Served, browser) -> dict:
    """Cookies of an admin who followed the one-time link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(served.sign_in)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_page(browser, served: Served, signed_in: dict):
    """Open pages as the admin; whatever the browser complains about fails the test."""
    complaints: list[str] = []
    contexts = []

    def opened(path: str, **options):
        context = browser.new_context(
            storage_state=signed_in, base_url=served.url, **({"viewport": {"width": 1280, "height": 900}} | options)
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(path)
        return page

    opened.complaints = complaints
    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
