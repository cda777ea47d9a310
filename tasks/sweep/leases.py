"""End abandoned work: runs without a driver, expired leases, and leases of dead processes.

The alert is created before the work is ended. If a sweep is killed in between, the next one creates the same alert
again, which has no effect because of its key.
"""

from collections import defaultdict

from tasks.alerts import alerts
from tasks.runtime.lease_owner import is_alive, is_dead
from tasks.sweep.context import Sweep


def end_abandoned(sweep: Sweep) -> None:
    """End abandoned runs and leases, with one alert for each lost run and worker."""
    _end_runs(sweep)
    _end_dead(sweep)
    _end_expired(sweep)


def _end_runs(sweep: Sweep) -> None:
    for run in sweep.catalogue.runs.silent():
        if is_alive(run.owner):
            continue  # the machine was suspended, and the driver will continue soon
        if not sweep.options.dry_run:
            alerts.run_lost(sweep.catalogue, run, sweep.options.review_url)
            if not sweep.catalogue.runs.mark_lost(run.run_id):
                continue  # another sweep was faster, or its driver sent a heartbeat
        sweep.notes.add("lost-run", f"{run.run_id} of {run.campaign_id}")


def _end_dead(sweep: Sweep) -> None:
    """End the leases of dead processes on this host."""
    for owner in filter(is_dead, sweep.catalogue.leases.owners()):
        if not sweep.options.dry_run:
            alerts.worker_lost(sweep.catalogue, owner, sweep.catalogue.leases.of_owner(owner))
            if not sweep.catalogue.leases.release_owner(owner):
                continue
        sweep.notes.add("dead-worker", owner)


def _end_expired(sweep: Sweep) -> None:
    """End expired leases; those of dead processes have already been ended."""
    catalogue = sweep.catalogue
    by_owner: defaultdict[str, list[str]] = defaultdict(list)
    for lease in catalogue.leases.expired():
        by_owner[lease.owner].append(lease.variant_id)
        if sweep.options.dry_run:
            sweep.notes.add("expired-lease", lease.variant_id)
    if sweep.options.dry_run:
        return
    for owner, variant_ids in by_owner.items():
        alerts.worker_lost(catalogue, owner, variant_ids)
    while ended := catalogue.leases.end_expired():
        for lease in ended:
            sweep.notes.add("expired-lease", lease.variant_id)
