"""How a run ended: its outcome, exit code and message."""

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
"""Exit code if a person paused or cancelled the campaign; docs/steering.md lists all exit codes."""


def outcome_of(catalogue: Catalogue, campaign_id: str) -> str:
    """Return how this process's last run of a campaign ended; ``finished`` if there was none.

    If everything was generated but a person stopped the campaign before delivery, return that.
    """
    run = own_run(catalogue, campaign_id)
    outcome = run.outcome if run else FINISHED
    standing = catalogue.steering.standing(campaign_id)
    return standing if outcome == FINISHED and standing != ACTIVE else outcome


def own_run(catalogue: Catalogue, campaign_id: str) -> RunRow | None:
    """Return this process's last run of a campaign, or None."""
    owner = current_owner()
    return next((run for run in catalogue.runs.all(campaign_id) if run.owner == owner), None)


def standing_text(row: CampaignRow) -> str:
    """Return ``paused by person:ann: too dark``, or an empty text if the campaign is active."""
    if row.standing == ACTIVE:
        return ""
    who, why = row.stood.get("actor", ""), row.stood.get("reason", "")
    return row.standing + (f" by {who}" if who else "") + (f": {why}" if why else "")


def ending_sentence(row: CampaignRow, outcome: str, left: int, run: RunRow | None, zone: str) -> str:
    """Return why a run ended early, what is left, and how to resume.

    Args:
        left: variants that are not generated or published yet.
        run: the run that ended; None if none was started.
        zone: time zone for times of day.
    """
    rest = f"{left} variants are left" if left != 1 else "1 variant is left"
    again = f"Resume with `reelmill resume {row.campaign_id}`."
    if outcome in STOPPED_BY_PEOPLE:
        reopen = " --reopen" if outcome == CANCELLED else ""
        status = standing_text(row) if row.standing == outcome else outcome
        return f"{row.campaign_id} is {status}; {rest}. Resume with `reelmill resume {row.campaign_id}{reopen}`."
    if outcome == "window":
        at = f" at {datetime.fromtimestamp(run.until, zone_of(zone)):%H:%M} ({zone})" if run and run.until else ""
        return f"Stopped{at} as requested; {rest}. {again}"
    if outcome == "budget":
        return f"The budget{_budget_text(run)} is used up; {rest}. {again}"
    return f"The run ended early ({outcome}); {rest}. {again}"


def _budget_text(run: RunRow | None) -> str:
    """Return `` of 2 device hours`` or `` of 50.00 EUR``, or both; empty if the run has no budget."""
    hours = [f"{run.budget_s / 3600:g} device hours"] if run and run.budget_s else []
    money = [str(run.budget)] if run and run.budget else []
    return f" of {' or '.join(hours + money)}" if hours or money else ""
