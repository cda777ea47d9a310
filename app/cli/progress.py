"""Progress of a run, read from the catalogue: a live line on a terminal, a line every 30 seconds elsewhere."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.live import Live
from rich.text import Text

from adapters.catalogue import Catalogue
from app.cli.output import console, seconds_text, warn
from manifests.errors import ReelmillError
from manifests.finish.deliverable import DeliverableState
from manifests.goals.want import good_in
from manifests.hosted.job import BUSY
from manifests.states import done_in

POLL_S = 1.0
FIRST_S = 10.0
"""Seconds until the first line if the output is not a terminal; shorter runs print none."""
PRINT_S = 30.0
"""Seconds between the later lines."""
BAR = 12


class Progress:
    """Counts of a campaign, and the time left at the current pace."""

    def __init__(self, catalogue: Catalogue, campaign_id: str) -> None:
        self._catalogue = catalogue
        self._campaign_id = campaign_id
        self._done_before: int | None = None
        self._start: tuple[int, float] | None = None
        self.has_begun = False

    def begin(self) -> None:
        """Note that the run has begun; before, Prefect and the libraries of the models are loaded."""
        self.has_begun = True

    def line(self) -> str:
        """Return one line: bar, clips done and published, deliverables, at providers, device seconds, time left."""
        if not self.has_begun:
            return "starting Prefect and loading libraries"
        states = self._catalogue.progress.tally(self._campaign_id)
        total, done = sum(states.values()), done_in(states)
        if not total:
            return "reading the sheet"  # nothing is planned yet
        good = good_in(states)
        filled = BAR * done // total
        worked = self._catalogue.progress.device_seconds(self._campaign_id)
        return (
            f"{'━' * filled}{'─' * (BAR - filled)} {done}/{total} clips, {good} passed, "
            f"{states.get('published', 0)} published{self._deliverables()}{self._at_providers(total - done)}, "
            f"{worked:.0f} s of device time{self._eta(done, total)}"
        )

    def _deliverables(self) -> str:
        """Return ``, 3/18 deliverables``; empty if none are planned."""
        made = self._catalogue.deliverables.counts(self._campaign_id)
        planned = sum(made.values()) - made.get(DeliverableState.WITHDRAWN, 0)
        return f", {made.get(DeliverableState.PUBLISHED, 0)}/{planned} deliverables" if planned else ""

    def _at_providers(self, left: int) -> str:
        """Return ``, 4 at kling, 2 waiting``; empty without provider jobs."""
        busy: Counter[str] = Counter()
        for each in self._catalogue.provider_jobs.money(self._campaign_id):
            busy[each.provider] += sum(each.jobs.get(state, 0) for state in BUSY)
        if not busy or not left:
            return ""
        at = "".join(f", {number} at {provider}" for provider, number in busy.items() if number)
        return f"{at}, {max(0, left - busy.total())} waiting"

    def _eta(self, done: int, total: int) -> str:
        """Return the time left at the pace since the first clip of this run, or an empty text before that."""
        now = time.monotonic()
        self._done_before = done if self._done_before is None else self._done_before
        if self._start is None and done > self._done_before:
            self._start = (done, now)
        if self._start is None or done in (self._start[0], total):
            return ""
        pace = (now - self._start[1]) / (done - self._start[0])
        return f", {seconds_text(pace * (total - done))} left"


@contextmanager
def live_progress(catalogue: Catalogue, campaign_id: str, shown: bool) -> Iterator[Callable[[], None]]:
    """Show the line while the block runs; yield the function to call when the run begins."""
    progress, ended = Progress(catalogue, campaign_id), threading.Event()
    if not shown:
        yield progress.begin
        return
    with _shown(progress, ended) as follow:
        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield progress.begin
        finally:
            ended.set()
            thread.join()


@contextmanager
def _shown(progress: Progress, ended: threading.Event) -> Iterator[Callable[[], None]]:
    """Yield the function that shows the line until the event is set."""
    if not console.is_terminal:
        yield lambda: _follow(progress, warn, ended, FIRST_S, PRINT_S)
        return
    with Live(Text("starting"), console=console, refresh_per_second=4, transient=True) as live:
        yield lambda: _follow(progress, lambda line: live.update(Text(line)), ended, POLL_S, POLL_S)


def _follow(
    progress: Progress, show: Callable[[str], None], ended: threading.Event, first_s: float, every_s: float
) -> None:
    wait_s = first_s
    while not ended.wait(wait_s):
        wait_s = every_s
        try:
            show(progress.line())
        except ReelmillError as error:
            show(str(error))
