"""Follow provider jobs that no process follows, and report those that need a person."""

import time

from manifests.hosted.job import JobState
from tasks.render.hosted.takeover import LeftJobs, alert_expiring, follow_all, left_jobs
from tasks.runtime.cancellation import stopping
from tasks.runtime.resources import Resources
from tasks.sweep.context import Sweep

SETTLING_S = 3600.0
"""Younger uncertain jobs may still be searched for by their lane."""
FOLLOW_S = 900.0
"""Longest time for which a sweep follows jobs; the next one, or a lane, continues."""


def follow_unfollowed(sweep: Sweep) -> None:
    """Fetch the results of jobs whose process has ended, and alert about those that are deleted soon.

    Jobs are skipped if this machine does not have their account or card.
    """
    jobs, until = sweep.catalogue.provider_jobs, time.monotonic() + FOLLOW_S
    before = left_jobs(sweep.catalogue, is_dry=sweep.options.dry_run)
    if not sweep.options.dry_run:
        share = sweep.options.max_rank_share
        follow_all(
            lambda left: _resources_for(sweep, left),
            before,
            share,
            lambda: stopping.is_set() or time.monotonic() > until,
        )
        alert_expiring(sweep.resources, jobs.unfollowed())
    still = set() if sweep.options.dry_run else {job.job_id for job in jobs.unfollowed()}
    for job in (job for left in before for job in left.jobs):
        if job.job_id not in still and job.state is not JobState.UNCERTAIN:
            sweep.notes.add("left-job", f"{job.job_id[:12]} of {job.campaign_id}")


def report_unsettled(sweep: Sweep) -> None:
    """Report overdue jobs, and uncertain ones about which a person has to decide."""
    jobs = sweep.catalogue.provider_jobs
    for job in jobs.list(JobState.UNCERTAIN, limit=1000):
        if time.time() - job.created_at > SETTLING_S:
            sweep.notes.add("uncertain-job", job.job_id[:12])
    for job in jobs.overdue():
        if job.state is JobState.SUBMITTED:
            sweep.notes.add("overdue-job", f"{job.job_id[:12]} of {job.campaign_id}")


def _resources_for(sweep: Sweep, left: LeftJobs) -> Resources:
    """Return the resources with the bucket of a campaign."""
    own = (target.resources for target in sweep.targets if left.campaign_id in target.campaigns)
    return next(own, sweep.resources)
