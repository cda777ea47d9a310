"""Prices of a plan: what the clips of each brief cost with each model, before anything runs."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from manifests.costs.money import Money
from manifests.costs.sums import Sums, sums_of

UNKNOWN = "not known"
FREE = "free"


class Shape(NamedTuple):
    """What decides the price of a clip besides its model's prices.

    Attributes:
        group: ``Variant.shape_group``.
        price: the provider's price of one clip; None if it is not known, or for local devices.
    """

    card: str
    group: tuple[Any, ...]
    price: Money | None


@dataclass(frozen=True, slots=True)
class BriefPrice:
    """What the clips of one brief cost with one model. A clip of several briefs counts for the first of them.

    Attributes:
        provider: account that is billed; empty if local devices generate the clips.
        clips: number of clips to generate.
        least, most: lowest and highest price of one clip, by size and length; None if one is not known.
        total: price of all clips; None if the price of one is not known.
        is_at_most: the brief needs no further clips once enough have passed, so that the total may not be reached.
    """

    brief_id: str
    card: str
    provider: str
    clips: int
    least: Money | None
    most: Money | None
    total: Money | None
    is_at_most: bool = False

    @property
    def is_free(self) -> bool:
        """Whether its provider bills nothing."""
        return bool(self.provider) and self.total is not None and not self.total.micros

    @property
    def each_text(self) -> str:
        """``0.30 USD``, ``0.30 to 0.60 USD`` or ``free``."""
        if self.least is None or self.most is None:
            return UNKNOWN
        if self.is_free:
            return FREE
        least, most = (amount if self.provider else amount.short for amount in (self.least, self.most))
        return str(least) if least == most else f"{str(least).partition(' ')[0]} to {most}"

    @property
    def total_text(self) -> str:
        """``3.00 USD``, ``at most 3.00 USD`` or ``free``."""
        if self.total is None:
            return UNKNOWN
        if self.is_free:
            return FREE
        return f"{'at most ' if self.is_at_most else ''}{self.total if self.provider else self.total.short}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values; amounts are whole micro-units."""
        amounts = {"least": self.least, "most": self.most, "total": self.total}
        return {
            "brief_id": self.brief_id,
            "model": self.card,
            "provider": self.provider,
            "clips": self.clips,
            **{f"{name}_micros": amount and amount.micros for name, amount in amounts.items()},
            "currency": self.total.currency if self.total else None,
            "is_at_most": self.is_at_most,
        }


def brief_prices(
    counts: Mapping[tuple[str, Shape], int],
    providers: Mapping[str, str],
    device_prices: Mapping[str, Money | None],
    wanting: Collection[str] = (),
) -> tuple[BriefPrice, ...]:
    """Return one line for each brief and model, in the order of the counts.

    Args:
        counts: number of clips to generate, by brief id and shape.
        providers: by model card, for those that a provider runs.
        device_prices: price of one clip by model card, for the others.
        wanting: ids of briefs that stop when enough clips have passed.
    """
    lines: defaultdict[tuple[str, str], Counter[Money | None]] = defaultdict(Counter)
    for (brief_id, shape), number in counts.items():
        price = shape.price if shape.card in providers else device_prices.get(shape.card)
        lines[brief_id, shape.card][price] += number
    return tuple(
        _line(brief_id, card, providers.get(card, ""), prices, brief_id in wanting)
        for (brief_id, card), prices in lines.items()
    )


def _line(brief_id: str, card: str, provider: str, prices: Mapping[Money | None, int], is_at_most: bool) -> BriefPrice:
    clips = sum(prices.values())
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        return BriefPrice(brief_id, card, provider, clips, None, None, None, is_at_most)
    total = sum(price.micros * number for price, number in prices.items() if price is not None)
    return BriefPrice(
        brief_id, card, provider, clips, min(known), max(known), known[0]._replace(micros=total), is_at_most
    )


def totals_of(lines: Collection[BriefPrice]) -> Sums:
    """Return the sum of the known prices for each currency."""
    return sums_of(line.total for line in lines if line.total is not None)
