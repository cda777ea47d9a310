"""What a night may use of the devices."""

from dataclasses import dataclass
from math import isfinite

from manifests.errors import SettingsError

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Device time, and what it costs.

    Attributes:
        device_s: device seconds; None for no limit.
        price_h: money for a device hour, in whatever currency it is given; None where nobody said.
    """

    device_s: float | None = None
    price_h: float | None = None

    def money(self, device_s: float) -> float | None:
        """Return what device time costs; None where there is no price."""
        return None if self.price_h is None else device_s / HOUR_S * self.price_h

    def after(self, spent_s: float) -> float | None:
        """Return the device seconds that are left once some are spent; None for no limit."""
        return None if self.device_s is None else max(0.0, self.device_s - spent_s)


def budget_of(hours: float = 0.0, money: float | None = None, price_h: float | None = None) -> Budget:
    """Return the budget that is used up first.

    Args:
        hours: device hours; 0 for no limit.
        money: what may be spent; 0 or None for no limit.
        price_h: money for a device hour.

    Raises:
        SettingsError: a number below zero, or money without a price.
    """
    for name, value in (("hours", hours), ("money", money or 0.0), ("price of a device hour", price_h or 0.0)):
        if not isfinite(value) or value < 0:
            raise SettingsError(f"The budget's {name} is {value:g}; give a number that is not below zero.")
    if money and not price_h:
        raise SettingsError(
            "A budget in money needs a price: add --price-hour (price_h of the flow), what a device "
            "hour costs, or give the budget in device hours."
        )
    limits = [hours * HOUR_S] if hours else []
    if money and price_h:
        limits.append(money / price_h * HOUR_S)
    return Budget(min(limits, default=None), price_h)
