"""Prices for estimates: what an hour of a model costs on the devices that it uses."""

from collections.abc import Sequence
from dataclasses import dataclass

from manifests.costs.device_use import UseTotal
from manifests.costs.prices import HOUR_S, NO_PRICES, Prices


@dataclass(frozen=True, slots=True)
class Costs:
    """What decides the price of a model's device hours.

    Attributes:
        used: device use so far, which shows on which devices a model works.
    """

    prices: Prices = NO_PRICES
    used: Sequence[UseTotal] = ()

    def hour(self, card: str, machine: str = "") -> float | None:
        """Return the price of an hour of a card, on the devices that it has used, or else on those of other cards.

        Before anything was used, it is the price of the card's own machine, or the only price that is known.
        """
        own = [use for use in self.used if use.card == card and use.seconds > 0]
        used = [use._replace(card=card) for use in own or self.used if use.seconds > 0]
        if seconds := sum(use.seconds for use in used):
            total = self.prices.total(used)
            return None if total is None else total / seconds * HOUR_S
        known = self.prices.hour(machine, card)
        only = list(self.prices.by_device.values())
        return known if known is not None or len(only) != 1 else only[0]


NO_COSTS = Costs()
