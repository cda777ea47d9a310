"""The sweeper: find leftovers of killed workers, deleted files and outdated files, and fix what is safe to fix.

Each step can be killed and run again, and several sweeps may run at the same time as workers.
"""

from collections.abc import Callable, Sequence
from functools import partial

from manifests.errors import BucketError, CredentialError
from tasks.alerts import alerts
from tasks.finish.files.folders import DELIVERABLES
from tasks.runtime.resources import Resources
from tasks.sweep.compare import compare
from tasks.sweep.context import Sweep, SweepOptions, SweepTarget
from tasks.sweep.credentials import verify_some
from tasks.sweep.deliverables import end_abandoned_deliverables, prune_deliverables
from tasks.sweep.leases import end_abandoned
from tasks.sweep.prune import prune_staging
from tasks.sweep.report import KINDS, SweepReport, names_text
from tasks.sweep.shared import prune_shared
from tasks.sweep.unsettled_jobs import follow_unfollowed, report_unsettled


def sweep_all(resources: Resources, targets: Sequence[SweepTarget], options: SweepOptions) -> SweepReport:
    """Sweep the catalogue, the buckets and the staging folder of this machine.

    If a bucket does not respond or the signer is not available, this is reported, and the other steps still run.

    Raises:
        CatalogueError: the catalogue does not respond; a later sweep does the rest.
    """
    sweep = Sweep(resources, targets, options)
    end_abandoned(sweep)
    end_abandoned_deliverables(sweep)
    follow_unfollowed(sweep)
    report_unsettled(sweep)
    for target in targets:
        if not _run_step(sweep, f"compare {target.resources.bucket.location}", partial(compare, sweep, target)):
            sweep.uncompared.update(target.campaigns)
    _run_step(sweep, "verify credentials", partial(verify_some, sweep))
    for target in targets:
        _run_step(sweep, f"prune {target.resources.bucket.location}", partial(prune_shared, sweep, target))
    _run_step(sweep, f"prune {resources.staging}", partial(prune_staging, sweep))
    _run_step(sweep, f"prune {resources.staging / DELIVERABLES}", partial(prune_deliverables, sweep))
    report = sweep.notes.report(options.dry_run)
    if not options.dry_run:
        alerts.sweep_problems(
            sweep.catalogue,
            sentences(report),
            {"found": {kind: found.count for kind, found in report.needs_person.items()}},
        )
    return report


def sentences(report: SweepReport) -> list[str]:
    """Return a sentence for each kind of finding that needs a person."""
    return [
        f"{KINDS[kind].counted(found.count)} ({names_text(found)}). {KINDS[kind].fix_text(found.count)}."
        for kind, found in report.needs_person.items()
    ]


def _run_step(sweep: Sweep, what: str, step: Callable[[], None]) -> bool:
    try:
        step()
    except (BucketError, CredentialError, OSError) as error:
        sweep.notes.add("not-done", f"{what}: {error}")
        return False
    return True
