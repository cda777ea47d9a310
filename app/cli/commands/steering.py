"""`reelmill pause`, `cancel`, `priority` and `runs`: people's word on a whole campaign while it is worked on."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from adapters.catalogue import CampaignRow, Catalogue, RunRow
from adapters.catalogue.work.leases import ACTIVE
from adapters.catalogue.work.steering import CANCELLED, LEAST, MOST
from app.cli.commands.review import actor_name
from app.cli.options import AsJson, CampaignName
from app.cli.output import say, say_json, seconds_text, show_table
from app.cli.run_outcome import standing_text
from app.session import Session
from manifests.nightly.night import zone_of
from manifests.pluralize import counted, one_or_more
from tasks.runtime.steering import cancel_campaign, pause_campaign

Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the word, and shown.")]


def pause(campaign: CampaignName, reason: Reason = "", as_json: AsJson = False) -> None:
    """Take no more work of a campaign: what is in hand is finished, and what is finished stays."""
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
    said = "is paused; nothing more of it is begun, and what is in hand is finished" if changed else "was paused before"
    say(f"{head.campaign_id} {said}. `reelmill resume {head.campaign_id}` goes on.")


def cancel(campaign: CampaignName, reason: Reason = "", as_json: AsJson = False) -> None:
    """End the work on a campaign, that in hand as well; what is finished stays, uploads in hand are finished."""
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
    said = "is cancelled" if changed else "was cancelled before"
    leases = "no clip was being made" if not ended else f"{counted(ended, 'lease{s} {were}')} ended"
    say(
        f"{head.campaign_id} {said}; {leases}, and what is finished stays. "
        f"`reelmill resume {head.campaign_id} --reopen` goes on."
    )


def priority(
    campaign: CampaignName,
    number: Annotated[int | None, typer.Argument(min=LEAST, max=MOST, help="0 is ordinary, more is sooner.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how urgent a campaign is, -100 to 100; without a number, show it."""
    catalogue, head = _found(campaign)
    if number is not None:
        catalogue.steering.set_priority(head.campaign_id, number, actor_name())
    now = catalogue.campaigns.get(head.campaign_id).priority
    if as_json:
        return say_json({"campaign_id": head.campaign_id, "priority": now, "before": head.priority})
    before = f"; it was {head.priority}" if now != head.priority else ""
    say(f"{head.campaign_id} has the priority {now}{before}.")


def runs(
    campaign: Annotated[str | None, typer.Argument(help="Id of a campaign, its beginning, or its name.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many at most, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show who works on which campaign, and how earlier runs ended."""
    session = Session.open()
    catalogue = session.catalogue
    campaign_id = catalogue.campaigns.get(campaign).campaign_id if campaign else None
    rows = catalogue.runs.all(campaign_id, limit=limit)
    live = {run.run_id for run in catalogue.runs.live()}
    if as_json:
        say_json([{**asdict(run), "outcome": _outcome(run, live)} for run in rows])
    elif rows:
        show_table(
            "",
            ["run", "campaign", "began", "outcome", "shards", "clips", "device time", "bounds"],
            [_cells(run, live, session.settings.timezone) for run in rows],
        )
    else:
        say("No run yet; reelmill run SHEET starts one.")


def standing_json(row: CampaignRow) -> dict[str, Any]:
    """Return standing and priority for programs."""
    return {"standing": row.standing, "priority": row.priority, "stood": dict(row.stood)}


def standing_line(row: CampaignRow) -> str:
    """Return standing and priority in one sentence."""
    again = {ACTIVE: "", CANCELLED: f" `reelmill resume {row.campaign_id} --reopen` goes on."}.get(
        row.standing, f" `reelmill resume {row.campaign_id}` goes on."
    )
    return f"Priority {row.priority}, {standing_text(row) or ACTIVE}.{again}"


def _found(reference: str) -> tuple[Catalogue, CampaignRow]:
    catalogue = Session.open().catalogue
    return catalogue, catalogue.campaigns.get(reference)


def _outcome(run: RunRow, live: set[str]) -> str:
    """Return how a run ended; ``running``, or ``silent`` where its driver has not been heard of for a while."""
    return run.outcome or ("running" if run.run_id in live else "silent")


def _cells(run: RunRow, live: set[str], zone: str) -> tuple[object, ...]:
    place = zone_of(zone)
    until = [f"until {datetime.fromtimestamp(run.until, place):%m-%d %H:%M}"] if run.until else []
    budget = [f"{run.budget_s / 3600:g} device hours"] if run.budget_s else []
    shards = "" if run.ended_at else f"{run.working} at work, {run.waiting} {one_or_more(run.waiting, 'waits', 'wait')}"
    return (
        run.run_id[:8],
        run.campaign_id,
        f"{datetime.fromtimestamp(run.started_at, place):%Y-%m-%d %H:%M}",
        _outcome(run, live),
        shards,
        run.served,
        seconds_text(run.spent_s),
        ", ".join(until + budget),
    )
