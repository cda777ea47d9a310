"""Live progress line of a run, read from the catalogue once a second."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.live import Live
from rich.text import Text

from adapters.catalogue import Catalogue
from app.cli.output import console, seconds_text
from manifests.errors import ReelmillError
from manifests.goals.want import good_in
from manifests.states import done_in

POLL_S = 1.0
BAR = 12


class Progress:
    """Counts of a campaign, and the time left at the current pace."""

    def __init__(self, catalogue: Catalogue, campaign_id: str) -> None:
        self._catalogue = catalogue
        self._campaign_id = campaign_id
        self._done_before: int | None = None
        self._start: tuple[int, float] | None = None

    def line(self) -> str:
        """Return one line: bar, clips done, passed and published, device seconds, time left."""
        states = self._catalogue.progress.tally(self._campaign_id)
        total, done = sum(states.values()), done_in(states)
        if not total:
            return "reading the sheet"  # nothing is planned yet
        good = good_in(states)
        filled = BAR * done // total
        worked = self._catalogue.progress.device_seconds(self._campaign_id)
        return (
            f"{'━' * filled}{'─' * (BAR - filled)} {done}/{total} clips, {good} passed, "
            f"{states.get('published', 0)} published, {worked:.0f} s of device time{self._eta(done, total)}"
        )

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
def live_progress(catalogue: Catalogue, campaign_id: str, shown: bool) -> Iterator[None]:
    """Show the line while the block runs; show nothing if the output is not a terminal."""
    if not shown or not console.is_terminal:
        yield
        return
    progress, ended = Progress(catalogue, campaign_id), threading.Event()
    with Live(Text("starting"), console=console, refresh_per_second=4, transient=True) as live:
        thread = threading.Thread(target=_follow, args=(progress, live, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _follow(progress: Progress, live: Live, ended: threading.Event) -> None:
    while not ended.wait(POLL_S):
        try:
            live.update(Text(progress.line()))
        except ReelmillError as error:
            live.update(Text(str(error)))
