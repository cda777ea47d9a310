"""Ends what was abandoned: runs without a driver, leases that expired, those of processes that are gone.

Each is told before it is ended: a sweep that is killed in between is told again under the same key, which is once.
"""

from collections import defaultdict

from adapters.catalogue.work.runs import LOST
from tasks.alerts import alerts
from tasks.runtime.lease_owner import is_dead, lives_here
from tasks.sweep.terms import Sweep


def end_abandoned(sweep: Sweep) -> None:
    """End them all, and tell of each run and worker that was lost, once."""
    _end_runs(sweep)
    _end_dead(sweep)
    _end_expired(sweep)


def _end_runs(sweep: Sweep) -> None:
    for run in sweep.catalogue.runs.silent():
        if lives_here(run.owner):
            continue  # a machine that has slept: its driver goes on in a moment
        if not sweep.terms.dry_run:
            alerts.run_ended(sweep.catalogue, run.campaign_id, run.run_id, LOST, sweep.terms.review_url)
            if not sweep.catalogue.runs.mark_lost(run.run_id):
                continue  # another sweep was faster, or its driver has spoken again
        sweep.notes.add("lost-run", f"{run.run_id} of {run.campaign_id}")


def _end_dead(sweep: Sweep) -> None:
    """End the leases of processes of this host that live no more."""
    for owner in filter(is_dead, sweep.catalogue.leases.owners()):
        if not sweep.terms.dry_run:
            alerts.worker_lost(sweep.catalogue, owner, sweep.catalogue.leases.of_owner(owner))
            if not sweep.catalogue.leases.release_owner(owner):
                continue
        sweep.notes.add("dead-worker", owner)


def _end_expired(sweep: Sweep) -> None:
    """End leases that have expired; those of dead processes were ended before."""
    catalogue = sweep.catalogue
    by_owner: defaultdict[str, list[str]] = defaultdict(list)
    for lease in catalogue.leases.expired():
        by_owner[lease.owner].append(lease.variant_id)
        if sweep.terms.dry_run:
            sweep.notes.add("expired-lease", lease.variant_id)
    if sweep.terms.dry_run:
        return
    for owner, variant_ids in by_owner.items():
        alerts.worker_lost(catalogue, owner, variant_ids)
    while ended := catalogue.leases.end_expired():
        for lease in ended:
            sweep.notes.add("expired-lease", lease.variant_id)
