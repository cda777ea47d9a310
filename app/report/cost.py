"""Cost of clips, from their device time and the price of a device hour."""

from collections.abc import Iterable, Mapping

from adapters.catalogue import VariantRow
from models.card import ModelCard

HOUR_S = 3600

Prices = Mapping[str, float]
"""Price of a device hour by model card, for the cards whose price is known."""


def prices_of(cards: Mapping[str, ModelCard], price_h: float) -> Prices:
    """Return the price of a device hour for each card: the card's own, or else that of the settings (0: unknown)."""
    prices = {name: (card.rates[0].money_an_hour if card.rates else 0.0) or price_h for name, card in cards.items()}
    return {name: price for name, price in prices.items() if price > 0}


def seconds_of(rows: Iterable[VariantRow]) -> float | None:
    """Return the device time of generated clips; None if none was generated."""
    seconds = [row.clip.device_seconds for row in rows if row.clip]
    return sum(seconds) if seconds else None


def cost_of(rows: Iterable[VariantRow], prices: Prices) -> float | None:
    """Return the cost of generated clips; None if none was generated, or if the price of one is unknown."""
    made = [row for row in rows if row.clip]
    if not made or any(row.variant.card not in prices for row in made):
        return None
    return sum((seconds_of([row]) or 0.0) / HOUR_S * prices[row.variant.card] for row in made)
