"""Preview of a run: counts and estimates before anything is generated."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from manifests.brief import Brief
from manifests.costs.money import Money
from manifests.costs.prices import HOUR_S
from manifests.costs.sums import Sums, sums_of
from manifests.goals.goal import combination_goal
from manifests.goals.want import is_not_needed
from manifests.states import FINISHED, NOT_NEEDED, State
from manifests.variant import PlannedVariant, Variant
from models.card import GeneratorCard
from models.hosted_card import HostedCard
from tasks.plan.brief_prices import BriefPrice, Shape, brief_prices, totals_of
from tasks.plan.costs import NO_COSTS, Costs
from tasks.plan.fallback import replacements_of

LOOK_UP = 5000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time and money for the variants still to generate with one model.

    Attributes:
        device_seconds: None if no rate is known; 0 if a provider generates the clips.
        money: cost of that device time; None if no rate or no price is known.
        basis: source of the rate, or why the time is not known.
        price_h: price of a device hour; None if it is not known.
        provider: account that is billed; empty if local devices generate the clips.
        queue_seconds: time until a provider has finished all clips, if it is known; None for local devices.
        prices_as_of: date of the provider's prices (ISO 8601); empty if there are none.
        are_confirmed: whether a bill has confirmed the provider's prices.
    """

    device_seconds: float | None
    money: float | None
    basis: str
    price_h: float | None = None
    provider: str = ""
    queue_seconds: float | None = None
    prices_as_of: str = ""
    are_confirmed: bool = False


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
        prices: what the clips to generate cost, by brief and card.
        fallback_estimates: time and money for one clip of each model that is only a fallback, by card.
        fallback_prices: highest price of one clip of each hosted fallback model, by card; None if it is not known.
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
    prices: tuple[BriefPrice, ...] = ()
    fallback_estimates: Mapping[str, Estimate] = field(default_factory=dict)
    fallback_prices: Mapping[str, Money | None] = field(default_factory=dict)

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
        """Cost of the device time; None if that of any card is unknown."""
        money = [estimate.money for estimate in self.estimates.values()]
        return None if None in money else sum(each for each in money if each is not None)

    @property
    def totals(self) -> Sums:
        """Cost of all clips whose price is known: one amount for each currency."""
        return totals_of(self.prices)

    @property
    def with_fallbacks(self) -> Sums | None:
        """Highest cost of all clips if fallbacks are used; empty without fallbacks, None if a price is not known."""
        if not any(line.fallbacks for line in self.prices):
            return ()
        sums = [line.with_fallbacks if line.fallbacks else line.total and (line.total,) for line in self.prices]
        return None if None in sums else sums_of(amount for each in sums for amount in each or ())

    @property
    def unpriced(self) -> dict[str, int]:
        """Number of clips whose price is not known, by card."""
        numbers: Counter[str] = Counter()
        for line in self.prices:
            numbers[line.card] += line.clips if line.total is None else 0
        return dict(+numbers)

    @property
    def is_at_most(self) -> bool:
        """Whether a brief stops early when enough clips have passed, so that the totals may not be reached."""
        return any(line.is_at_most for line in self.prices)


def make_plan(
    planned: Iterable[PlannedVariant],
    states_of: Callable[[list[str]], Mapping[str, str]],
    cards: Mapping[str, GeneratorCard],
    measured: Mapping[str, float],
    shard_size: int,
    satisfied: Collection[str] = (),
    costs: Costs = NO_COSTS,
    wanting: Collection[str] = (),
    fallbacks: Mapping[str, Brief] = MappingProxyType({}),
) -> Plan:
    """Count the variants without keeping them: only the ids of up to millions of variants stay in memory.

    Args:
        states_of: returns the states of variants by id; unknown ids are left out.
        measured: device seconds per clip by card, from the clips of this catalogue.
        satisfied: goals that have as many good clips as they want; their other variants are skipped.
        costs: prices, and the devices that this catalogue has used.
        wanting: ids of briefs that stop when enough clips have passed.
        fallbacks: the briefs with fallback models, by id.
    """
    by_brief: Counter[str] = Counter()
    pending: list[PlannedVariant] = []
    counts = _Counts(satisfied, cards, fallbacks)
    seen: set[bytes] = set()
    shared: dict[str, str] = {}
    for item in planned:
        by_brief[item.brief_id] += 1
        key = bytes.fromhex(item.variant_id)
        if key not in seen:
            seen.add(key)
            pending.append(item)
        elif satisfied and not _is_satisfied(item, satisfied):
            shared[item.variant_id] = item.brief_id
        if len(pending) == LOOK_UP:
            counts.add(pending, states_of)
            pending = []
    counts.add(pending, states_of)
    counts.restore(shared)
    by_card, by_group = counts.totals()
    estimates = {name: estimate(cards[name], number, measured.get(name), costs) for name, number in by_card.items()}
    others = {
        name: estimate(cards[name], 1, measured.get(name), costs) for name in counts.fallbacks if name not in estimates
    }
    providers = {name: found.provider for name, found in (others | estimates).items() if found.provider}
    device_prices = {
        name: _price_of_clip(found, by_card[name] or 1, costs) for name, found in (others | estimates).items()
    }
    return Plan(
        asked=sum(by_brief.values()),
        distinct=len(seen),
        skipped=dict(counts.skipped),
        to_make=by_card.total(),
        shards=sum(-(-number // shard_size) for number in by_group.values()),
        by_brief=dict(by_brief),
        by_card=dict(by_card),
        estimates=estimates,
        costs=costs,
        prices=brief_prices(counts.to_make, providers, device_prices, wanting),
        fallback_estimates=others,
        fallback_prices={name: price for name, price in counts.fallbacks.items() if name in providers},
    )


def _price_of_clip(found: Estimate, clips: int, costs: Costs) -> Money | None:
    """Return the cost of one clip on local devices; None if it is not known."""
    return None if found.money is None else costs.prices.money(found.money / clips)


class _Counts:
    def __init__(
        self, satisfied: Collection[str], cards: Mapping[str, GeneratorCard], briefs: Mapping[str, Brief]
    ) -> None:
        self._satisfied = satisfied
        self._cards = cards
        self._briefs = briefs
        self.fallbacks: dict[str, Money | None] = {}
        self._shapes: dict[tuple[object, ...], Shape] = {}
        self.skipped: Counter[str] = Counter()
        self.to_make: Counter[tuple[str, Shape]] = Counter()
        self._not_needed: dict[str, Shape] = {}

    def add(self, items: list[PlannedVariant], states_of: Callable[[list[str]], Mapping[str, str]]) -> None:
        states = states_of([item.variant_id for item in items]) if items else {}
        for item in items:
            state = states.get(item.variant_id, State.PLANNED)
            if state in FINISHED:
                self.skipped[state] += 1
            elif _is_satisfied(item, self._satisfied):
                self.skipped[NOT_NEEDED] += 1
                self._not_needed[item.variant_id] = self._shape_of(item)
            else:
                self.to_make[item.brief_id, self._shape_of(item)] += 1

    def restore(self, brief_ids: Mapping[str, str]) -> None:
        """Count variants as needed after all: another of their briefs, named by variant id, lacks clips."""
        for variant_id, brief_id in brief_ids.items():
            if shape := self._not_needed.pop(variant_id, None):
                self.skipped[NOT_NEEDED] -= 1
                self.to_make[brief_id, shape] += 1
        self.skipped = +self.skipped

    def totals(self) -> tuple[Counter[str], Counter[tuple[object, ...]]]:
        """Return the number of variants by card, and by shape group."""
        by_card: Counter[str] = Counter()
        by_group: Counter[tuple[object, ...]] = Counter()
        for (_, shape), number in self.to_make.items():
            by_card[shape.card] += number
            by_group[shape.group] += number
        return by_card, by_group

    def _shape_of(self, item: PlannedVariant) -> Shape:
        """Return the shape of a variant, with those of the models that may replace its own."""
        shape, brief = self._own_shape(item.variant), self._briefs.get(item.brief_id)
        if brief is None:
            return shape
        found = tuple(map(self._own_shape, replacements_of(self._cards, brief, item)))
        for each in found:
            known = self.fallbacks.get(each.card, each.price)
            self.fallbacks[each.card] = max(known, each.price) if known and each.price else None
        return shape._replace(fallbacks=found)

    def _own_shape(self, variant: Variant) -> Shape:
        """Return the shape of a variant; the price is looked up once for each group."""
        group = variant.shape_group
        if (found := self._shapes.get((*group, variant.fps))) is None:
            card = self._cards[variant.card]
            price = card.price_of(variant) if isinstance(card, HostedCard) else None
            found = Shape(variant.card, group, price, is_free_if_failed(card))
            self._shapes[*group, variant.fps] = found
        return found


def is_free_if_failed(card: GeneratorCard) -> bool:
    """Return whether a failed job costs nothing; a failed clip of a local model has used device time."""
    return isinstance(card, HostedCard) and (not card.costs_money or card.billed_on_failure == "no")


def _is_satisfied(item: PlannedVariant, satisfied: Collection[str]) -> bool:
    """Return whether the goal of a planned variant has enough clips, whichever kind of goal its brief has."""
    if not satisfied:
        return False
    goal = combination_goal(item.brief_id, item.labels)
    return is_not_needed(State.PLANNED, [item.brief_id if item.brief_id in satisfied else goal], satisfied)


def estimate(card: GeneratorCard, number: int, measured: float | None, costs: Costs = NO_COSTS) -> Estimate:
    """Estimate time and money for ``number`` clips; this machine's rate takes precedence over the card's."""
    rate = card.rates[0] if card.rates else None
    if isinstance(card, HostedCard):
        return _hosted_estimate(card, number)
    seconds = measured if measured is not None else (rate.seconds_a_clip if rate else None)
    if seconds is None:
        return Estimate(None, None, "device time unknown until this machine generates a clip with this model")
    price = costs.hour(card.name, rate.machine if rate else "")
    basis = "measured here" if measured is not None else f"measured on {rate.machine}" if rate else ""
    return Estimate(number * seconds, None if price is None else number * seconds / HOUR_S * price, basis, price)


def _hosted_estimate(card: HostedCard, number: int) -> Estimate:
    """Estimate the time at a provider: its rate, shared by the jobs that the account may have at a time."""
    queue, basis = None, f"the time at {card.provider} is not known"
    if card.rates:
        queue = number * card.rates[0].seconds_a_clip / min(number, card.limits_of_account.concurrency)
        basis = f"{card.rates[0].seconds_a_clip:g} s a clip, measured at {card.rates[0].machine}"
    table = card.prices
    return Estimate(
        0.0,
        0.0,
        basis,
        provider=card.provider,
        queue_seconds=queue,
        prices_as_of=table.as_of.isoformat() if table else "",
        are_confirmed=bool(table and table.confirmed),
    )
