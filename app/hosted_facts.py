"""Facts of hosted models' cards as text, for `reelmill models` and docs/providers.md."""

from collections.abc import Iterator
from decimal import Decimal

from models.hosted_card import HostedCard, PriceTable

AUDIO = {"none": "without sound", "switch": "with or without sound", "always": "with sound"}
RECONCILE = {
    "external_id": "is found by Reelmill's own reference",
    "list": "is found in the provider's list of jobs",
    "list_by_time": "is looked up in the list by its time; a person decides unless the list shows its prompt",
    "place": "is found by its file, which has a path that Reelmill chose",
    "none": "cannot be found at the provider, so a person decides",
    "free": "is submitted again, because it costs nothing",
}
"""How an uncertain job is settled."""
HOUR_S, DAY_S = 3600.0, 86_400.0


def short_price(card: HostedCard) -> str:
    """Return ``0.12 USD/s``, ``0.08–0.15 USD/s`` or ``0.30 USD/clip``; ``price_lines`` has all prices."""
    if not card.costs_money:
        return "free"
    for amounts, unit in _of_sizes(card):
        low, high = min(amounts), max(amounts)
        currency = card.prices.currency if card.prices else ""
        return f"{_amount(low)}{'' if low == high else f'–{_amount(high)}'} {currency}/{unit}"
    return "not known"


def price_lines(card: HostedCard) -> list[str]:
    """Return all prices, with their date and source."""
    if not card.costs_money:
        return ["A job costs nothing."]
    if card.prices is None or not (card.prices.per_second or card.prices.per_clip):
        return ["Not known. See the provider's price list."]
    return [*_amounts(card.prices), _origin(card.prices)]


def output_text(card: HostedCard) -> str:
    """Return ``5 or 10 s at 24 fps; 16:9 1280x720, 1:1 960x960``."""
    return f"{card.durations_text} s at {card.fps} fps; {sizes_text(card)}"


def sizes_text(card: HostedCard) -> str:
    """Return ``16:9 1280x720, 1:1 960x960``."""
    return ", ".join(f"{ratio} {size.width}x{size.height}" for ratio, size in card.sizes.items())


def seed_text(card: HostedCard) -> str:
    """Return whether the provider uses seeds."""
    return "used" if card.takes_seed else "not used: it is only the number of the take"


def limits_text(card: HostedCard) -> str:
    """Return what the account allows: ``2 jobs at a time, 10 a minute``."""
    limits = card.limits_of_account
    more = [
        f"{number} {when}"
        for number, when in ((limits.per_minute, "a minute"), (limits.per_day, "a day"))
        if number is not None
    ]
    return ", ".join([f"{limits.concurrency} {'job' if limits.concurrency == 1 else 'jobs'} at a time", *more])


def retention_text(card: HostedCard) -> str:
    """Return how long the provider keeps a file: ``24 hours``, ``7 days`` or ``not known``."""
    return "not known" if card.retention_s is None else time_text(card.retention_s)


def retirement_text(card: HostedCard) -> str:
    """Return when the model was, will be or may be retired; empty if nothing is known."""
    if card.retired:
        return card.retired
    if card.retires:
        return f"offered until {card.retires}"
    return f"may be retired on or after {card.may_retire}" if card.may_retire else ""


def time_text(seconds: float) -> str:
    """Return ``90 s``, ``15 minutes``, ``24 hours`` or ``30 days``."""
    for unit, size, least in (("days", DAY_S, 2 * DAY_S), ("hours", HOUR_S, 2 * HOUR_S), ("minutes", 60.0, 120.0)):
        if seconds >= least:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:g} s"


def _of_sizes(card: HostedCard) -> Iterator[tuple[list[Decimal], str]]:
    """Yield the prices of the card's resolutions with their unit: a second or a clip."""
    resolutions = {size.resolution for size in card.sizes.values()}
    if card.prices is None:
        return
    a_second = [amount for name, amount in card.prices.per_second.items() if name in resolutions or name == "any"]
    a_clip = [amount for name, amount in card.prices.per_clip.items() if name.partition("/")[0] in resolutions]
    yield from ((amounts, unit) for amounts, unit in ((a_second, "s"), (a_clip, "clip")) if amounts)


def _amounts(prices: PriceTable) -> Iterator[str]:
    for resolution, amount in prices.per_second.items():
        yield f"{_at(resolution)}{_amount(amount)} {prices.currency} a second"
    for what, amount in prices.per_clip.items():
        resolution, _, seconds = what.partition("/")
        yield f"{_at(resolution)}{_amount(amount)} {prices.currency} for {seconds} s"
    if prices.least is not None:
        yield f"at least {_amount(prices.least)} {prices.currency} for a clip"


def _origin(prices: PriceTable) -> str:
    state = "confirmed by a bill" if prices.confirmed else "not confirmed by a bill"
    return f"As of {prices.as_of}, {state}; source: {prices.source.rstrip('.')}"


def _at(resolution: str) -> str:
    return "" if resolution in ("", "any") else f"{resolution}: "


def _amount(amount: Decimal) -> str:
    """Return an amount with at least two decimals, and no zeros at the end of longer ones."""
    text = f"{amount:f}".rstrip("0") if "." in f"{amount:f}" else f"{amount:f}."
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}"
