"""`reelmill sweep`: what outside deletions, killed workers and time have left behind."""

from typing import Annotated

import typer

from app.cli.options import AsJson
from app.cli.output import say, say_json, warn
from app.session import Session
from flows.runtime.campaign_buckets import places_of
from tasks.sweep.report import SweepReport
from tasks.sweep.sweep import sweep_all
from tasks.sweep.terms import MOST_SAMPLE, Terms


def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and change nothing.")] = False,
    sample: Annotated[
        int, typer.Option("--sample", min=0, max=MOST_SAMPLE, help="Credentials that are verified again.")
    ] = 20,
    many: Annotated[bool, typer.Option("--many", help="Take unknown files away however many they are.")] = False,
    as_json: AsJson = False,
) -> None:
    """End what was abandoned, compare bucket and catalogue, prune staging; exit code 1 asks for a person."""
    session = Session.open()
    report = sweep_all(
        session.resources,
        places_of(session.resources),
        Terms(dry_run=dry_run, sample=sample, many=many, review_url=session.settings.review_url),
    )
    say_json(report.as_json()) if as_json else _show(report)
    if report.for_people:
        raise typer.Exit(1)


def _show(report: SweepReport) -> None:
    say(f"Looked at: {', '.join(report.looked_at) or 'an empty installation'}.")
    if report.is_empty:
        say("Nothing was found.")
        return
    for sentence, names in report.told():
        say(sentence)
        say(f"    {names}")
    if report.dry_run:
        say("This was a dry run: nothing was changed.")
    if report.for_people:
        warn("A person has to see to what is left to do.")
