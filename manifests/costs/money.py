"""Amounts of money as whole micro-units of a currency, so that sums are exact."""

import re
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, Self

MICROS = 1_000_000
"""Micro-units of one unit of a currency."""
MOST_UNITS = 10**12
"""Larger amounts are refused as mistyped."""
_TEXT = re.compile(r"\s*(?P<before>[A-Za-z]{3})?\s*(?P<amount>\d+(?:\.\d{1,6})?)\s*(?P<after>[A-Za-z]{3})?\s*")


class Money(NamedTuple):
    """An amount of one currency.

    Attributes:
        micros: millionths of the currency's unit.
        currency: ISO 4217 code such as ``USD``.
    """

    micros: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | str | int, currency: str) -> Self:
        """Return an amount given in units of the currency; fractions of a micro-unit are rounded up."""
        micros = (Decimal(amount) * MICROS).to_integral_value(rounding="ROUND_CEILING")
        return cls(int(micros), currency.upper())

    @classmethod
    def parse(cls, text: str, default_currency: str = "") -> Self:
        """Return the amount in a text such as ``50 USD``, ``USD 50`` or, with a default currency, ``50``.

        Raises:
            ValueError: not an amount above 0, or no currency; the message continues after the quoted text.
        """
        found = _TEXT.fullmatch(text)
        try:
            amount = Decimal(found["amount"]) if found else Decimal(0)
        except InvalidOperation:
            amount = Decimal(0)
        if not found or not 0 < amount <= MOST_UNITS or (found["before"] and found["after"]):
            raise ValueError("is not an amount of money. Enter a number and a currency, for example 50 USD.")
        currency = found["before"] or found["after"] or default_currency
        if not currency:
            raise ValueError(f"has no currency. Enter it after the amount, for example {found['amount']} USD.")
        return cls.of(amount, currency)

    @property
    def amount(self) -> Decimal:
        """The amount in units of the currency."""
        return Decimal(self.micros) / MICROS

    def __str__(self) -> str:
        """Return ``0.30 USD``: two decimals, or as many as the amount has."""
        decimals = max(2, len(str(abs(self.micros) % MICROS + MICROS)[1:].rstrip("0")))
        return f"{self.amount:,.{decimals}f} {self.currency}".rstrip()

    def divided(self, number: int) -> Self:
        """Return the share of each of ``number`` equal parts, rounded to a micro-unit."""
        micros = (Decimal(self.micros) / number).to_integral_value(rounding="ROUND_HALF_UP")
        return self._replace(micros=int(micros))

    @property
    def short(self) -> Self:
        """The amount with two decimals, or with four if it is below 1, because a clip may cost less than a cent."""
        step = MICROS // 100 if not 0 < abs(self.micros) < MICROS else MICROS // 10_000
        rounded = (Decimal(self.micros) / step).to_integral_value(rounding="ROUND_HALF_EVEN")
        return self._replace(micros=int(rounded) * step)
