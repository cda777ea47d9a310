"""`reelmill pause`, `cancel`, `priority` and `runs`: control campaigns and list their runs."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from adapters.catalogue import CampaignRow, Catalogue, RunRow
from adapters.catalogue.work.leases import ACTIVE
from adapters.catalogue.work.steering import CANCELLED, MAX_PRIORITY, MIN_PRIORITY
from app.cli.commands.review import actor_name
from app.cli.options import CAMPAIGN_HELP, PRIORITY_HELP, AsJson, CampaignName
from app.cli.output import say, say_json, seconds_text
from app.cli.run_outcome import standing_text
from app.cli.table import show_table
from app.report.spending import cost_json, spending_of
from app.session import Session
from manifests.nightly.night import zone_of
from manifests.pluralize import count_of, counted
from tasks.runtime.steering import cancel_campaign, pause_campaign

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason; recorded and shown with the status.")]


def pause(campaign: CampaignName, reason: Reason = "", as_json: AsJson = False) -> None:
    """Pause a campaign; clips in progress are finished.

    `reelmill resume` ends the pause.
    """
    catalogue, head = _found(campaign)
    changed = pause_campaign(catalogue, head.campaign_id, actor_name(), reason)
    if as_json:
        return say_json(
            {
                "campaign_id": head.campaign_id,
                **standing_json(catalogue.campaigns.get(head.campaign_id)),
                "changed": changed,
            }
        )
    status = (
        "is paused. Clips in progress are finished, and no new ones are started" if changed else "is already paused"
    )
    say(f"{head.campaign_id} {status}. Resume with `reelmill resume {head.campaign_id}`.")


def cancel(campaign: CampaignName, reason: Reason = "", as_json: AsJson = False) -> None:
    """Cancel a campaign; clips in progress are discarded.

    Finished clips are kept, and uploads in progress are completed. `reelmill resume --reopen` continues the campaign.
    """
    catalogue, head = _found(campaign)
    changed, ended = cancel_campaign(catalogue, head.campaign_id, actor_name(), reason)
    if as_json:
        return say_json(
            {
                "campaign_id": head.campaign_id,
                **standing_json(catalogue.campaigns.get(head.campaign_id)),
                "changed": changed,
                "leases_ended": ended,
            }
        )
    status = "is cancelled" if changed else "is already cancelled"
    leases = "no clip was in progress" if not ended else f"{counted(ended, 'lease{s} {were}')} ended"
    say(
        f"{head.campaign_id} {status}; {leases}. Finished clips are kept. "
        f"Resume with `reelmill resume {head.campaign_id} --reopen`."
    )


def priority(
    campaign: CampaignName,
    number: Annotated[
        int | None,
        typer.Argument(metavar="[NUMBER]", min=MIN_PRIORITY, max=MAX_PRIORITY, help=PRIORITY_HELP),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the priority of a campaign, or set it (-100 to 100)."""
    catalogue, head = _found(campaign)
    if number is not None:
        catalogue.steering.set_priority(head.campaign_id, number, actor_name())
    now = catalogue.campaigns.get(head.campaign_id).priority
    if as_json:
        return say_json({"campaign_id": head.campaign_id, "priority": now, "before": head.priority})
    before = f" (was {head.priority})" if now != head.priority else ""
    say(f"{head.campaign_id} has priority {now}{before}.")


def runs(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help=CAMPAIGN_HELP)] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="NUMBER", min=1, help="Number of runs to list, newest first.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """List current and earlier runs, and how they ended."""
    session = Session.open()
    catalogue = session.catalogue
    campaign_id = catalogue.campaigns.get(campaign).campaign_id if campaign else None
    rows = catalogue.runs.all(campaign_id, limit=limit)
    live = {run.run_id for run in catalogue.runs.live()}
    session.settle()
    run_ids = [run.run_id for run in rows]
    uses, jobs = catalogue.device_use.of_runs(run_ids), catalogue.provider_jobs.money_of_runs(run_ids)
    prices = session.prices
    spent = {key: spending_of(uses.get(key, []), prices, jobs.get(key, [])) for key in run_ids}
    has_prices = prices.are_known or bool(jobs)
    if as_json:
        say_json(
            [{**_run_json(run), "outcome": _outcome(run, live), **cost_json(spent[run.run_id], prices)} for run in rows]
        )
    elif rows:
        zone = session.settings.timezone
        show_table(
            ["run", "campaign", "started", "outcome", "clips", "device time", *(["cost"] if has_prices else [])],
            [
                (
                    *_cells(run, live, zone),
                    *([spent[run.run_id].text] if has_prices else []),
                )
                for run in rows
            ],
        )
        details = [(run.run_id[:8], detail) for run in rows if (detail := _detail(run, zone))]
        for index, (run_id, detail) in enumerate(details):
            say(f"{'' if index else chr(10)}{run_id}: {detail}", indent=2)
    else:
        say("No runs yet. Start one with `reelmill run SHEET`.")


def standing_json(row: CampaignRow) -> dict[str, Any]:
    """Return status and priority for programs."""
    return {"standing": row.standing, "priority": row.priority, "stood": dict(row.stood)}


def standing_line(row: CampaignRow) -> str:
    """Return status and priority as one line for people."""
    reopen = " --reopen" if row.standing == CANCELLED else ""
    again = "" if row.standing == ACTIVE else f" Resume with `reelmill resume {row.campaign_id}{reopen}`."
    return f"Priority {row.priority}, {standing_text(row) or ACTIVE}.{again}"


def _found(reference: str) -> tuple[Catalogue, CampaignRow]:
    catalogue = Session.open().catalogue
    return catalogue, catalogue.campaigns.get(reference)


def _run_json(run: RunRow) -> dict[str, Any]:
    return {**asdict(run), "budget": run.budget._asdict() if run.budget else None}


def _outcome(run: RunRow, live: set[str]) -> str:
    """Return how a run ended, or ``running``, or ``silent`` if its heartbeat has stopped."""
    return run.outcome or ("running" if run.run_id in live else "silent")


def _cells(run: RunRow, live: set[str], zone: str) -> tuple[object, ...]:
    return (
        run.run_id[:8],
        run.campaign_id,
        f"{datetime.fromtimestamp(run.started_at, zone_of(zone)):%Y-%m-%d %H:%M}",
        _outcome(run, live),
        run.served,
        seconds_text(run.spent_s),
    )


def _detail(run: RunRow, zone: str) -> str:
    """Return the shards of a run that has not ended, and its limits."""
    shards = [f"{count_of(run.working, 'shard')} running, {run.waiting:,} waiting"] if not run.ended_at else []
    until = [f"until {datetime.fromtimestamp(run.until, zone_of(zone)):%Y-%m-%d %H:%M}"] if run.until else []
    budget = [f"budget {run.budget_s / 3600:g} device hours"] if run.budget_s else []
    money = [f"budget {run.budget}"] if run.budget else []
    return ", ".join(shards + until + budget + money)
