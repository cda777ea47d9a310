"""Prices of device hours, and the cost of device use."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Self

from manifests.costs.device_use import UseTotal
from manifests.costs.money import MICROS, Money

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a device hour, all in one currency.

    Attributes:
        by_device: by name of the device, or by whole words of it: ``A100`` is a price for ``NVIDIA A100-SXM4-80GB``.
        by_card: estimates of model cards, for devices without a price.
        other: price of all other devices; None if it is not known.
        currency: such as ``EUR``; empty if it is not set.
    """

    by_device: Mapping[str, float] = field(default_factory=dict)
    by_card: Mapping[str, float] = field(default_factory=dict)
    other: float | None = None
    currency: str = ""

    @property
    def are_known(self) -> bool:
        """Whether there is any price."""
        return bool(self.by_device or self.by_card) or self.other is not None

    def hour(self, device_kind: str, card: str = "") -> float | None:
        """Return the price of an hour of a device with a model card; None if it is not known.

        Of several names that match the device, the longest counts.
        """
        words = _words(device_kind)
        matching = [name for name in self.by_device if _contains(words, _words(name))]
        if matching:
            return self.by_device[max(matching, key=len)]
        return self.by_card.get(card, self.other)

    def cost(self, seconds: float, device_kind: str, card: str = "") -> float | None:
        """Return the cost of device seconds; None if the price is not known."""
        price = self.hour(device_kind, card)
        return None if price is None else seconds / HOUR_S * price

    def total(self, uses: Iterable[UseTotal]) -> float | None:
        """Return the cost of device use; None if the price of a device is not known."""
        costs = [self.cost(use.seconds, use.device_kind, use.card) for use in uses if use.seconds > 0]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    def at_most(self, uses: Iterable[UseTotal]) -> float:
        """Return the cost of device use; devices without a price cost as much as the most expensive one.

        A budget must not be exceeded because the price of a device is missing.
        """
        highest = max((*self.by_device.values(), *self.by_card.values(), self.other or 0.0), default=0.0)
        prices = ((use.seconds, self.hour(use.device_kind, use.card)) for use in uses)
        return sum(seconds / HOUR_S * (highest if price is None else price) for seconds, price in prices)

    def text(self, money: float) -> str:
        """Return ``12.34 EUR``; amounts below 1 have up to four decimals, because a clip may cost less than a cent."""
        return str(self.money(money).short)

    def money(self, amount: float) -> Money:
        """Return a cost in whole micro-units, so that it can be added to others."""
        return Money(round(amount * MICROS), self.currency)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` returned; prices that are not finite numbers are left out."""
        other = _numbers({"": body.get("other")}).get("")
        return cls(_numbers(body.get("by_device")), _numbers(body.get("by_card")), other, str(body.get("currency", "")))


NO_PRICES = Prices()


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.casefold())


def _contains(words: list[str], wanted: list[str]) -> bool:
    """Return whether the wanted words occur in this order, one after another."""
    starts = range(len(words) - len(wanted) + 1) if wanted else ()
    return any(words[start : start + len(wanted)] == wanted for start in starts)


def _numbers(found: Any) -> dict[str, float]:
    items = found.items() if isinstance(found, Mapping) else ()
    return {str(name): float(price) for name, price in items if _is_price(price)}


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0
