"""What a campaign is doing now, or how its last run ended; shown in receipts and by `reelmill status`."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from adapters.catalogue import CampaignRow, Catalogue
from adapters.catalogue.work.leases import ACTIVE
from adapters.catalogue.work.runs import RunRow
from manifests.pluralize import count_of, counted
from manifests.states import GOOD, State, unfinished_in
from tasks.runtime.lease_owner import is_alive, is_dead

ACCEPTED: Final = "accepted"
RUNNING: Final = "running"
DONE: Final = "done"
STOPPED: Final = "stopped"
FAILED: Final = "failed"
Stage = Literal["accepted", "running", "done", "stopped", "failed"]


_STAGES: Mapping[str, Stage] = {"finished": DONE, "window": STOPPED, "budget": STOPPED}
"""By the outcome of the last run; every other one is a failure."""


class CampaignStatus(NamedTuple):
    """The status of a campaign.

    Attributes:
        state: ``accepted`` (no run yet), ``running``, ``done``, ``stopped`` (by a person, a window or a budget), or
            ``failed``.
        message: what happened and what to do, in one or two sentences.
        clips: number of variants by state; empty while the campaign waits or runs, because it changes all the time.
    """

    state: Stage
    message: str
    clips: Mapping[str, int]


def stage_of(catalogue: Catalogue, row: CampaignRow) -> str:
    """Return the state of ``status_of`` without counting clips; ``paused`` or ``cancelled`` if a person stopped it."""
    run = next(iter(catalogue.runs.all(row.campaign_id, limit=1)), None)
    if run and _is_running(catalogue, run):
        return RUNNING
    if row.standing != ACTIVE:
        return row.standing
    return _STAGES.get(run.outcome, FAILED) if run else ACCEPTED


def status_of(catalogue: Catalogue, campaign_id: str) -> CampaignStatus:
    """Return the status of a campaign.

    Raises:
        CatalogueError: the campaign does not exist, or the catalogue does not respond.
    """
    standing = catalogue.campaigns.get(campaign_id).standing
    run = next(iter(catalogue.runs.all(campaign_id, limit=1)), None)
    if run and _is_running(catalogue, run):
        return CampaignStatus(RUNNING, "The campaign is running.", {})
    if standing == ACTIVE and run is None:
        return CampaignStatus(ACCEPTED, "The campaign is accepted and waits for its run to start.", {})
    clips = catalogue.progress.tally(campaign_id)
    if standing != ACTIVE:
        reopen = " --reopen" if standing == "cancelled" else ""
        again = f"Resume with `reelmill resume {campaign_id}{reopen}`."
        return CampaignStatus(STOPPED, f"The campaign is {standing}. {again}", clips)
    assert run
    return _ended(campaign_id, run, clips, catalogue.deliverables.counts(campaign_id))


def _is_running(catalogue: Catalogue, run: RunRow) -> bool:
    if run.ended_at is not None or is_dead(run.owner):
        return False
    return is_alive(run.owner) or run.run_id in {live.run_id for live in catalogue.runs.live()}


def _ended(campaign_id: str, run: RunRow, clips: Mapping[str, int], made: Mapping[str, int]) -> CampaignStatus:
    number = unfinished_in(clips)
    left = counted(number, "variant{s} {are} not generated yet")
    again = f"Resume with `reelmill resume {campaign_id}`."
    if run.outcome == "finished":
        return CampaignStatus(DONE, _done_text(campaign_id, clips, made), clips)
    if run.outcome in ("window", "budget"):
        why = "its time window ended" if run.outcome == "window" else "its budget is used up"
        return CampaignStatus(STOPPED, f"The run has stopped because {why}; {left}. {again}", clips)
    why = str(run.detail.get("why") or "")
    if run.outcome == "left" and why:
        rest = f" {left.capitalize()}. {again}" if number else ""
        return CampaignStatus(FAILED, f"The run has ended, but {why}.{rest}", clips)
    if run.outcome == "left":
        return CampaignStatus(
            FAILED, f"The run has ended, but its workers were lost, or others hold its clips; {left}. {again}", clips
        )
    unknown = "The reason is not known" if run.outcome == "failed" else "Its process died, or does not respond"
    return CampaignStatus(FAILED, f"The run has failed. {why or unknown}. {left.capitalize()}. {again}", clips)


def _done_text(campaign_id: str, clips: Mapping[str, int], made: Mapping[str, int]) -> str:
    """Return how the clips and deliverables of a finished campaign ended, and what people still have to do."""
    published, waiting = clips.get(State.PUBLISHED, 0), clips.get(State.PASSED, 0)
    parts = [f"The campaign has finished: {counted(published, 'clip{s} {are} published')}."]
    if finished := made.get(State.PUBLISHED, 0):
        parts.append(f"{counted(finished, 'deliverable{s} {are} published')}.")
    if failed := made.get(State.FAILED, 0):
        parts.append(f"{counted(failed, 'deliverable{s}')} failed.")
    if waiting:
        parts.append(f"{counted(waiting, 'clip{s} {are} waiting for review')}.")
    if held := clips.get(State.APPROVED, 0) + clips.get(State.SIGNING, 0):
        parts.append(f"{counted(held, 'approved clip{s} {are} not published yet')}.")
    if not sum(clips.get(state, 0) for state in GOOD):
        parts.append(f"{count_of(sum(clips.values()), 'variant')} did not pass.")
    if held or failed or clips.get(State.FAILED) or clips.get(State.QUARANTINED):
        parts.append(f"`reelmill status {campaign_id}` shows why.")
    return " ".join(parts)
