"""The device budget of a nightly run.

The catalogue's runs enforce it: ``adapters/catalogue/work/runs.py`` grants no turn to a run that has spent its budget.
"""

from dataclasses import dataclass
from math import isfinite

from manifests.errors import SettingsError

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Device time and its price.

    Attributes:
        device_s: device seconds; None for no limit.
        price_h: price of a device hour, in any currency; None if it is not known.
    """

    device_s: float | None = None
    price_h: float | None = None

    def money(self, device_s: float) -> float | None:
        """Return the cost of device time; None without a price."""
        return None if self.price_h is None else device_s / HOUR_S * self.price_h

    def after(self, spent_s: float) -> float | None:
        """Return the device seconds that are left after some are spent; None for no limit."""
        return None if self.device_s is None else max(0.0, self.device_s - spent_s)


def budget_of(hours: float = 0.0, money: float | None = None, price_h: float | None = None) -> Budget:
    """Return the budget for the limit that is reached first.

    Args:
        hours: device hours; 0 for no limit.
        money: amount that may be spent; 0 or None for no limit.
        price_h: price of a device hour.

    Raises:
        SettingsError: a negative number, or money without a price.
    """
    for name, value in (("hours", hours), ("money", money or 0.0), ("price of a device hour", price_h or 0.0)):
        if not isfinite(value) or value < 0:
            raise SettingsError(f"Invalid budget: {name} = {value:g}. Use 0 or a positive number.")
    if money and not price_h:
        raise SettingsError(
            "A budget in money requires the price of a device hour. Set --price-hour (price_h in the flow), or give "
            "the budget in device hours."
        )
    limits = [hours * HOUR_S] if hours else []
    if money and price_h:
        limits.append(money / price_h * HOUR_S)
    return Budget(min(limits, default=None), price_h)
