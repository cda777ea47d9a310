"""Commands that plan, run and follow campaigns."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.bounds import bounds_of
from app.cli.commands.review import actor_name
from app.cli.commands.sheets import tell_warnings
from app.cli.commands.steering import standing_json, standing_line
from app.cli.completion import close_campaign, finish_campaign, show_report
from app.cli.options import (
    AsJson,
    BucketOption,
    BudgetHours,
    CampaignName,
    Endpoint,
    GoodRows,
    MaxVariants,
    Model,
    Priority,
    Sample,
    Sheet,
    Until,
)
from app.cli.output import say, say_json, seconds_text, show_table, states_text, warn
from app.cli.run_outcome import outcome_of
from app.report.report import report_of
from app.session import Session
from flows.registration import read_sheet, register
from manifests.errors import ReelmillError
from manifests.pluralize import count_of, counted, one_or_more
from models.registry import get_card, weights_problem
from tasks.intake.intake import Intake
from tasks.plan.expand import LARGEST_SHEET, check_cap, expand, sample
from tasks.plan.licence import clearances_of, doubts, waiting_sentences
from tasks.plan.plan import Plan, make_plan
from tasks.plan.remaining import UNFINISHED
from tasks.plan.shard import GOOD_STATES
from tasks.review.retry_failed import Retried, retry_failed
from tasks.runtime.steering import let_campaign_go_on

SHOWN_BRIEFS = 40
TO_PUBLISH = ("passed", "approved", "signing")


def plan(
    sheet: Sheet,
    model: Model = None,
    max_variants: MaxVariants = None,
    sample_size: Sample = None,
    accept_good_rows: GoodRows = False,
    as_json: AsJson = False,
) -> None:
    """Show what a run would make, skip, take and cost; runs nothing."""
    session = Session.open(model=model, max_variants=max_variants)
    intake = _intake(session, sheet, accept_good_rows, quiet=as_json)
    check_cap(intake.checked.briefs, LARGEST_SHEET)
    planned = expand(intake.checked.briefs, session.cards, session.settings.model, session.settings.profile)
    preview = make_plan(
        planned if sample_size is None else sample(planned, sample_size),
        session.catalogue.states,
        session.cards,
        session.catalogue.device_rates(),
        session.settings.shard_size,
        _satisfied(session, intake),
    )
    if as_json:
        waiting = list(waiting_sentences(preview.by_card, clearances_of(session.resources)))
        say_json({"campaign_id": intake.campaign.campaign_id, **_plan_json(preview), "waiting": waiting})
    else:
        _show_plan(session, intake, preview)
    check_cap(intake.checked.briefs, session.settings.max_variants, sample_size)


def run(
    sheet: Sheet,
    model: Model = None,
    bucket: BucketOption = None,
    endpoint: Endpoint = None,
    max_variants: MaxVariants = None,
    sample_size: Sample = None,
    accept_good_rows: GoodRows = False,
    review: Annotated[str | None, typer.Option("--review", help="auto, or required: wait for a person.")] = None,
    priority: Priority = None,
    until: Until = None,
    budget_hours: BudgetHours = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for contact sheet and results.")] = None,
    as_json: AsJson = False,
) -> None:
    """Generate, score, sign and publish a sheet's clips; run again, it goes on where it stopped."""
    overrides = {
        "model": model,
        "bucket": bucket,
        "bucket_endpoint": endpoint,
        "max_variants": max_variants,
        "review": review,
    }
    session = Session.open(**overrides)
    bounds = bounds_of(until, budget_hours, session.settings.timezone)
    intake = _intake(session, sheet, accept_good_rows, quiet=as_json)
    campaign_id = register(session.settings, session.resources, intake, sample_size)
    if priority is not None:
        session.catalogue.set_priority(campaign_id, priority, actor_name())
    if not as_json:
        _tell_licences(session, campaign_id)
    outcome = finish_campaign(session, campaign_id, as_json, overrides, bounds)
    close_campaign(session, campaign_id, intake, out, as_json, outcome)


def status(
    campaign: Annotated[str | None, typer.Argument(help="Id of a campaign, its beginning, or its name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show where all campaigns stand, or one in detail."""
    session = Session.open()
    catalogue = session.catalogue
    if campaign:
        head = catalogue.campaign(campaign)
        report = report_of(catalogue, head.campaign_id, clearances_of(session.resources))
        if as_json:
            say_json({**report.as_json(), **standing_json(head)})
        else:
            show_report(report)
            say(standing_line(head))
        return
    rows = [(row, catalogue.tally(row.campaign_id)) for row in catalogue.campaigns()]
    if as_json:
        say_json(
            [
                {"campaign_id": row.campaign_id, "name": row.name, "states": states, **standing_json(row)}
                for row, states in rows
            ]
        )
    elif rows:
        show_table(
            "",
            ["campaign", "standing", "priority", "variants", "states"],
            [
                (row.campaign_id, row.standing, row.priority, sum(states.values()), states_text(states))
                for row, states in rows
            ],
        )
    else:
        say("No campaign has run yet; reelmill run SHEET starts one.")


def retry(
    campaign: CampaignName,
    failed: Annotated[bool, typer.Option("--failed", help="What failed, and nothing else.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for contact sheet and results.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try again what failed: errors with the same seed, clips that the gate refused with a new one."""
    if not failed:
        raise ReelmillError("Say what to retry: reelmill retry CAMPAIGN --failed.")
    session, campaign_id = Session.of_campaign(campaign)
    retried = retry_failed(session.catalogue, campaign_id)
    if not as_json:
        say(_retried_text(retried))
    if retried.again or retried.rerolled:
        outcome = finish_campaign(session, campaign_id, as_json, {})
    else:
        outcome = outcome_of(session.catalogue, campaign_id)
    close_campaign(session, campaign_id, None, out, as_json, outcome)


def resume(
    campaign: CampaignName,
    reopen: Annotated[bool, typer.Option("--reopen", help="Go on even though it was cancelled.")] = False,
    if_active: Annotated[bool, typer.Option("--if-active", help="Leave it alone where it is paused.")] = False,
    priority: Priority = None,
    until: Until = None,
    budget_hours: BudgetHours = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for contact sheet and results.")] = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a campaign: make what is planned, sign and publish what is approved; a pause ends."""
    session, campaign_id = Session.of_campaign(campaign)
    bounds = bounds_of(until, budget_hours, session.settings.timezone)
    if not if_active:
        let_campaign_go_on(session.catalogue, campaign_id, actor_name(), reopen)
    if priority is not None:
        session.catalogue.set_priority(campaign_id, priority, actor_name())
    outcome = finish_campaign(session, campaign_id, as_json, {}, bounds)
    close_campaign(session, campaign_id, None, out, as_json, outcome)


def _intake(session: Session, sheet: Path, accept_good_rows: bool, quiet: bool) -> Intake:
    intake = read_sheet(session.settings, session.resources, sheet, accept_good_rows)
    if not quiet:
        tell_warnings(intake.checked.warnings)
        for problem in intake.checked.problems:
            warn(f"Left out: {problem.sentence}")
    return intake


def _satisfied(session: Session, intake: Intake) -> set[str]:
    """Return the briefs of which an earlier run has as many good clips as they want."""
    tallies = session.catalogue.tally_by_brief(intake.campaign.campaign_id)
    good = {name: sum(states.get(state, 0) for state in GOOD_STATES) for name, states in tallies.items()}
    return {
        brief.brief_id for brief in intake.checked.briefs if brief.want and good.get(brief.brief_id, 0) >= brief.want
    }


def _retried_text(retried: Retried) -> str:
    again, rerolled = retried
    return (
        f"{counted(again, 'variant{s} {are} tried again')}, "
        f"{rerolled:,} {one_or_more(rerolled, 'gets', 'get')} a new seed."
    )


def _plan_json(preview: Plan) -> dict[str, Any]:
    return {**asdict(preview), "device_seconds": preview.device_seconds, "money": preview.money}


def _tell_licences(session: Session, campaign_id: str) -> None:
    """Say before hours of device time which clips would be made and not published."""
    for doubt in doubts(session.resources):
        warn(f"Warning: {doubt}")
    rows = session.catalogue.variants(campaign_id, [*UNFINISHED, *TO_PUBLISH])
    clearances = clearances_of(session.resources)
    numbers = Counter(row.variant.card for row in rows)
    for sentence in waiting_sentences(numbers, clearances):
        warn(f"Warning: {sentence}")
    if numbers and not any(clearances[name].is_given for name in numbers if name in clearances):
        warn("Warning: no clip of this run can be published before that; they are made, judged and kept.")


def _show_plan(session: Session, intake: Intake, preview: Plan) -> None:
    briefs = list(preview.by_brief.items())
    show_table("", ["brief", "variants"], briefs[:SHOWN_BRIEFS])
    if len(briefs) > SHOWN_BRIEFS:
        say(f"and {count_of(len(briefs) - SHOWN_BRIEFS, 'more brief')}")
    say(
        f"\n{intake.campaign.campaign_id}: {count_of(preview.asked, 'variant')} asked for, "
        f"{preview.distinct:,} different."
    )
    if preview.skipped:
        say(f"Skipped, since they are there: {states_text(preview.skipped)}.")
    say(f"To make: {preview.to_make:,} in {count_of(preview.shards, 'shard')}.")
    for name, estimate in preview.estimates.items():
        price = f", {estimate.money:.2f} in money" if estimate.money else ""
        seconds = estimate.device_seconds
        time = "device time unknown" if seconds is None else f"about {seconds_text(seconds)} of device time"
        say(f"{name}: {count_of(preview.by_card[name], 'clip')}, {time}{price} ({estimate.basis}).")
        if problem := weights_problem(get_card(name, session.settings.model_folders), session.settings.weights_root):
            warn(f"Warning: {problem}")
    for sentence in (*doubts(session.resources), *waiting_sentences(preview.by_card, clearances_of(session.resources))):
        warn(f"Warning: {sentence}")
