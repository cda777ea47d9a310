"""The review dashboard in a real headless Chromium: first paint, page turns, keys, hovering; 5,000 and 1,000,000 rows.

The real program serves a campaign that the starter made, and rows beside it that show its clips again. The other
side of a page turn is the same query by OFFSET, as most admin pages ask, deep in the list.
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
from benchmarks.result import Limit, Result
from benchmarks.review_rows import fill

ROWS, MANY_ROWS = 5_000, 1_000_000
REST_MS = 400
"""A page's posters are there by then; turning in haste meets the requests for them."""
TURNS, KEYS, HOVERS, PAINTS = 12, 40, 8, 5
DEEP = 0.5
"""How deep in the list the turns by OFFSET are asked, as a share."""
PROGRAM = [sys.executable, "-c", "from app.cli.main import main; main()"]
SHEET = (
    "brief_id,prompt,placements,variants\n"
    "circle,a red circle drifting right on a white background,16:9,2\n"
    "waves,teal waves drifting left on a black background,1:1,2\n"
)


def run() -> list[Result]:
    """Measure on a small catalogue and on a large one."""
    if which("chromium") is None:
        return [Result("review", "Review in a browser.", not_measured="Debian's package chromium is not installed")]
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
    with open_catalogue(f"sqlite:///{home / 'catalogue.sqlite'}") as catalogue:
        fill(catalogue, rows, name)
        offset, keyset = _query_seconds(catalogue)
    with _served(home) as link:
        figures = _in_browser(link)
    return Result(
        name=name,
        unit="ms a page",
        ours=keyset * 1000,
        baseline=offset * 1000,
        what=f"A reviewer in headless Chromium over {rows:,} clips, 60 a page; the page's query by key and by OFFSET.",
        limits=(
            Limit("first_paint_ms", "at most", 500),
            Limit("page_turn_ms", "at most", 200),
            Limit("key_to_next_card_ms", "at most", 16),
            Limit("hover_to_playing_ms", "at most", 300),
        ),
        figures={"rows": rows, **figures},
        held_back_by="A page of 60 cards is 70 kB of HTML, which the server writes and the browser lays out; the "
        "database's part is a few milliseconds.",
        notes=(
            "Medians. First paint from the navigation's start to first-contentful-paint, signed in, in a new page; "
            "a turn from the click to the new cards in place, posters not waited for; in haste the next turn "
            "follows at once, while posters of the last are still asked for; a key to the next card's layout; "
            "hovering to the video's event playing. The query is asked in the middle of the list, both ways in "
            "turn.",
        ),
    )


def _query_seconds(catalogue: Catalogue) -> tuple[float, float]:
    """Return seconds of a page in the middle of the list, by OFFSET and by key."""
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
        if (!card) throw new Error("the key moved nothing");
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
    root = str(Path(__file__).parents[1])
    return {**kept, "REELMILL_HOME": str(home), "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}


@contextmanager
def _served(home: Path) -> Iterator[str]:
    """Serve the dashboard; yield the link that signs in."""
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
