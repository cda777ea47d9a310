"""A run of a campaign: known to the catalogue from its beginning to its end, so that runs can take turns."""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.catalogue import Catalogue
from manifests.errors import ReelmillError
from tasks.alerts import alerts
from tasks.runtime.cancellation import stopping
from tasks.runtime.lease_owner import current_owner

BEAT_S = 10.0
GATE_S = 1.0
FINISHED = "finished"
LEFT = "left"
"""Nobody has stopped the run, and yet not all was made: others hold it, or lose it over and over."""
FAILED = "failed"
WAITS = "others"


class Run:
    """What the driver says of its run, and asks of it.

    Attributes:
        outcome: ``finished`` until something ends it early: ``paused``, ``cancelled``, ``window``, ``budget``,
            ``left``.
    """

    def __init__(self, catalogue: Catalogue, campaign_id: str, run_id: str) -> None:
        self._catalogue = catalogue
        self.campaign_id = campaign_id
        self.run_id = run_id
        self.outcome = FINISHED

    @property
    def is_over(self) -> bool:
        """True where the run takes no more work."""
        return self.outcome != FINISHED or stopping.is_set()

    def look(self) -> None:
        """Note where the run was stopped while it delivered."""
        self._may_work()

    def await_turn(self, shards: int) -> bool:
        """Wait until the run may take work for so many shards; False where it may no more."""
        self._catalogue.runs.set_waiting_shards(self.run_id, shards)
        while not stopping.is_set():
            if self._may_work():
                return True
            if self.is_over:
                return False
            time.sleep(GATE_S)
        return False

    def _may_work(self) -> bool:
        """Ask, and note what ends the run; letting others go first does not."""
        turn = self._catalogue.runs.turn(self.run_id)
        if not turn.may_work and turn.why != WAITS:
            self.outcome = turn.why
        return turn.may_work


@contextmanager
def run_of(
    catalogue: Catalogue,
    campaign_id: str,
    pool: str,
    *,
    until: float | None = None,
    budget_s: float | None = None,
    review_url: str = "",
) -> Iterator[Run]:
    """Yield a run that beats until the block ends, and end it with its outcome."""
    run = Run(
        catalogue, campaign_id, catalogue.runs.begin(campaign_id, pool, current_owner(), until=until, budget_s=budget_s)
    )
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(catalogue, run, ended), name="run", daemon=True)
    thread.start()
    outcome = FAILED
    try:
        yield run
        outcome = run.outcome
    finally:
        ended.set()
        thread.join()
        with contextlib.suppress(ReelmillError):  # a run that nobody ended is found by its silence
            catalogue.runs.end(run.run_id, outcome)
            alerts.run_ended(catalogue, campaign_id, run.run_id, outcome, review_url)


def _beat(catalogue: Catalogue, run: Run, ended: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        with contextlib.suppress(ReelmillError):  # a catalogue that is away for a moment is the steps' to report
            catalogue.runs.beat(run.run_id)
            alerts.check_pass_rate(catalogue, run.campaign_id)
