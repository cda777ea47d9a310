"""`reelmill sweep`: clean up after deleted files, killed workers and expired data."""

from typing import Annotated

import typer

from app.cli.options import AsJson
from app.cli.output import say, say_json, warn
from app.session import Session
from flows.runtime.campaign_buckets import sweep_targets
from tasks.sweep.context import MAX_SAMPLE, SweepOptions
from tasks.sweep.report import SweepReport
from tasks.sweep.sweep import sweep_all


def sweep(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, without changing anything.")
    ] = False,
    sample: Annotated[
        int,
        typer.Option(
            "--sample", metavar="NUMBER", min=0, max=MAX_SAMPLE, help="Number of credentials to verify again."
        ),
    ] = 20,
    many: Annotated[
        bool, typer.Option("--many", help="Remove unknown files regardless of how many there are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Clean up: end abandoned work, compare bucket and catalogue, prune staging.

    The exit code is 1 if a finding needs a person's attention.
    """
    session = Session.open()
    report = sweep_all(
        session.resources,
        sweep_targets(session.resources),
        SweepOptions(
            dry_run=dry_run,
            sample=sample,
            many=many,
            review_url=session.settings.review_url,
            max_rank_share=session.settings.max_rank_share,
        ),
    )
    say_json(report.as_json()) if as_json else _show(report)
    if report.needs_person:
        raise typer.Exit(1)


def _show(report: SweepReport) -> None:
    say(f"Checked: {', '.join(report.checked_texts) or 'leases and staged files; no published clips were compared'}.")
    if report.is_empty:
        say("No findings.")
        return
    for sentence, names in report.sentences():
        say(sentence)
        say(f"    {names}")
    if report.dry_run:
        say("This was a dry run. Nothing was changed.")
    if report.needs_person:
        warn("Some findings need a person's attention.")
