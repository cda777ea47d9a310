"""Run a campaign from the command line, write its result files and print its report."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from adapters.catalogue import SYSTEM, VariantRow
from adapters.catalogue.work.leases import ACTIVE
from adapters.files.umask import make_shared_folders
from adapters.sheets import results_path, write_results
from app.cli.bounds import UNBOUNDED, Bounds
from app.cli.output import say, say_json, seconds_text, warn
from app.cli.progress import live_progress
from app.cli.run_outcome import EXIT_STOPPED, FINISHED, LEFT, STOPPED_BY_PEOPLE, ending_sentence, outcome_of, own_run
from app.cli.table import show_table
from app.report.clip_results import clip_results
from app.report.clip_table import write_clip_table
from app.report.contact_sheet import write_contact_sheet
from app.report.deliverable_results import deliverable_results, in_sheet_order
from app.report.fallbacks import fallbacks_of
from app.report.report import BriefReport, CampaignReport, report_of
from app.report.row_outcomes import outcomes_of
from app.session import Session
from flows.prefect.embedded_server import prefect_server
from flows.registration import check_run, reading_of
from flows.settings import prepare_prefect
from flows.submit import read_sheet
from manifests.costs.prices import NO_PRICES, Prices
from manifests.errors import ReelmillError
from manifests.finish.deliverable import DeliverableState
from manifests.pluralize import count_of, counted, one_or_more
from manifests.states import DECIDED
from tasks.deliver.staged_elsewhere import staged_elsewhere
from tasks.finish.planning import is_finishing_done, left_to_finish
from tasks.intake.intake import Intake
from tasks.intake.sources.sheet_store import SheetStore
from tasks.plan.licence import clearances_of
from tasks.plan.remaining import Remaining
from tasks.runtime.resources import bucket_of

SHOWN_REASONS = 20
"""Briefs whose reasons are listed in a report."""


def run_campaign(
    session: Session, campaign_id: str, quiet: bool, overrides: dict[str, Any], bounds: Bounds = UNBOUNDED
) -> str:
    """Run the flow with a live progress line, unless nothing is left to do; Prefect is imported only here.

    Returns:
        ``finished``, or why the run ended early: ``paused``, ``cancelled``, ``window``, ``budget``, ``left``.
    """
    settings, catalogue = session.settings, session.catalogue
    remaining = Remaining(session.resources, campaign_id, settings.max_rank_share)
    if remaining.is_done(settings.review) and is_finishing_done(catalogue, campaign_id):
        return FINISHED
    if (standing := catalogue.steering.standing(campaign_id)) != ACTIVE:
        return standing
    check_run(settings, session.resources, campaign_id)  # sooner than the flow, which first starts Prefect's server
    prepare_prefect(settings.home)
    given = {name: value for name, value in overrides.items() if value is not None}
    with (
        live_progress(catalogue, campaign_id, shown=not quiet) as begin,
        prefect_server(settings.home, session.import_libraries),
    ):
        begin()
        from flows.campaign import campaign

        campaign(campaign_id=campaign_id, settings=given, until=bounds.until, budget_s=bounds.budget_s)
    return outcome_of(catalogue, campaign_id)


def close_campaign(
    session: Session, campaign_id: str, intake: Intake | None, out: Path | None, as_json: bool, outcome: str = FINISHED
) -> None:
    """Write the contact sheet, the clip table and, if the sheet is available, the results sheet; print the report.

    Raises:
        ReelmillError: variants are unfinished although neither a person nor a limit has stopped the run.
        typer.Exit: EXIT_STOPPED if a person has stopped it.
    """
    folder = out or session.settings.home / "campaigns" / campaign_id
    intake = _sheet_of(session, campaign_id, intake)
    session.settle()
    report = report_of(session.catalogue, campaign_id, clearances_of(session.resources), session.prices)
    rows = session.catalogue.variants.of_campaign(campaign_id)
    make_shared_folders(folder)
    written = {
        "contact_sheet": write_contact_sheet(
            session.resources,
            rows,
            folder / "contact-sheet.png",
            fallbacks_of(session.catalogue, rows),
            in_sheet_order(
                session.catalogue.deliverables.of_campaign(campaign_id), session.catalogue.campaigns.briefs(campaign_id)
            ),
        ),
        "clip_table": _write_clips(session, campaign_id, rows, folder / "clips.csv"),
        **_write_results(session, intake, report, rows, folder),
    }
    if as_json:
        say_json({**report.as_json(), **written, "outcome": outcome})
    else:
        _show_result(session, report, written)
    waiting = session.catalogue.variants.held_for_review(campaign_id)
    if waiting and not as_json:
        number = len(waiting)
        say(
            f"{count_of(number, 'clip')} {one_or_more(number, 'waits', 'wait')} for review. Review in the browser with "
            f"`reelmill review`, or approve all with `reelmill approve {campaign_id} --all`."
        )
    left = report.unfinished + report.deliverables_left
    if left and outcome not in (FINISHED, LEFT):
        _warn_of_ending(session, campaign_id, outcome, left)
    elif report.unfinished:
        raise ReelmillError(_left_sentence(session, campaign_id, report.unfinished))
    elif left:
        raise ReelmillError(f"{left_to_finish(session.catalogue, campaign_id)}.")
    elif rows and not waiting and not as_json:
        say("Next: run `reelmill review` to view the clips in the browser.")


def _show_result(session: Session, report: CampaignReport, written: Mapping[str, Path | None]) -> None:
    show_report(report, session.prices)
    for what, path in written.items():
        if path:
            say(f"{what.replace('_', ' ').capitalize()}: {path}")
    if report.published:
        say(f"Clips: {session.resources.bucket.location}")
    for notice in report.notices:
        say(notice)
    for sentence in report.waiting:
        warn(sentence)


def _warn_of_ending(session: Session, campaign_id: str, outcome: str, left: int) -> None:
    row = session.catalogue.campaigns.get(campaign_id)
    run = own_run(session.catalogue, campaign_id)
    warn(ending_sentence(row, outcome, left, run, session.settings.timezone))
    if outcome in STOPPED_BY_PEOPLE:
        raise typer.Exit(EXIT_STOPPED)


def _left_sentence(session: Session, campaign_id: str, unfinished: int) -> str:
    """Return why variants are unfinished, and what to do."""
    waiting = staged_elsewhere(session.resources, campaign_id)
    number = unfinished - (waiting.number if waiting else 0)
    rest = (
        f"{counted(number, 'variant{s} {are} not finished')}. Unless another process is working on "
        f"{one_or_more(number, 'it', 'them')}, re-run the same command to resume."
    )
    run = own_run(session.catalogue, campaign_id)
    why = str(run.detail.get("why", "")) if run and run.outcome == LEFT else (waiting.why if waiting else "")
    return " ".join(filter(None, [f"{why}." if why else "", rest if number > 0 else ""]))


def files_of(session: Session, campaign_id: str, folder: Path) -> dict[str, Path | None]:
    """Write the clip table and, if the sheet is available, the results sheet."""
    intake = _sheet_of(session, campaign_id, None)
    session.settle()
    report = report_of(session.catalogue, campaign_id, clearances_of(session.resources), session.prices)
    rows = session.catalogue.variants.of_campaign(campaign_id)
    make_shared_folders(folder)
    return {
        "clips": _write_clips(session, campaign_id, rows, folder / "clips.csv"),
        **_write_results(session, intake, report, rows, folder),
    }


def _sheet_of(session: Session, campaign_id: str, intake: Intake | None) -> Intake | None:
    """Return the intake given, or read the campaign's copy of its sheet: later commands name no sheet."""
    if intake:
        return intake
    sheet = SheetStore(session.settings.home).of_campaign(campaign_id)
    if sheet is None:
        return None
    reading = reading_of(session.catalogue.campaigns.get(campaign_id).settings)
    return read_sheet(session.settings, session.resources, sheet, reading)


def _write_clips(session: Session, campaign_id: str, rows: list[VariantRow], out: Path) -> Path:
    catalogue = session.catalogue
    decisions = {
        event.variant_id: f"{event.to_state} by {event.actor}: {event.detail.get('reason', '')}".rstrip(": ")
        for event in catalogue.variants.events(campaign_id)
        if event.to_state in DECIDED and event.actor != SYSTEM
    }
    campaigns, not_needed = catalogue.campaigns, catalogue.progress.not_needed(campaign_id)
    members, briefs = campaigns.memberships(campaign_id), campaigns.briefs(campaign_id)
    return write_clip_table(rows, members, briefs, decisions, out, not_needed, fallbacks_of(catalogue, rows))


def _write_results(
    session: Session, intake: Intake | None, report: CampaignReport, rows: list[VariantRow], folder: Path
) -> dict[str, Path | None]:
    """Write the results sheet, if the sheet is available. For a text file, the list of clips is a second file."""
    if intake is None:
        return {"results": None}
    campaigns, campaign_id = session.catalogue.campaigns, report.campaign_id
    members, briefs = campaigns.memberships(campaign_id), campaigns.briefs(campaign_id)
    clips = clip_results(
        rows,
        members,
        briefs,
        campaign_id,
        session.prices,
        session.catalogue.progress.not_needed(campaign_id),
        fallbacks_of(session.catalogue, rows),
    )
    made = session.catalogue.deliverables.of_campaign(campaign_id)
    deliverables = deliverable_results(made, briefs, bucket_of(session.resources))
    out = results_path(intake.table, folder)
    written = write_results(intake.table, outcomes_of(report, intake), out, clips, deliverables)
    return dict(zip(("results", "clip_list", "deliverable_list"), written, strict=False))


def show_report(report: CampaignReport, prices: Prices = NO_PRICES) -> None:
    """Print a campaign's table, why clips were not published, and the totals with their cost."""
    show_table(
        ["brief", "variants", "passed", "published", "best score"],
        [(brief.brief_id, brief.variants, brief.passed, brief.published, brief.best_score) for brief in report.briefs],
    )
    _show_reasons(report)
    _show_fallbacks(report)
    each = report.seconds_a_passing_clip
    share = f", {each:.1f} s per passed clip" if each is not None else ""
    say(f"\n{report.campaign_id}: {report.states_text}; {seconds_text(report.device_seconds)} of device time{share}.")
    _show_device_use(report, prices)
    _show_deliverables(report)


def _show_deliverables(report: CampaignReport) -> None:
    """Print the number of deliverables by state, and why some failed; nothing if there are none."""
    if report.deliverables:
        say(f"Deliverables: {report.deliverables_text}.")
    for reason in report.deliverable_failures[:SHOWN_REASONS]:
        say(f"  {reason}", indent=4)
    if (more := len(report.deliverable_failures) - SHOWN_REASONS) > 0:
        say(f"  {count_of(more, 'more reason')}; see the results sheet", indent=4)
    if report.deliverables.get(DeliverableState.FAILED):
        say(
            "Change the sheet or the brand kit and run the sheet again, or make them again with "
            f"`reelmill retry {report.campaign_id} --failed`."
        )


def _show_device_use(report: CampaignReport, prices: Prices) -> None:
    """Print the device time by device and kind of work, and its cost; nothing if no device was used."""
    by_device: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for use in report.device_use:
        by_device[use.device_kind or "unknown device"][use.kind] += use.seconds
    for device, kinds in by_device.items():
        parts = sorted(kinds.items(), key=lambda item: item[1], reverse=True)
        say(f"{device}: {', '.join(f'{kind} {seconds_text(seconds)}' for kind, seconds in parts)}.")
    _show_spending(report)


def _show_spending(report: CampaignReport) -> None:
    """Print the provider jobs and all money; nothing if no price is known."""
    spending = report.spending
    if spending.lines:
        say()
        show_table(
            ["provider", "model", "jobs", "spent", "estimated", "reserved"], [line[:6] for line in spending.lines]
        )
        for line in spending.lines:
            if line.notes:
                say(f"{line.provider}, {line.card}: {line.notes}.", indent=2)
        say()
    if spending.text:
        published, passing = spending.each_text(report.published), spending.each_text(report.passing)
        share = f", {published} per published clip" if published else f", {passing} per passed clip" if passing else ""
        say(f"Cost: {spending.text}{share}.")
    if spending.lines and not spending.is_complete:
        has_price = spending.devices is not None
        say("Some costs are not known." if has_price else "Device time has no price, so its cost is not included.")


def _show_reasons(report: CampaignReport) -> None:
    reasons = [(brief.brief_id, why) for brief in report.briefs if (why := _reason_of(brief))]
    if reasons:
        say("\nWhy clips were not published:")
    for brief_id, why in reasons[:SHOWN_REASONS]:
        say(f"  {brief_id}: {why}", indent=4)
    if len(reasons) > SHOWN_REASONS:
        say(
            f"  {count_of(len(reasons) - SHOWN_REASONS, 'more brief')}; list them all with "
            f"`reelmill status {report.campaign_id} --json`",
            indent=4,
        )


def _show_fallbacks(report: CampaignReport) -> None:
    """Print how many clips are from fallback models, and why; nothing if no fallback was used."""
    used: Counter[str] = Counter()
    for brief in report.briefs:
        used.update(brief.fallbacks)
    if used:
        say("\nFallback models:")
    for text, number in used.most_common(SHOWN_REASONS):
        say(f"  {counted(number, 'clip{s}')} of {text}", indent=4)


def _reason_of(brief: BriefReport) -> str:
    not_needed = f"{brief.not_needed:,} not needed, since enough passed" if brief.not_needed else ""
    return ", ".join(filter(None, [brief.why, not_needed]))
