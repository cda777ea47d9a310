"""A run of a campaign, recorded in the catalogue from start to end so that runs can take turns."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from adapters.catalogue import Catalogue
from adapters.catalogue.work.runs import LOST
from manifests.costs.money import Money
from manifests.costs.prices import NO_PRICES, Prices
from manifests.errors import ProviderError, ReelmillError
from tasks.alerts import alerts
from tasks.runtime.cancellation import stopping
from tasks.runtime.lease_owner import current_owner, is_dead

log = logging.getLogger(__name__)
BEAT_S = 10.0
GATE_S = 1.0
FINISHED = "finished"
LEFT = "left"
"""The run was not stopped, but some variants are leased by others or were lost repeatedly."""
FAILED = "failed"
BUDGET = "budget"
"""The budget is used up, or has no room for the next job of a provider."""
WAITS = "others"
FLOW_RUN = "flow_run_id"
"""Key in a run's detail: the Prefect flow run."""
STOPPED_BY_SIGNAL = "It was stopped by a signal"
DIED = "Its process died"


class Run:
    """A run as its driver sees it.

    Attributes:
        outcome: ``finished``, unless the run ends early: ``paused``, ``cancelled``, ``window``, ``budget`` or ``left``.
        why_left: why something is left and what to do, if this is known; without a full stop at the end.
        problems: why variants of hosted models are not generated, one sentence each, without a full stop.
        provider_failures: why providers cannot be used, by card. Their fallback models are used; the first failure is
            raised once all other clips are delivered, if a clip still needs one of them.
    """

    def __init__(self, catalogue: Catalogue, campaign_id: str, run_id: str) -> None:
        self._catalogue = catalogue
        self.campaign_id = campaign_id
        self.run_id = run_id
        self.outcome = FINISHED
        self.why_left = ""
        self.problems: tuple[str, ...] = ()
        self.provider_failures: Mapping[str, ProviderError] = {}
        self._logged: set[str] = set()

    @property
    def is_over(self) -> bool:
        """Whether the run starts no new work."""
        return self.outcome != FINISHED or stopping.is_set()

    def raise_provider_failure(self) -> None:
        """Raise the first failure of a provider, if there is one.

        Raises:
            ProviderError: clips still need this provider; the message names what to check.
        """
        for failure in self.provider_failures.values():
            raise failure

    def note(self, problems: tuple[str, ...], is_over_budget: bool) -> None:
        """Note what the shards of hosted cards have reported, and show it in the log, once for all rounds."""
        self.problems = problems
        for problem in problems:
            if problem not in self._logged:
                self._logged.add(problem)
                log.warning("%s.", problem)
        if is_over_budget and self.outcome == FINISHED:
            self.outcome = BUDGET

    def check_ended(self) -> None:
        """Update the outcome if the run was stopped during delivery."""
        self._may_work()

    def await_turn(self, shards: int) -> bool:
        """Wait until the run may start work; return False if it is over.

        Args:
            shards: number of shards that are waiting.
        """
        self._catalogue.runs.set_waiting_shards(self.run_id, shards)
        while not stopping.is_set():
            if self._may_work():
                return True
            if self.is_over:
                return False
            time.sleep(GATE_S)
        return False

    def _may_work(self) -> bool:
        """Return whether the run may start work now, and update the outcome if it is over."""
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
    budget: Money | None = None,
    prices: Prices = NO_PRICES,
    review_url: str = "",
    flow_run_id: str = "",
) -> Iterator[Run]:
    """Yield a run that sends heartbeats during the block, and end it with its outcome.

    Everything that can fail belongs into the block: the end of the run is what alerts and receipts report.
    """
    end_dead_runs(catalogue, campaign_id)
    detail = {FLOW_RUN: flow_run_id} if flow_run_id else {}
    run_id = catalogue.runs.begin(
        campaign_id,
        pool,
        current_owner(),
        until=until,
        budget_s=budget_s,
        budget=budget,
        prices=prices,
        detail=detail,
    )
    run = Run(catalogue, campaign_id, run_id)
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(catalogue, run, ended), name="run", daemon=True)
    thread.start()
    outcome, why = FAILED, ""
    try:
        yield run
        outcome = run.outcome
    except BaseException as error:
        why = alerts.reason_of(error) if isinstance(error, Exception) else STOPPED_BY_SIGNAL
        raise
    finally:
        ended.set()
        thread.join()
        with contextlib.suppress(ReelmillError):  # a run that could not be ended is found by its missing heartbeat
            catalogue.runs.end(run.run_id, outcome, why or run.why_left)
            alerts.run_ended(catalogue, campaign_id, run.run_id, outcome, review_url, run.why_left)


def end_dead_runs(catalogue: Catalogue, campaign_id: str) -> None:
    """End the runs of a campaign whose process on this host has died; the run that begins now continues their work."""
    for earlier in catalogue.runs.all(campaign_id):
        if earlier.ended_at is None and is_dead(earlier.owner):
            catalogue.runs.end(earlier.run_id, LOST, DIED)


def _beat(catalogue: Catalogue, run: Run, ended: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        with contextlib.suppress(ReelmillError):  # the steps report a catalogue that does not respond
            catalogue.runs.beat(run.run_id)
            alerts.check_pass_rate(catalogue, run.campaign_id)
