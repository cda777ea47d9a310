"""What a person can decide about a provider job, and why a decision is refused."""

from collections.abc import Mapping
from enum import StrEnum

from manifests.hosted.job import JobState
from manifests.hosted.provider_job import ProviderJob

SHORT = 12
"""Digits of a job's id that identify it."""


class Decision(StrEnum):
    """The decisions of `reelmill jobs` and of the dashboard."""

    ADOPT = "adopt"
    DISCARD = "discard"
    CANCEL = "cancel"


_STATES: Mapping[Decision, frozenset[JobState]] = {
    Decision.ADOPT: frozenset({JobState.SUBMITTING, JobState.UNCERTAIN, JobState.LOST}),
    Decision.DISCARD: frozenset({JobState.SUBMITTING, JobState.UNCERTAIN, JobState.LOST, JobState.DONE}),
    Decision.CANCEL: frozenset({JobState.SUBMITTED}),
}
_DONE = {Decision.ADOPT: "adopted", Decision.DISCARD: "discarded", Decision.CANCEL: "cancelled"}


def refusal_of(job: ProviderJob, decision: Decision, *, is_billed: bool = False) -> str:
    """Return why a decision is not possible, and what is; empty if the state of the job allows it.

    Args:
        is_billed: the job is discarded as billed, which is also possible while the provider works on it.
    """
    is_closed = decision == Decision.DISCARD and job.state == JobState.LOST and bool(job.closed_by)
    is_given_up = decision == Decision.DISCARD and job.state == JobState.SUBMITTED and is_billed
    if is_given_up or (job.state in _STATES[decision] and not is_closed):
        return ""
    return f"The provider job {job.job_id} {_what(job)}, so it cannot be {_DONE[decision]}. {_advice(job)}"


def _what(job: ProviderJob) -> str:
    who = job.closed_by.removeprefix("person:")
    ended = {
        JobState.SUBMITTING: "may have been accepted",
        JobState.UNCERTAIN: "may have been accepted",
        JobState.SUBMITTED: f"is in progress at {job.provider}",
        JobState.DONE: "is done",
        JobState.FAILED: f"has failed at {job.provider}",
        JobState.REFUSED: f"was refused by {job.provider}",
        JobState.CANCELLED: f"was already settled by {who}" if who and not job.vendor_ref else "is already cancelled",
        JobState.LOST: f"was already closed by {who}" if who else "has ended, and its file is lost",
    }
    return ended[job.state]


def _advice(job: ProviderJob) -> str:
    """Return what can be done in the state of a job."""
    short = job.job_id[:SHORT]
    if job.state in (JobState.SUBMITTING, JobState.UNCERTAIN):
        return (
            f"If {job.provider} has it, run `reelmill jobs adopt {short} REFERENCE`; if not, run `reelmill jobs "
            f"discard {short}`."
        )
    if job.state == JobState.SUBMITTED:
        return (
            f"`reelmill resume {job.campaign_id}` waits for it and downloads its clip, `reelmill jobs cancel {short}` "
            f"asks {job.provider} to cancel it, and `reelmill jobs discard {short} --billed` gives it up as paid."
        )
    if job.state == JobState.DONE and job.fetched_at is not None:
        return f"Its clip is downloaded; `reelmill status {job.campaign_id}` shows the campaign."
    if job.state == JobState.DONE:
        return f"`reelmill resume {job.campaign_id}` downloads its clip."
    if job.state == JobState.LOST and not job.closed_by:
        return f"To close it, run `reelmill jobs discard {short} --billed`."
    return (
        f"To generate its clip again, run `reelmill resume {job.campaign_id}`, or `reelmill retry {job.campaign_id} "
        "--failed` if the clip has failed."
    )
