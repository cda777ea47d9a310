"""How a command brings a campaign to its end, and what it leaves behind for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.contact_sheet import write_contact_sheet
from app.output import say, say_json, seconds_text, show_table
from app.progress import live_progress
from app.report import CampaignReport, report_of
from app.session import Session
from flows.registration import check_weights
from flows.settings import prepare_prefect
from manifests.errors import ReelmillError
from manifests.sheet import hand_back, read_table
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


def close_campaign(session: Session, campaign_id: str, sheet: Path | None, out: Path | None, as_json: bool) -> None:
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


def show_report(report: CampaignReport) -> None:
    """Print a campaign's table and its sums."""
    show_table("", ["brief", "variants", "passed", "published", "best score", "why others failed"], [
        (brief.brief_id, brief.variants, brief.passed, brief.published, brief.best_score,
         brief.why or ("enough passed" if brief.not_needed else "")) for brief in report.briefs])
    say(f"\n{report.campaign_id}: {report.states_text}; "
        f"{seconds_text(report.device_seconds)} of device time.")
