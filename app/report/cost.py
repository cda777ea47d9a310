"""Device time and cost of clips, runs and campaigns."""

from collections.abc import Iterable
from typing import Any

from adapters.catalogue import VariantRow
from manifests.costs.device_use import UseTotal
from manifests.costs.prices import Prices


def seconds_of(rows: Iterable[VariantRow], campaign_id: str) -> float | None:
    """Return the device time of generated clips; None if none was generated.

    Clips that another campaign has made cost nothing.
    """
    seconds = [row.clip.seconds_for(campaign_id) for row in rows if row.clip]
    return sum(seconds) if seconds else None


def cost_of(rows: Iterable[VariantRow], campaign_id: str, prices: Prices) -> float | None:
    """Return the cost of generated clips; None if none was generated, or if the price of one is unknown."""
    costs = [
        prices.cost(row.clip.seconds_for(campaign_id), row.clip.device_kind, row.variant.card)
        for row in rows
        if row.clip
    ]
    return None if not costs or None in costs else sum(cost for cost in costs if cost is not None)


def cost_text(uses: Iterable[UseTotal], prices: Prices) -> str:
    """Return ``12.34 EUR``; empty if the price of a device is not known."""
    cost = prices.total(uses)
    return "" if cost is None else prices.text(cost)


def cost_json(uses: Iterable[UseTotal], prices: Prices) -> dict[str, Any]:
    """Return the device time and its cost; the cost is None if the price of a device is not known."""
    uses = list(uses)
    return {
        "device_seconds": sum(use.seconds for use in uses),
        "cost": prices.total(uses),
        "currency": prices.currency,
    }
