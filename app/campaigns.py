"""Commands that plan, run and follow campaigns."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.contact_sheet import write_contact_sheet
from app.output import say, say_json, seconds_text, show_table, warn
from app.progress import live_progress
from app.report import CampaignReport, report_of
from app.session import Session
from app.sheets import tell_warnings
from flows.registration import check_weights, read_sheet, register
from flows.settings import prepare_prefect
from manifests.errors import ReelmillError
from manifests.sheet import hand_back, read_table
from tasks.expand import check_cap, expand, sample
from tasks.intake import Intake
from tasks.plan import Plan, make_plan
from tasks.retry import retry_failed
from tasks.work import Remaining

SHOWN_BRIEFS = 40

Sheet = Annotated[Path, typer.Argument(help="CSV, TSV or XLSX.")]
Model = Annotated[str | None, typer.Option("--model", help="Card for rows that name none.")]
MaxVariants = Annotated[int | None, typer.Option("--max-variants", min=1, help="Refuse sheets that expand to more.")]
Sample = Annotated[int | None, typer.Option("--sample", min=1, help="Take so many variants, spread over the sheet.")]
GoodRows = Annotated[bool, typer.Option("--accept-good-rows", help="Go on without the rows that have problems.")]
BucketOption = Annotated[str | None, typer.Option("--bucket", help="A folder, or s3://name/prefix.")]
Endpoint = Annotated[str | None, typer.Option("--endpoint", help="URL of an S3 store other than AWS.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Clips = Annotated[list[str] | None, typer.Argument(help="Beginnings of variant ids.")]
CampaignName = Annotated[str, typer.Argument(help="Id of the campaign, its beginning, or its name.")]


def plan(
    sheet: Sheet, model: Model = None, max_variants: MaxVariants = None, sample_size: Sample = None,
    accept_good_rows: GoodRows = False, as_json: AsJson = False,
) -> None:
    """Show what a run would make, skip, take and cost; runs nothing."""
    session = Session.open(model=model, max_variants=max_variants)
    intake = _intake(session, sheet, accept_good_rows, quiet=as_json)
    planned = expand(intake.checked.briefs, session.cards, session.settings.model)
    preview = make_plan(
        planned if sample_size is None else sample(planned, sample_size), session.catalogue.states, session.cards,
        session.catalogue.device_rates(), session.settings.shard_size,
    )
    if as_json:
        say_json({"campaign_id": intake.campaign.campaign_id, **_plan_json(preview)})
    else:
        _show_plan(intake, preview)
    if sample_size is None:
        check_cap(intake.checked.briefs, session.settings.max_variants)


def run(
    sheet: Sheet, model: Model = None, bucket: BucketOption = None, endpoint: Endpoint = None,
    max_variants: MaxVariants = None, sample_size: Sample = None, accept_good_rows: GoodRows = False,
    review: Annotated[str | None, typer.Option("--review", help="auto, or required: wait for a person.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for contact sheet and results.")] = None,
    as_json: AsJson = False,
) -> None:
    """Generate, score, sign and publish a sheet's clips; run again, it goes on where it stopped."""
    overrides = {"model": model, "bucket": bucket, "bucket_endpoint": endpoint, "max_variants": max_variants,
                 "review": review}
    session = Session.open(**overrides)
    intake = _intake(session, sheet, accept_good_rows, quiet=as_json)
    campaign_id = register(session.settings, session.wiring, intake, sample_size)
    _finish(session, campaign_id, as_json, overrides)
    _close(session, campaign_id, sheet, out, as_json)


def status(
    campaign: Annotated[str | None, typer.Argument(help="Id of a campaign, its beginning, or its name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show where all campaigns stand, or one in detail."""
    catalogue = Session.open().catalogue
    if campaign:
        report = report_of(catalogue, catalogue.campaign(campaign).campaign_id)
        say_json(report.as_json()) if as_json else show_report(report)
        return
    rows = [(row, catalogue.tally(row.campaign_id)) for row in catalogue.campaigns()]
    if as_json:
        say_json([{"campaign_id": row.campaign_id, "name": row.name, "states": states} for row, states in rows])
    elif rows:
        show_table("", ["campaign", "variants", "states"], [
            (row.campaign_id, sum(states.values()), _states_text(states)) for row, states in rows])
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
        say(f"{retried.again} variants are tried again, {retried.rerolled} get a new seed.")
    if retried.again or retried.rerolled:
        _finish(session, campaign_id, as_json, {})
    _close(session, campaign_id, None, out, as_json)


def approve(
    campaign: CampaignName, clips: Clips = None,
    everything: Annotated[bool, typer.Option("--all", help="All clips that passed.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Needed to approve a clip that failed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Approve clips that wait for a person; they are signed and published at once."""
    session, campaign_id = Session.of_campaign(campaign)
    chosen = _chosen(session, campaign_id, clips, everything)
    moved = session.catalogue.approve(chosen, actor_name(), reason)
    _tell_moved("approved", moved, chosen, "Only clips that passed can be; a failed one needs a --reason.", as_json)
    if moved:
        _finish(session, campaign_id, as_json, {})
    _close(session, campaign_id, None, None, as_json)


def reject(
    campaign: CampaignName, clips: Clips = None,
    everything: Annotated[bool, typer.Option("--all", help="All clips that passed.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")] = "",
    as_json: AsJson = False,
) -> None:
    """Reject clips that wait for a person."""
    session, campaign_id = Session.of_campaign(campaign)
    chosen = _chosen(session, campaign_id, clips, everything)
    moved = session.catalogue.reject(chosen, actor_name(), reason)
    _tell_moved("rejected", moved, chosen, "Only clips that passed can be.", as_json)
    if as_json:
        say_json({"campaign_id": campaign_id, "rejected": moved})


def show_report(report: CampaignReport) -> None:
    """Print a campaign's table and its sums."""
    show_table("", ["brief", "variants", "passed", "published", "best score", "why others failed"], [
        (brief.brief_id, brief.variants, brief.passed, brief.published, brief.best_score,
         brief.why or ("enough passed" if brief.not_needed else "")) for brief in report.briefs])
    say(f"\n{report.campaign_id}: {report.states_text}; "
        f"{seconds_text(report.device_seconds)} of device time.")


def _states_text(states: Any) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "nothing planned"


def actor_name() -> str:
    """The person at the keyboard, as events name them."""
    return f"person:{getpass.getuser()}"


def _chosen(session: Session, campaign_id: str, clips: list[str] | None, everything: bool) -> list[str]:
    rows = session.catalogue.variants(campaign_id)
    if everything:
        return [row.variant_id for row in rows if row.state == "passed"]
    if not clips:
        raise ReelmillError("Name clips by the beginnings of their ids, or take --all.")
    chosen = []
    for clip in clips:
        found = [row.variant_id for row in rows if row.variant_id.startswith(clip.lower())]
        if len(found) != 1:
            raise ReelmillError(f"{len(found)} clips of {campaign_id} have an id that begins with {clip!r}; "
                                "reelmill status CAMPAIGN --json lists them.")
        chosen += found
    return chosen


def _tell_moved(word: str, moved: list[str], chosen: list[str], rule: str, as_json: bool) -> None:
    left = len(chosen) - len(moved)
    if not as_json:
        say(f"{len(moved)} {word}." + (f" {left} left as they were: {rule}" if left else ""))


def _intake(session: Session, sheet: Path, accept_good_rows: bool, quiet: bool) -> Intake:
    intake = read_sheet(session.settings, session.wiring, sheet, accept_good_rows)
    if not quiet:
        tell_warnings(intake.checked.warnings)
        for problem in intake.checked.problems:
            warn(f"Left out: {problem.sentence}")
    return intake


def _finish(session: Session, campaign_id: str, quiet: bool, overrides: dict[str, Any]) -> None:
    """Run the flow under the live view, unless there is nothing to do; Prefect is loaded only here."""
    settings = session.settings
    remaining = Remaining(session.catalogue, campaign_id, session.cards, settings.max_rank_share)
    if remaining.is_done(settings.review):
        return
    check_weights(session.wiring, campaign_id)
    prepare_prefect(settings.home)
    from flows.campaign import campaign

    given = {name: value for name, value in overrides.items() if value is not None}
    with live_progress(session.catalogue, campaign_id, shown=not quiet), _server_trouble_told():
        campaign(campaign_id=campaign_id, settings=given)


@contextmanager
def _server_trouble_told() -> Iterator[None]:
    """Say in one sentence that Prefect's server is not there; its own errors are pages long."""
    try:
        yield
    except RuntimeError as error:
        if "Prefect API" not in str(error):
            raise
        raise ReelmillError("Prefect's server does not answer; free some memory and disk and run again, or let "
                            "PREFECT_API_URL name one that runs.") from error


def _close(session: Session, campaign_id: str, sheet: Path | None, out: Path | None, as_json: bool) -> None:
    """Write contact sheet and results, and say where they are."""
    folder = out or session.settings.home / "campaigns" / campaign_id
    report = report_of(session.catalogue, campaign_id)
    folder.mkdir(parents=True, exist_ok=True)
    picture = write_contact_sheet(session.catalogue.variants(campaign_id), folder / "contact-sheet.png")
    results = None
    if sheet:
        results = folder / f"{sheet.stem}-results.xlsx"
        hand_back(read_table(sheet), report.outcomes(), results)
    if as_json:
        say_json({**report.as_json(), "contact_sheet": picture, "results": results})
    else:
        show_report(report)
        for what, path in (("Contact sheet", picture), ("Results", results)):
            if path:
                say(f"{what}: {path}")
        if report.published:
            say(f"Clips: {session.wiring.bucket.location}")
    if report.unfinished:
        raise ReelmillError(f"{report.unfinished} variants are not finished; another process works on them, "
                            "or run the same command again to go on.")


def _plan_json(preview: Plan) -> dict[str, Any]:
    return {**asdict(preview), "device_seconds": preview.device_seconds, "money": preview.money}


def _show_plan(intake: Intake, preview: Plan) -> None:
    briefs = list(preview.by_brief.items())
    show_table("", ["brief", "variants"], briefs[:SHOWN_BRIEFS])
    if len(briefs) > SHOWN_BRIEFS:
        say(f"and {len(briefs) - SHOWN_BRIEFS} more briefs")
    say(f"\n{intake.campaign.campaign_id}: {preview.asked:,} variants asked for, {preview.distinct:,} different.")
    if preview.skipped:
        say(f"Skipped, since they are there: {_states_text(preview.skipped)}.")
    say(f"To make: {preview.to_make:,} in {preview.shards:,} shards.")
    for name, estimate in preview.estimates.items():
        price = f", {estimate.money:.2f} in money" if estimate.money else ""
        say(f"{name}: {preview.by_card[name]:,} clips, about {seconds_text(estimate.device_seconds)} of device time"
            f"{price} ({estimate.basis}).")
