"""Device time and cost of clips."""

from collections.abc import Iterable
from typing import NamedTuple

from adapters.catalogue import VariantRow
from manifests.clip import Clip
from manifests.costs.money import Money
from manifests.costs.prices import Prices
from manifests.costs.sums import Sums, sums_of, sums_text

DEVICE_TIME, BILLED, ESTIMATED = "device time", "billed", "estimated"


class ClipCost(NamedTuple):
    """What clips have cost.

    Attributes:
        sums: one amount for each currency; empty if nothing was generated, or if the cost of a clip is not known.
        basis: what the amounts are from: ``device time``, ``billed`` (the provider's figure) or ``estimated`` (its
            price), several with ``and`` between them.
        providers: the providers, in alphabetical order.
    """

    sums: Sums = ()
    basis: str = ""
    providers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """``0.60 USD (estimated)``; empty if nothing was generated, or if the cost is not known."""
        is_exact = DEVICE_TIME not in self.basis
        is_estimate = self.basis == ESTIMATED and any(amount.micros for amount in self.sums)
        return sums_text(self.sums, short=not is_exact) + (" (estimated)" if is_estimate else "")


NO_COST = ClipCost()


def seconds_of(rows: Iterable[VariantRow], campaign_id: str) -> float | None:
    """Return the device time of generated clips; None if none was generated.

    Clips that another campaign has made cost nothing.
    """
    seconds = [row.clip.seconds_for(campaign_id) for row in rows if row.clip]
    return sum(seconds) if seconds else None


def cost_of(rows: Iterable[VariantRow], campaign_id: str, prices: Prices) -> ClipCost:
    """Return the cost of generated clips: at the provider if one has made them, and of device time otherwise.

    Clips that another campaign has made cost nothing.
    """
    clips = [(row.variant.card, row.clip) for row in rows if row.clip]
    providers = tuple(sorted({clip.provider for _, clip in clips if clip.provider}))
    costs = [_cost(clip, card, campaign_id, prices) for card, clip in clips]
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs):
        return ClipCost(providers=providers)
    bases = dict.fromkeys(sorted(_basis(clip) for _, clip in clips))
    return ClipCost(sums_of(known), " and ".join(bases), providers)


def _cost(clip: Clip, card: str, campaign_id: str, prices: Prices) -> Money | None:
    if not clip.provider:
        cost = prices.cost(clip.seconds_for(campaign_id), clip.device_kind, card)
        return None if cost is None else prices.money(round(cost, 4))
    if clip.cost_micros is None:
        return None
    return Money(clip.cost_micros if clip.campaign_id in ("", campaign_id) else 0, clip.currency)


def _basis(clip: Clip) -> str:
    return DEVICE_TIME if not clip.provider else ESTIMATED if clip.cost_is_estimate else BILLED
