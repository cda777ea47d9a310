"""Report provider jobs that keep money and places of an account although nobody follows them."""

import time

from manifests.hosted.job import JobState
from tasks.sweep.context import Sweep

SETTLING_S = 3600.0
"""Younger uncertain jobs may still be searched for by their lane."""


def report_unsettled(sweep: Sweep) -> None:
    """Report overdue jobs, and uncertain ones about which a person has to decide."""
    jobs = sweep.catalogue.provider_jobs
    for job in jobs.list(JobState.UNCERTAIN, limit=1000):
        if time.time() - job.created_at > SETTLING_S:
            sweep.notes.add("uncertain-job", job.job_id[:12])
    for job in jobs.overdue():
        if job.state is JobState.SUBMITTED:
            sweep.notes.add("overdue-job", f"{job.job_id[:12]} of {job.campaign_id}")
