"""Preview of a run: counts and estimates before anything is generated."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from manifests.costs.prices import HOUR_S
from manifests.goals.goal import combination_goal
from manifests.goals.want import is_not_needed
from manifests.states import FINISHED, NOT_NEEDED, State
from manifests.variant import PlannedVariant
from models.card import GeneratorCard
from tasks.plan.costs import NO_COSTS, Costs

LOOK_UP = 5000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Device time and money for the variants still to generate.

    Attributes:
        device_seconds: None if no rate is known.
        money: None if no rate or no price is known.
        basis: source of the rate.
        price_h: price of a device hour; None if it is not known.
    """

    device_seconds: float | None
    money: float | None
    basis: str
    price_h: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts of a campaign.

    Attributes:
        asked: combinations times seeds of the sheet.
        distinct: different variants among them (equal inputs are generated once).
        skipped: variants that a run would not generate, by state.
        to_make: variants that a run would generate.
        shards: task runs on devices.
        by_brief: number of variants by brief id.
        by_card: number of variants to generate by card.
        estimates: by card.
        costs: the prices of the estimates.
    """

    asked: int
    distinct: int
    skipped: Mapping[str, int]
    to_make: int
    shards: int
    by_brief: Mapping[str, int]
    by_card: Mapping[str, int]
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    costs: Costs = NO_COSTS

    @property
    def generated(self) -> int:
        """Number of clips that exist, whatever their verdict."""
        return sum(number for state, number in self.skipped.items() if state not in (NOT_NEEDED, State.QUARANTINED))

    @property
    def device_seconds(self) -> float | None:
        """Sum over the cards; None if the rate of any card is unknown."""
        seconds = [estimate.device_seconds for estimate in self.estimates.values()]
        return None if None in seconds else sum(each for each in seconds if each is not None)

    @property
    def money(self) -> float | None:
        """Sum over the cards; None if the cost of any card is unknown."""
        money = [estimate.money for estimate in self.estimates.values()]
        return None if None in money else sum(each for each in money if each is not None)


def make_plan(
    planned: Iterable[PlannedVariant],
    states_of: Callable[[list[str]], Mapping[str, str]],
    cards: Mapping[str, GeneratorCard],
    measured: Mapping[str, float],
    shard_size: int,
    satisfied: Collection[str] = (),
    costs: Costs = NO_COSTS,
) -> Plan:
    """Count the variants without keeping them: only the ids of up to millions of variants stay in memory.

    Args:
        states_of: returns the states of variants by id; unknown ids are left out.
        measured: device seconds per clip by card, from the clips of this catalogue.
        satisfied: goals that have as many good clips as they want; their other variants are skipped.
        costs: prices, and the devices that this catalogue has used.
    """
    by_brief: Counter[str] = Counter()
    pending: list[PlannedVariant] = []
    counts = _Counts(satisfied)
    seen: set[bytes] = set()
    shared: set[str] = set()
    for item in planned:
        by_brief[item.brief_id] += 1
        key = bytes.fromhex(item.variant_id)
        if key not in seen:
            seen.add(key)
            pending.append(item)
        elif satisfied and not _is_satisfied(item, satisfied):
            shared.add(item.variant_id)
        if len(pending) == LOOK_UP:
            counts.add(pending, states_of)
            pending = []
    counts.add(pending, states_of)
    counts.restore(shared)
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
        estimates={name: estimate(cards[name], number, measured.get(name), costs) for name, number in by_card.items()},
        costs=costs,
    )


class _Counts:
    def __init__(self, satisfied: Collection[str]) -> None:
        self._satisfied = satisfied
        self.skipped: Counter[str] = Counter()
        self.by_shape_group: defaultdict[tuple[object, ...], int] = defaultdict(int)
        self._not_needed: dict[str, tuple[object, ...]] = {}

    def add(self, items: list[PlannedVariant], states_of: Callable[[list[str]], Mapping[str, str]]) -> None:
        states = states_of([item.variant_id for item in items]) if items else {}
        for item in items:
            state = states.get(item.variant_id, State.PLANNED)
            if state in FINISHED:
                self.skipped[state] += 1
            elif _is_satisfied(item, self._satisfied):
                self.skipped[NOT_NEEDED] += 1
                self._not_needed[item.variant_id] = item.variant.shape_group
            else:
                self.by_shape_group[item.variant.shape_group] += 1

    def restore(self, variant_ids: Iterable[str]) -> None:
        """Count variants as needed after all: another of their briefs lacks clips."""
        for group in filter(None, (self._not_needed.pop(key, None) for key in variant_ids)):
            self.skipped[NOT_NEEDED] -= 1
            self.by_shape_group[group] += 1
        self.skipped = +self.skipped


def _is_satisfied(item: PlannedVariant, satisfied: Collection[str]) -> bool:
    """Return whether the goal of a planned variant has enough clips, whichever kind of goal its brief has."""
    if not satisfied:
        return False
    goal = combination_goal(item.brief_id, item.labels)
    return is_not_needed(State.PLANNED, [item.brief_id if item.brief_id in satisfied else goal], satisfied)


def estimate(card: GeneratorCard, number: int, measured: float | None, costs: Costs = NO_COSTS) -> Estimate:
    """Estimate time and money for ``number`` clips; this machine's rate takes precedence over the card's."""
    rate = card.rates[0] if card.rates else None
    seconds = measured if measured is not None else (rate.seconds_a_clip if rate else None)
    if seconds is None:
        return Estimate(None, None, "device time unknown until this machine generates a clip with this model")
    price = costs.hour(card.name, rate.machine if rate else "")
    basis = "measured here" if measured is not None else f"measured on {rate.machine}" if rate else ""
    return Estimate(number * seconds, None if price is None else number * seconds / HOUR_S * price, basis, price)
