"""Campaign statistics, cached in proportion to the time that counting takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from adapters.catalogue import CampaignRow, Catalogue
from app.report.spending import NOTHING, Spending, spending_of
from manifests.costs.prices import Prices
from manifests.goals.want import good_in
from manifests.states import NOT_NEEDED, REPLACED, UNDELIVERED, UNFINISHED, State, done_in, unfinished_in
from tasks.runtime.campaign_status import FAILED, stage_of

MIN_CACHE_S = 2.0
CACHE_FACTOR = 20.0
"""A result that took one second to compute is cached for twenty."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CampaignStats:
    """Progress and cost of a campaign.

    Attributes:
        states: number of clips by state.
        device_seconds: all device time that the campaign has caused.
        spending: all money that the campaign has caused.
        has_failed: whether the last run failed, so that nothing continues it without a person.
        eta_s: seconds until all clips are generated, at the pace of the last minutes; None if nothing was generated.
    """

    row: CampaignRow
    states: dict[str, int]
    device_seconds: float
    eta_s: float | None
    has_failed: bool = False
    spending: Spending = NOTHING

    @property
    def total(self) -> int:
        """Number of variants."""
        return sum(self.states.values())

    @property
    def done(self) -> int:
        """Number of variants that need no more device time."""
        return done_in(self.states)

    @property
    def generated(self) -> int:
        """Number of variants that were generated, or set aside; without those that a fallback replaces."""
        return self.done - self.states.get(NOT_NEEDED, 0) - self.states.get(REPLACED, 0)

    @property
    def good(self) -> int:
        """Number of clips that passed and were not rejected."""
        return good_in(self.states)

    @property
    def passing_rate(self) -> float | None:
        """Share of passed clips among the generated ones, 0..1; None if there are none."""
        return self.good / self.generated if self.generated else None

    @property
    def is_active(self) -> bool:
        """True while clips are being generated or published."""
        return self.eta_s is not None or any(
            self.states.get(state) for state in (State.LEASED, State.RENDERED, State.SIGNING)
        )

    @property
    def has_work(self) -> bool:
        """True if a run of the campaign would generate or publish clips."""
        waiting = {*UNFINISHED, *UNDELIVERED, *((State.PASSED,) if self.row.settings.get("review") == "auto" else ())}
        return self.has_any(*waiting)

    def has_any(self, *states: str) -> bool:
        """Return whether there is a clip in one of the states."""
        return any(self.states.get(state) for state in states)

    @property
    def published(self) -> int:
        """Number of published clips."""
        return self.states.get(State.PUBLISHED, 0)

    @property
    def cost(self) -> str:
        """Total cost as text; empty if nothing was used, or if no price is known."""
        return self.spending.text

    @property
    def cost_of_each(self) -> str:
        """Cost of each published clip as text; empty if there are none, or if no price is known."""
        return self.spending.each_text(self.published)


class StatsCache:
    """Cache results by key for CACHE_FACTOR times their computing time; concurrent requests compute a result once."""

    def __init__(self) -> None:
        self._kept: dict[Any, _Slot] = {}
        self._lock = Lock()

    def get(self, key: Any, compute: Callable[[], T]) -> T:
        """Return the cached result, or compute it."""
        with self._lock:
            if len(self._kept) > 500:
                self._kept.clear()
            slot = self._kept.setdefault(key, _Slot())
        with slot.lock:
            began = time.monotonic()
            if slot.until <= began:
                slot.value = compute()
                now = time.monotonic()
                slot.until = now + max(MIN_CACHE_S, CACHE_FACTOR * (now - began))
            value: T = slot.value
            return value

    def clear(self) -> None:
        """Clear the cache, so that a change is visible at once."""
        with self._lock:
            self._kept.clear()


class _Slot:
    def __init__(self) -> None:
        self.lock = Lock()
        self.until = 0.0
        self.value: Any = None


def stats_of(catalogue: Catalogue, prices: Prices, row: CampaignRow) -> CampaignStats:
    """Compute the statistics of a campaign."""
    states = catalogue.progress.tally(row.campaign_id)
    uses, jobs = catalogue.device_use.of_campaign(row.campaign_id), catalogue.provider_jobs.money(row.campaign_id)
    left = unfinished_in(states)
    pace = catalogue.campaign_stats.pace(row.campaign_id) if left else 0.0
    has_failed = stage_of(catalogue, row) == FAILED
    spending = spending_of(uses, prices, jobs)
    eta_s = left / pace if pace else None
    return CampaignStats(row, states, spending.device_seconds, eta_s, has_failed, spending)
