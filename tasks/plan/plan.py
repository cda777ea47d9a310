"""What a run would do, before it does anything."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from manifests.states import FINISHED, State
from manifests.variant import PlannedVariant
from models.card import ModelCard

LOOK_UP = 5000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Device time and money for the variants still to make; ``basis`` says where the rate comes from.

    ``device_seconds`` is None where no rate is known.
    """

    device_seconds: float | None
    money: float
    basis: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts of a campaign.

    Attributes:
        asked: combinations times seeds, as the sheet asks.
        distinct: different variants among them (equal inputs are made once).
        skipped: variants of which a re-run makes nothing, by their state.
        to_make: variants that a run would generate.
        shards: task runs on devices.
        by_brief: variants asked for, by brief id.
        by_card: variants to make, by card.
    """

    asked: int
    distinct: int
    skipped: Mapping[str, int]
    to_make: int
    shards: int
    by_brief: Mapping[str, int]
    by_card: Mapping[str, int]
    estimates: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def device_seconds(self) -> float | None:
        """Sum over the cards; None where one of them has no known rate."""
        seconds = [estimate.device_seconds for estimate in self.estimates.values()]
        return None if None in seconds else sum(each for each in seconds if each is not None)

    @property
    def money(self) -> float:
        """Sum over the cards; 0 where no card states a price."""
        return sum(estimate.money for estimate in self.estimates.values())


def make_plan(
    planned: Iterable[PlannedVariant],
    states_of: Callable[[list[str]], Mapping[str, str]],
    cards: Mapping[str, ModelCard],
    measured: Mapping[str, float],
    shard_size: int,
    satisfied: Collection[str] = (),
) -> Plan:
    """Count without keeping the variants: a million of them fit in memory as ids alone.

    Args:
        states_of: the catalogue's answer for a list of variant ids; unknown ids are left out.
        satisfied: briefs that have as many good clips as they want; their other variants are skipped.
        measured: device seconds a clip by card, from this catalogue's own clips.
    """
    by_brief: Counter[str] = Counter()
    pending: list[PlannedVariant] = []
    counts = _Counts(satisfied)
    seen: set[bytes] = set()
    for item in planned:
        by_brief[item.brief_id] += 1
        key = bytes.fromhex(item.variant_id)
        if key not in seen:
            seen.add(key)
            pending.append(item)
        if len(pending) == LOOK_UP:
            counts.add(pending, states_of)
            pending = []
    counts.add(pending, states_of)
    by_card: Counter[str] = Counter()
    for shape_group, number in counts.by_shape_group.items():
        by_card[str(shape_group[0])] += number
    return Plan(
        asked=sum(by_brief.values()),
        distinct=len(seen),
        skipped=dict(counts.skipped),
        to_make=sum(by_card.values()),
        shards=sum(-(-number // shard_size) for number in counts.by_shape_group.values()),
        by_brief=dict(by_brief),
        by_card=dict(by_card),
        estimates={name: estimate(cards[name], number, measured.get(name)) for name, number in by_card.items()},
    )


class _Counts:
    def __init__(self, satisfied: Collection[str]) -> None:
        self._satisfied = satisfied
        self.skipped: Counter[str] = Counter()
        self.by_shape_group: defaultdict[tuple[object, ...], int] = defaultdict(int)

    def add(self, items: list[PlannedVariant], states_of: Callable[[list[str]], Mapping[str, str]]) -> None:
        states = states_of([item.variant_id for item in items]) if items else {}
        for item in items:
            state = states.get(item.variant_id, State.PLANNED)
            if state in FINISHED:
                self.skipped[state] += 1
            elif item.brief_id in self._satisfied:
                self.skipped["not needed"] += 1
            else:
                self.by_shape_group[item.variant.shape_group] += 1


def estimate(card: ModelCard, number: int, measured: float | None) -> Estimate:
    """Return time and money for ``number`` clips: this machine's own rate before the card's."""
    rate = card.rates[0] if card.rates else None
    seconds = measured if measured is not None else (rate.seconds_a_clip if rate else None)
    if seconds is None:
        return Estimate(None, 0.0, "no rate is known; run a --sample to measure one")
    price = rate.money_an_hour if rate else 0.0
    basis = "measured here" if measured is not None else f"measured on {rate.machine}" if rate else ""
    return Estimate(number * seconds, number * seconds / 3600 * price, basis)
