"""Where a campaign stands, counted in the database and remembered for as long as counting takes effort."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from adapters.catalogue import CampaignRow, Catalogue
from app.cli.progress import DONE, GOOD
from models.card import ModelCard

EXACT = 20_000
"""Clips up to which device time is summed; above, it is the mean of some times their number."""
LEAST_FRESH_S = 2.0
EFFORT = 20.0
"""What took a second is remembered for twenty."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """A campaign in numbers.

    Attributes:
        good: clips that passed and were not rejected; ``judged``: those that the gate has seen.
        device_seconds: what the devices have worked on it.
        money: what that cost, where the cards state a price an hour; 0 where none does.
        is_estimate: device time and money come from a sample.
        eta_s: seconds until nothing is left to make, by the pace of the last minutes; None without any.
    """

    row: CampaignRow
    states: dict[str, int]
    device_seconds: float
    money: float
    is_estimate: bool
    eta_s: float | None

    @property
    def total(self) -> int:
        """All variants."""
        return sum(self.states.values())

    @property
    def done(self) -> int:
        """Variants that need no device any more."""
        return sum(self.states.get(state, 0) for state in DONE)

    @property
    def good(self) -> int:
        """Clips that passed."""
        return sum(self.states.get(state, 0) for state in GOOD)

    @property
    def passing_rate(self) -> float | None:
        """Good ones among those that are done, 0..1."""
        return self.good / self.done if self.done else None

    @property
    def is_moving(self) -> bool:
        """True while clips are made or on their way to the bucket."""
        return self.eta_s is not None or any(self.states.get(state) for state in ("leased", "rendered", "signing"))

    @property
    def published(self) -> int:
        """Clips in the bucket."""
        return self.states.get("published", 0)


class StatsCache:
    """Results by key, kept for EFFORT times as long as it took to get them; made once, however many ask."""

    def __init__(self) -> None:
        self._kept: dict[Any, _Slot] = {}
        self._lock = Lock()

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """Return what is remembered, or make it."""
        with self._lock:
            if len(self._kept) > 500:
                self._kept.clear()
            slot = self._kept.setdefault(key, _Slot())
        with slot.lock:
            began = time.monotonic()
            if slot.until <= began:
                slot.value = make()
                now = time.monotonic()
                slot.until = now + max(LEAST_FRESH_S, EFFORT * (now - began))
            value: T = slot.value
            return value

    def forget(self) -> None:
        """Forget all: something was changed on purpose, and shall be seen."""
        with self._lock:
            self._kept.clear()


class _Slot:
    def __init__(self) -> None:
        self.lock = Lock()
        self.until = 0.0
        self.value: Any = None


def standing_of(catalogue: Catalogue, cards: dict[str, ModelCard], row: CampaignRow) -> Standing:
    """Count a campaign."""
    states = catalogue.progress.tally(row.campaign_id)
    seconds, money, is_estimate = _cost(catalogue, cards, row)
    left = sum(states.get(state, 0) for state in ("planned", "leased", "rendered"))
    pace = catalogue.campaign_stats.pace(row.campaign_id) if left else 0.0
    return Standing(row, states, seconds, money, is_estimate, left / pace if pace else None)


def _cost(catalogue: Catalogue, cards: dict[str, ModelCard], row: CampaignRow) -> tuple[float, float, bool]:
    work = catalogue.campaign_stats.generated_by_card(row.campaign_id)
    rates = catalogue.progress.device_rates()
    about = {card: made * rates.get(card, 0.0) for card, made in work}
    is_estimate = sum(made for _, made in work) > EXACT
    seconds = (
        sum(about.values()) + row.draft_seconds if is_estimate else catalogue.progress.device_seconds(row.campaign_id)
    )
    share = seconds / sum(about.values()) if sum(about.values()) else 0.0
    money = sum(value * share / 3600 * _price(cards.get(card)) for card, value in about.items())
    return seconds, money, is_estimate


def _price(card: ModelCard | None) -> float:
    return card.rates[0].money_an_hour if card and card.rates else 0.0
