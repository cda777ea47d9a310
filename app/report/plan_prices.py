"""The prices of a plan as texts, for the command line and the upload page."""

from collections import defaultdict
from collections.abc import Iterator

from manifests.costs.money import Money
from manifests.costs.sums import sums_text
from manifests.pluralize import count_of
from tasks.plan.brief_prices import FREE, BriefPrice
from tasks.plan.plan import Plan

SHOWN_LINES = 40


def shown_prices(plan: Plan) -> tuple[BriefPrice, ...]:
    """Return the first lines; none if no price is known and no provider is used."""
    is_priced = any(line.provider or line.total is not None for line in plan.prices)
    return plan.prices[:SHOWN_LINES] if is_priced else ()


def total_text(plan: Plan) -> str:
    """Return ``at most 3.00 EUR and 12.40 USD`` or ``free``; empty if no price is known."""
    total = sums_text(amount.short if _is_estimate(plan, amount) else amount for amount in plan.totals)
    if plan.prices and all(line.is_free for line in plan.prices):
        return FREE
    return f"at most {total}" if total and plan.is_at_most else total


def price_notes(plan: Plan) -> Iterator[str]:
    """Yield the dates of the providers' prices, whether they are confirmed, and which prices are missing."""
    dated: defaultdict[tuple[bool, str], list[str]] = defaultdict(list)
    for name, found in {**plan.estimates, **plan.fallback_estimates}.items():
        if found.prices_as_of:
            dated[found.are_confirmed, found.prices_as_of].append(name)
    for (is_confirmed, day), names in sorted(dated.items()):
        yield f"{'Confirmed' if is_confirmed else 'Unconfirmed'} prices as of {day}: {', '.join(names)}."
    for name, clips in plan.unpriced.items():
        yield f"The price of {name} is not known ({count_of(clips, 'clip')}); it is not in the total."
    yield from _fallback_notes(plan)


def _fallback_notes(plan: Plan) -> Iterator[str]:
    """Yield what all clips cost if fallbacks are used; nothing without fallbacks."""
    if not any(line.fallbacks for line in plan.prices):
        return
    if plan.with_fallbacks is None:
        yield "If fallback models are used, the total is not known."
        return
    most = sums_text(amount.short if _is_estimate(plan, amount) else amount for amount in plan.with_fallbacks)
    yield f"If fallback models are used, the total is at most {most}."


def _is_estimate(plan: Plan, amount: Money) -> bool:
    """Return whether device time is part of an amount, so that more digits would only look exact."""
    return any(not line.provider and line.total and line.total.currency == amount.currency for line in plan.prices)
