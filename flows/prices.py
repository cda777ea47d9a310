"""The prices of device hours that the settings and the model cards state, and the budget of a run."""

from collections.abc import Mapping

from flows.settings import Settings
from manifests.costs.prices import Prices
from manifests.errors import OverBudgetError, SettingsError
from manifests.pluralize import count_of
from models.card import GeneratorCard


def prices_of(settings: Settings, cards: Mapping[str, GeneratorCard]) -> Prices:
    """Return the prices: those of the settings by device, then those of the cards, then that of any other device."""
    rates = {name: card.rates[0].money_an_hour for name, card in cards.items() if card.rates}
    by_card = {name: price for name, price in rates.items() if price > 0}
    return Prices(settings.device_prices, by_card, settings.stock_price_h or None, settings.currency)


FEWER = "Generate fewer clips with --sample, or raise"
RAISE = "Raise"


def check_budget(settings: Settings, prices: Prices, clips: int, estimate: float | None, advice: str = RAISE) -> None:
    """Check that the estimated cost of clips is not over the budget of a run.

    If the estimate is not known, because no clip was generated with a model yet, the run is not refused; it
    stops when the budget is spent.

    Args:
        clips: number of clips that the estimate is for.
        estimate: None if it is not known.
        advice: FEWER before a campaign is registered; later, --sample would change nothing.

    Raises:
        SettingsError: there is a budget, but no price.
        OverBudgetError: the estimate is over the budget.
    """
    budget = settings.budget_money
    if not budget or not clips:
        return
    if not prices.are_known:
        raise SettingsError(
            f"The budget of {prices.text(budget)} needs prices. Set REELMILL_DEVICE_PRICES to the price of an hour "
            "for each device, such as '{\"H200\": 3.5}', or use --budget-hours."
        )
    if estimate is not None and estimate > budget:
        raise OverBudgetError(
            f"{count_of(clips, 'clip')} would cost about {prices.text(estimate)}, which is over the budget of "
            f"{prices.text(budget)}. {advice} the budget with --budget-money or REELMILL_BUDGET_MONEY."
        )
