"""The review dashboard in headless Chromium, with 5,000 and 1,000,000 rows: first paint, page turns, keys, hovering.

The real program serves a campaign of the starter, and additional rows that reuse its clips. The baseline of a page
turn is the same query with OFFSET, as in most admin pages, in the middle of the list.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

from sqlalchemy import text

from adapters.catalogue import Catalogue, Filter, open_catalogue
from adapters.catalogue.core.tables import variants
from adapters.catalogue.views.gallery import PAGE, _rows, _shown, by_score
from benchmarks.harness.result import Limit, Result
from benchmarks.review.rows import fill

ROWS, MANY_ROWS = 5_000, 1_000_000
REST_MS = 400
"""Pause in which all posters of a page load. Without it, a page turn competes with the requests for posters."""
TURNS, KEYS, HOVERS, PAINTS = 12, 40, 8, 5
DEEP = 0.5
"""Position of the queries in the list, as a share of its length."""
PROGRAM = [sys.executable, "-c", "from app.cli.main import main; main()"]
SHEET = (
    "brief_id,prompt,placements,variants\n"
    "circle,a red circle drifting right on a white background,16:9,2\n"
    "waves,teal waves drifting left on a black background,1:1,2\n"
)


def run() -> list[Result]:
    """Measure with a small and with a large catalogue."""
    if which("chromium") is None:
        return [Result("review", "Review in a browser.", not_measured="Chromium is missing; install Debian's chromium")]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        _start_campaign(home)
        small = _measure(home, ROWS, "review")
        large = _measure(home, MANY_ROWS, "review-million")
    return [small, large]


def _start_campaign(home: Path) -> None:
    sheet = home.parent / "review.csv"
    sheet.write_text(SHEET)
    subprocess.run(  # noqa: S603
        [*PROGRAM, "run", str(sheet), "--review", "required"],
        env=_environment(home),
        check=True,
        capture_output=True,
    )


def _measure(home: Path, rows: int, name: str) -> Result:
    key = bytes.fromhex((home / "audit.key").read_text())
    with open_catalogue(f"sqlite:///{home / 'catalogue.sqlite'}", audit_key=key) as catalogue:
        fill(catalogue, home, rows, name)
        offset, keyset = _query_seconds(catalogue)
    with _served(home) as link:
        figures = _in_browser(link)
    return Result(
        name=name,
        unit="ms per page",
        ours=keyset * 1000,
        baseline=offset * 1000,
        what=f"Review in headless Chromium with {rows:,} clips, 60 per page. The ratio compares the query of a page by "
        "key (ours) with OFFSET (baseline).",
        limits=(
            Limit("first_paint_ms", "at most", 500),
            Limit("page_turn_ms", "at most", 200),
            Limit("key_to_next_card_ms", "at most", 16),
            Limit("hover_to_playing_ms", "at most", 300),
        ),
        figures={"rows": rows, **figures},
        held_back_by="A page of 60 cards is 70 kB of HTML, which the server writes and the browser lays out. The query "
        "takes only a few milliseconds.",
        notes=(
            "All times are medians. First paint: from the start of the navigation to first-contentful-paint, signed "
            "in, in a new page. Page turn: from the click until the new cards are in place, without waiting for "
            "posters. In haste: the next turn follows immediately, while the posters of the last page still load. "
            "Key: until the layout of the next card. Hover: until the playing event of the video. The query runs in "
            "the middle of the list, alternating between both sides.",
        ),
    )


def _query_seconds(catalogue: Catalogue) -> tuple[float, float]:
    """Return the seconds of the query for a page in the middle of the list, by OFFSET and by key."""
    middle = int(catalogue.gallery.count(Filter(), most=10_000_000).number * DEEP)
    with catalogue.database.reading() as connection:
        at = connection.execute(
            text(
                "SELECT sort_score, variant_id FROM variants ORDER BY sort_score DESC, variant_id "
                "DESC LIMIT 1 OFFSET :middle"
            ),
            {"middle": middle},
        ).one()
    by_number = _shown(by_score).order_by(by_score.desc(), variants.c.variant_id.desc())
    cursor, by_key, by_offset = f"{at.sort_score!r}~{at.variant_id}", [], []
    for _ in range(5):
        began = time.perf_counter()
        catalogue.gallery.page(Filter(), after=cursor)
        by_key.append(time.perf_counter() - began)
        began = time.perf_counter()
        with catalogue.database.reading() as connection:
            _rows(connection, by_number.offset(middle).limit(PAGE + 1))
        by_offset.append(time.perf_counter() - began)
    return min(by_offset), min(by_key)


def _in_browser(link: str) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    base = link.partition("/signin")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(link)
        paints = [_first_paint(context, f"{base}/gallery") for _ in range(PAINTS)]
        page.goto(f"{base}/gallery")
        turns = [_turn(page, REST_MS) for _ in range(TURNS)]
        hasty = [_turn(page, 0) for _ in range(TURNS)]
        page.goto(f"{base}/gallery")
        keys = [_key(page) for _ in range(KEYS)]
        hovers = [_hover(page, number) for number in range(HOVERS)]
        browser.close()
    return {
        "first_paint_ms": statistics.median(paints),
        "page_turn_ms": statistics.median(turns),
        "key_to_next_card_ms": statistics.median(keys),
        "hover_to_playing_ms": statistics.median(hovers),
        "page_turn_worst_ms": max(turns),
        "page_turn_in_haste_ms": statistics.median(hasty),
        "key_worst_ms": max(keys),
    }


def _first_paint(context: Any, url: str) -> float:
    page = context.new_page()
    page.goto(url)
    painted = page.evaluate("""() => new Promise((done) => {
        const seen = performance.getEntriesByName("first-contentful-paint")[0];
        if (seen) return done(seen.startTime);
        new PerformanceObserver((list, own) => { for (const each of list.getEntries())
            if (each.name === "first-contentful-paint") { own.disconnect(); done(each.startTime); } })
            .observe({type: "paint", buffered: true}); })""")
    page.close()
    return float(painted)


def _turn(page: Any, rest_ms: float) -> float:
    page.wait_for_timeout(rest_ms)
    return float(
        page.evaluate("""() => new Promise((done) => {
        const began = performance.now();
        document.addEventListener("htmx:afterSettle", function settled(event) {
            if (event.target.id !== "results") return;
            document.removeEventListener("htmx:afterSettle", settled);
            requestAnimationFrame(() => done(performance.now() - began)); });
        document.getElementById("later").click(); })""")
    )


def _key(page: Any) -> float:
    return float(
        page.evaluate("""() => new Promise((done) => {
        const began = performance.now();
        document.dispatchEvent(new KeyboardEvent("keydown", {key: "j", bubbles: true}));
        const card = document.querySelector(".card[aria-current]");
        if (!card) throw new Error("the key did not select a card");
        card.getBoundingClientRect();
        done(performance.now() - began); })""")
    )


def _hover(page: Any, number: int) -> float:
    thumb = page.locator(".thumb").nth(number)
    thumb.scroll_into_view_if_needed()
    page.mouse.move(2, 2)
    page.evaluate("""() => { window.hovered = new Promise((done) => {
        let began = 0;
        document.addEventListener("pointerover", (event) => {
            if (!began && event.target.closest(".thumb")) began = performance.now(); }, true);
        document.addEventListener("playing", function playing() {
            document.removeEventListener("playing", playing, true); done(performance.now() - began); }, true); }); }""")
    thumb.hover()
    return float(page.evaluate("() => window.hovered"))


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REELMILL_")}
    root = str(Path(__file__).parents[2])
    return {**kept, "REELMILL_HOME": str(home), "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}


@contextmanager
def _served(home: Path) -> Iterator[str]:
    """Serve the dashboard and yield its sign-in link."""
    log = home.parent / "review.log"
    with log.open("w") as out:
        process = subprocess.Popen(  # noqa: S603
            [*PROGRAM, "review", "--no-browser"],
            env=_environment(home),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        for _ in range(300):
            if found := re.search(r"http://127\S+", log.read_text()):
                break
            time.sleep(0.1)
        else:
            raise RuntimeError(f"reelmill review did not start: {log.read_text()}")
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
