"""How a run that ended before all was made is told, and what a script gets to know of it."""

from datetime import datetime

from adapters.catalogue import CampaignRow, Catalogue, RunRow
from adapters.catalogue.work.leases import ACTIVE
from adapters.catalogue.work.steering import CANCELLED, PAUSED
from manifests.nightly.night import zone_of
from tasks.runtime.lease_owner import current_owner

FINISHED = "finished"
LEFT = "left"
STOPPED_BY_PEOPLE = (PAUSED, CANCELLED)
EXIT_STOPPED = 3
"""Exit code where a person has paused or cancelled the campaign; docs/steering.md lists them all."""


def outcome_of(catalogue: Catalogue, campaign_id: str) -> str:
    """Return how this process's last run of a campaign ended; ``finished`` where it made none.

    A run that had nothing more to make, but was not allowed to deliver, has ended by what forbade it.
    """
    run = own_run(catalogue, campaign_id)
    outcome = run.outcome if run else FINISHED
    standing = catalogue.standing(campaign_id)
    return standing if outcome == FINISHED and standing != ACTIVE else outcome


def own_run(catalogue: Catalogue, campaign_id: str) -> RunRow | None:
    """Return this process's last run of a campaign; None where it made none."""
    owner = current_owner()
    return next((run for run in catalogue.runs(campaign_id) if run.owner == owner), None)


def standing_text(row: CampaignRow) -> str:
    """Return ``paused by person:ann: too dark``; empty where the campaign is active."""
    if row.standing == ACTIVE:
        return ""
    who, why = row.stood.get("actor", ""), row.stood.get("reason", "")
    return row.standing + (f" by {who}" if who else "") + (f": {why}" if why else "")


def ending_sentence(row: CampaignRow, outcome: str, left: int, run: RunRow | None, zone: str) -> str:
    """Say why a run ended early, what is left, and how to go on.

    Args:
        left: variants that still have to be made or published.
        run: the run that ended; None where none was begun.
        zone: in which times of day are told.
    """
    rest = f"{left} variants are left" if left != 1 else "1 variant is left"
    again = f"`reelmill resume {row.campaign_id}`"
    if outcome in STOPPED_BY_PEOPLE:
        reopen = " --reopen" if outcome == CANCELLED else ""
        said = standing_text(row) if row.standing == outcome else outcome
        return f"{row.campaign_id} is {said}; {rest}, and `reelmill resume {row.campaign_id}{reopen}` goes on."
    if outcome == "window":
        at = f" at {datetime.fromtimestamp(run.until, zone_of(zone)):%H:%M} ({zone})" if run and run.until else ""
        return f"Stopped{at}, as asked; {rest}, and {again} goes on."
    if outcome == "budget":
        of = f" of {run.budget_s / 3600:g} device hours" if run and run.budget_s else ""
        return f"The budget{of} is used up; {rest}, and {again} goes on."
    return f"The run ended early ({outcome}); {rest}, and {again} goes on."
