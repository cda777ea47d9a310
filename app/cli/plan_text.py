"""What `reelmill plan` prints: counts, time, and prices by brief and model."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from app.cli.output import say, seconds_text, states_text
from app.cli.table import show_table
from manifests.costs.money import Money
from manifests.costs.sums import sums_json, sums_text
from manifests.pluralize import count_of
from tasks.intake.intake import Intake
from tasks.plan.brief_prices import BriefPrice, totals_of
from tasks.plan.plan import Estimate, Plan

SHOWN_BRIEFS = 40


def plan_json(preview: Plan) -> dict[str, Any]:
    """Return the plan for programs. Amounts of money are whole micro-units, except the cost of device time."""
    plain = asdict(preview)
    del plain["costs"]
    return {
        **plain,
        "device_seconds": preview.device_seconds,
        "money": preview.money,
        "currency": preview.costs.prices.currency,
        "prices": [line.as_json() for line in preview.prices],
        "totals": sums_json(preview.totals),
        "unpriced": preview.unpriced,
        "is_at_most": preview.is_at_most,
    }


def plan_sentence(preview: Plan, command: str) -> str:
    """Return what a run would generate, how long it would take, what it costs, and how to start it."""
    counts = f"{count_of(preview.to_make, 'clip')} to generate, {preview.generated:,} already generated."
    if not preview.to_make:
        return counts
    start = f"Start with `{command}`." if command else ""
    return " ".join(filter(None, [counts, _device_sentence(preview), _provider_sentence(preview), start]))


def _device_sentence(preview: Plan) -> str:
    if all(estimate.provider for estimate in preview.estimates.values()):
        return ""
    seconds = preview.device_seconds
    price = f", cost {preview.costs.prices.text(preview.money)}" if preview.money is not None else ""
    return f"Estimated device time: {'unknown' if seconds is None else f'{seconds_text(seconds)}{price}'}."


def _provider_sentence(preview: Plan) -> str:
    """Return what providers bill; empty if no provider is used."""
    lines = [line for line in preview.prices if line.provider]
    if not lines:
        return ""
    known = _totals_text([line for line in lines if line.total is not None])
    unknown = [name for name in preview.unpriced if preview.estimates[name].provider]
    missing = f"the price of {', '.join(unknown)} is not known" if unknown else ""
    return f"Price of the provider jobs: {', but '.join(filter(None, [known, missing]))}."


def _totals_text(lines: list[BriefPrice]) -> str:
    """Return ``at most 12.40 USD and 3.00 EUR``; empty if there are no lines."""
    text = sums_text(totals_of(lines))
    return f"at most {text}" if text and any(line.is_at_most for line in lines) else text


def show_plan_details(intake: Intake, preview: Plan) -> None:
    """Print the tables of a plan: variants by brief, prices by brief and model, and the time of each model."""
    briefs = list(preview.by_brief.items())
    say()
    show_table(["brief", "variants"], briefs[:SHOWN_BRIEFS])
    if len(briefs) > SHOWN_BRIEFS:
        say(f"and {count_of(len(briefs) - SHOWN_BRIEFS, 'more brief')}")
    _show_prices(preview)
    say(
        f"\nCampaign {intake.campaign.campaign_id}: {count_of(preview.asked, 'variant')} requested"
        f"{f', {preview.distinct:,} distinct' if preview.distinct < preview.asked else ''}, "
        f"{count_of(preview.shards, 'shard')} to generate."
    )
    if preview.skipped:
        say(f"Skipped: {states_text(preview.skipped)}.")
    for name, estimate in preview.estimates.items():
        say(_card_line(preview, name, estimate))


def _show_prices(preview: Plan) -> None:
    """Print the price of each brief and model, and the totals; nothing if no price is known and none is billed."""
    lines = preview.prices
    if not any(line.provider or line.total is not None for line in lines):
        return
    say()
    show_table(
        ["brief", "model", "clips", "price each", "total"],
        [(line.brief_id, line.card, line.clips, _each(line), _total(line)) for line in lines[:SHOWN_BRIEFS]],
    )
    if len(lines) > SHOWN_BRIEFS:
        say(f"and {count_of(len(lines) - SHOWN_BRIEFS, 'more line')}")
    if total := sums_text(amount.short if _is_estimate(preview, amount) else amount for amount in preview.totals):
        say(f"\nTotal: {'at most ' if preview.is_at_most else ''}{total}.")
    for sentence in price_notes(preview):
        say(sentence)


def price_notes(preview: Plan) -> Iterator[str]:
    """Yield how far the prices of providers can be trusted, and which prices are missing."""
    dated: defaultdict[tuple[bool, str], list[str]] = defaultdict(list)
    for name, found in preview.estimates.items():
        if found.prices_as_of:
            dated[found.are_confirmed, found.prices_as_of].append(name)
    for (is_confirmed, day), names in sorted(dated.items()):
        yield f"{'Confirmed' if is_confirmed else 'Unconfirmed'} prices as of {day}: {', '.join(names)}."
    for name, clips in preview.unpriced.items():
        yield f"The price of {name} is not known ({count_of(clips, 'clip')}); it is not in the total."


def _is_estimate(preview: Plan, amount: Money) -> bool:
    """Return whether device time is part of an amount, so that more digits would only look exact."""
    return any(not line.provider and line.total and line.total.currency == amount.currency for line in preview.prices)


def _each(line: BriefPrice) -> str | None:
    if line.least is None or line.most is None:
        return "not known"
    least, most = (amount if line.provider else amount.short for amount in (line.least, line.most))
    return str(least) if least == most else f"{str(least).partition(' ')[0]} to {most}"


def _total(line: BriefPrice) -> str:
    if line.total is None:
        return "not known"
    return f"{'at most ' if line.is_at_most else ''}{line.total if line.provider else line.total.short}"


def _card_line(preview: Plan, name: str, estimate: Estimate) -> str:
    clips = count_of(preview.by_card[name], "clip")
    if estimate.provider:
        queue = estimate.queue_seconds
        time = "" if queue is None else f", about {seconds_text(queue)}"
        return f"{name}: {clips} at {estimate.provider}{time} ({estimate.basis})."
    seconds = estimate.device_seconds
    time = "" if seconds is None else f", {seconds_text(seconds)}"
    if estimate.money is not None and estimate.price_h is not None:
        prices = preview.costs.prices
        time += f", cost {prices.text(estimate.money)} at {prices.text(estimate.price_h)} an hour"
    return f"{name}: {clips}{time} ({estimate.basis})."
