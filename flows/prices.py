"""The prices of device hours that the settings and the model cards state, and the budget of a run."""

import json
from collections.abc import Mapping

from flows.settings import Settings
from manifests.costs.money import Money
from manifests.costs.prices import Prices
from manifests.errors import OverBudgetError, SettingsError
from manifests.pluralize import count_of
from models.card import GeneratorCard
from models.registry import device_kind, find_devices
from tasks.plan.brief_prices import BriefPrice
from tasks.plan.plan import Plan


def prices_of(settings: Settings, cards: Mapping[str, GeneratorCard]) -> Prices:
    """Return the prices: those of the settings by device, then those of the cards, then that of any other device."""
    rates = {name: card.rates[0].money_an_hour for name, card in cards.items() if card.rates}
    by_card = {name: price for name, price in rates.items() if price > 0}
    return Prices(settings.device_prices, by_card, settings.stock_price_h or None, settings.currency)


FEWER = "Generate fewer clips with --sample, or raise"
RAISE = "Raise"
WITHOUT = "start without a budget (--budget '')"


def check_budget(budget: Money | None, plan: Plan, advice: str = RAISE) -> None:
    """Check that a run can keep its budget, and that the price of its clips is not over it.

    If a device time is not known, because no clip was generated with a model yet, the run is not refused; it stops
    when the budget is spent.

    Args:
        advice: FEWER before a campaign is registered; later, --sample would change nothing.

    Raises:
        SettingsError: the budget cannot be kept: a price is missing, or is in another currency.
        OverBudgetError: the price is over the budget.
    """
    if budget is None or not plan.to_make:
        return
    _check_devices(budget, plan)
    _check_providers(budget, plan)
    [price] = [total for total in plan.totals if total.currency == budget.currency] or [budget._replace(micros=0)]
    if price.micros > budget.micros:
        about = "at most " if plan.is_at_most else "about " if any(map(_is_local, plan.prices)) else ""
        raise OverBudgetError(
            f"{count_of(plan.to_make, 'clip')} would cost {about}{price.short}, which is over the budget of {budget}. "
            f"{advice} the budget with --budget or REELMILL_BUDGET."
        )


def fallback_note(budget: Money | None, plan: Plan) -> str:
    """Return a warning if fallbacks may cost more than the budget; otherwise, or if it is not known, an empty text."""
    if budget is None:
        return ""
    most = next((each for each in plan.with_fallbacks or () if each.currency == budget.currency), None)
    if most is None or most.micros <= budget.micros:
        return ""
    return (
        f"If fallback models are used, these clips cost up to {most.short}, which is over the budget of {budget}. The "
        "run then stops when the budget is spent, and the remaining clips are not generated."
    )


def _check_devices(budget: Money, plan: Plan) -> None:
    """Check that device time can be counted: clips of hosted models are also scored on local devices."""
    prices = plan.costs.prices
    if not prices.are_known and any(map(_is_local, plan.prices)):
        example = json.dumps({device_kind(find_devices()[0]): 0.5})
        currency = "" if prices.currency == budget.currency else f", and REELMILL_CURRENCY to {budget.currency}"
        raise SettingsError(
            f"The budget of {budget} needs the price of device time. Set REELMILL_DEVICE_PRICES to the price of an "
            f"hour of each device, such as '{example}' on this machine{currency}, or use --budget-hours."
        )
    if prices.are_known and not prices.currency:
        raise SettingsError(
            f"The prices of device hours have no currency, so the budget of {budget} cannot be compared with them. Set "
            f"REELMILL_CURRENCY to their currency, such as {budget.currency}."
        )
    if prices.are_known and prices.currency != budget.currency:
        raise SettingsError(_other_currency("Device time", prices.currency, budget, plan))


def _check_providers(budget: Money, plan: Plan) -> None:
    """Check that the price of every provider job is known, and in the currency of the budget."""
    for line in plan.prices:
        if not line.provider:
            continue
        if line.total is None:
            raise SettingsError(
                f"The price of {line.card} is not known, so the budget of {budget} cannot be checked. Add `prices` to "
                f"the card, use another model, or {WITHOUT}."
            )
        if line.total.micros and line.total.currency != budget.currency:
            raise SettingsError(_other_currency(line.card, line.total.currency, budget, plan))
    for name, price in plan.fallback_prices.items():
        if price is None or (price.micros and price.currency != budget.currency):
            what = "is not known" if price is None else f"is in {price.currency}"
            raise SettingsError(
                f"The price of the fallback {name} {what}, so the budget of {budget} cannot be kept if it is used. "
                f"Remove it from the column 'fallback', use another model there, or {WITHOUT}."
            )


def _other_currency(what: str, currency: str, budget: Money, plan: Plan) -> str:
    """Return how to get one currency: providers decide theirs, but the prices of device hours are ours to set."""
    billed = sorted({line.total.currency for line in plan.prices if line.provider and line.total and line.total.micros})
    head = f"{what} costs {currency}, but the budget is {budget}, and amounts are not converted."
    if len(billed) > 1:
        return f"{head} Split the sheet by model, so that each campaign has one currency, or {WITHOUT}."
    if billed and plan.costs.prices.are_known and plan.costs.prices.currency != billed[0]:
        return f"{head} Set REELMILL_DEVICE_PRICES, REELMILL_CURRENCY and the budget in {billed[0]}."
    return f"{head} Enter it in {currency} with --budget or REELMILL_BUDGET."


def _is_local(line: BriefPrice) -> bool:
    return not line.provider
