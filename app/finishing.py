"""How a command brings a campaign to its end, and what it leaves behind for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.clip_table import write_clip_table
from app.contact_sheet import write_contact_sheet
from app.output import say, say_json, seconds_text, show_table
from app.progress import live_progress
from app.report import CampaignReport, report_of
from app.session import Session
from flows.registration import check_weights
from flows.settings import prepare_prefect
from manifests.errors import ReelmillError
from manifests.identity import slug
from manifests.sheet import hand_back
from tasks.intake import Intake
from tasks.work import Remaining


def finish_campaign(session: Session, campaign_id: str, quiet: bool, overrides: dict[str, Any]) -> None:
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


def close_campaign(session: Session, campaign_id: str, intake: Intake | None, out: Path | None, as_json: bool) -> None:
    """Write contact sheet, clip table and, where there is a sheet, its results; say where they are."""
    folder = out or session.settings.home / "campaigns" / campaign_id
    report = report_of(session.catalogue, campaign_id)
    rows = session.catalogue.variants(campaign_id)
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        "contact_sheet": write_contact_sheet(rows, folder / "contact-sheet.png"),
        "clip_table": write_clip_table(rows, folder / "clips.csv"),
        "results": _hand_back(intake, report, folder) if intake else None,
    }
    if as_json:
        say_json({**report.as_json(), **written})
    else:
        show_report(report)
        for what, path in written.items():
            if path:
                say(f"{what.replace('_', ' ').capitalize()}: {path}")
        if report.published:
            say(f"Clips: {session.wiring.bucket.location}")
    if report.unfinished:
        raise ReelmillError(f"{report.unfinished} variants are not finished; another process works on them, "
                            "or run the same command again to go on.")


def _hand_back(intake: Intake, report: CampaignReport, folder: Path) -> Path:
    results = folder / f"{slug(intake.table.name)}-results.xlsx"
    hand_back(intake.table, report.outcomes(intake.checked.problems), results)
    return results


def show_report(report: CampaignReport) -> None:
    """Print a campaign's table and its sums."""
    show_table("", ["brief", "variants", "passed", "published", "best score", "why others failed"], [
        (brief.brief_id, brief.variants, brief.passed, brief.published, brief.best_score,
         brief.why or ("enough passed" if brief.not_needed else "")) for brief in report.briefs])
    say(f"\n{report.campaign_id}: {report.states_text}; "
        f"{seconds_text(report.device_seconds)} of device time.")
