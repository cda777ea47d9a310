"""The output of `reelmill plan`: counts, time, and prices by brief and model."""

from dataclasses import asdict
from typing import Any

from app.cli.output import say, seconds_text, states_text
from app.cli.table import show_table
from app.report.plan_prices import price_notes, shown_prices, total_text
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
    if all(line.is_free for line in lines):
        return "The provider jobs are free."
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
    if not (lines := shown_prices(preview)):
        return
    say()
    has_fallbacks = any(line.fallbacks for line in lines)
    show_table(
        ["brief", "model", "clips", "price each", "total", *(["fallback", "with fallback"] if has_fallbacks else [])],
        [
            (
                *(line.brief_id, line.card, line.clips, line.each_text, line.total_text),
                *([", ".join(line.fallbacks), line.with_fallbacks_text] if has_fallbacks else []),
            )
            for line in lines
        ],
    )
    if more := len(preview.prices) - len(lines):
        say(f"and {count_of(more, 'more line')}; list them all with --json")
    if total := total_text(preview):
        say(f"\nTotal: {total}.")
    for sentence in price_notes(preview):
        say(sentence)


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
