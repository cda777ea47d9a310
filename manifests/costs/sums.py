"""Sums of money: one amount for each currency, because amounts of different currencies are never added."""

from collections import Counter
from collections.abc import Iterable

from manifests.costs.money import Money

Sums = tuple[Money, ...]
"""One amount for each currency, ordered by currency."""


def sums_of(amounts: Iterable[Money]) -> Sums:
    """Return the exact sum for each currency that occurs, in the order of the currencies."""
    micros: Counter[str] = Counter()
    for amount in amounts:
        micros[amount.currency] += amount.micros
    return tuple(Money(micros[currency], currency) for currency in sorted(micros))


def sums_text(sums: Iterable[Money], *, short: bool = False) -> str:
    """Return ``3.00 EUR and 12.40 USD``; empty for no amounts.

    Amounts of 0 are left out beside others.

    Args:
        short: whether to round as ``Money.short`` does, for amounts that are not on any bill.
    """
    amounts = list(sums)
    shown = [amount for amount in amounts if amount.micros] or amounts[:1]
    return " and ".join(str(amount.short if short else amount) for amount in shown)


def sums_json(sums: Iterable[Money]) -> list[dict[str, int | str]]:
    """Return ``[{"micros": 12400000, "currency": "USD"}]``."""
    return [amount._asdict() for amount in sums]
