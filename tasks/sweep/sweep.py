"""The sweeper: what outside deletions, killed workers and time leave behind is found, and put right where that is safe.

Each step can be killed and run again, by several at once, while workers work.
"""

from collections.abc import Callable, Sequence
from functools import partial

from manifests.errors import BucketError, CredentialError
from tasks.alerts import alerts
from tasks.runtime.resources import Resources
from tasks.sweep.compare import compare
from tasks.sweep.credentials import verify_some
from tasks.sweep.leases import end_abandoned
from tasks.sweep.prune import prune_staging
from tasks.sweep.report import KINDS, SweepReport, names_text
from tasks.sweep.shared import prune_shared
from tasks.sweep.terms import Place, Sweep, Terms


def sweep_all(resources: Resources, places: Sequence[Place], terms: Terms) -> SweepReport:
    """Sweep catalogue, buckets and this machine's staging.

    A bucket that does not answer, or a signer that is missing, is told in the report, and the other steps are done.

    Raises:
        CatalogueError: the catalogue does not answer; a later sweep does the rest.
    """
    sweep = Sweep(resources, places, terms)
    end_abandoned(sweep)
    for place in places:
        if not _done(sweep, f"compare {place.resources.bucket.location}", partial(compare, sweep, place)):
            sweep.unseen.update(place.campaigns)
    _done(sweep, "verify credentials", partial(verify_some, sweep))
    for place in places:
        _done(sweep, f"prune {place.resources.bucket.location}", partial(prune_shared, sweep, place))
    _done(sweep, f"prune {resources.staging}", partial(prune_staging, sweep))
    report = sweep.notes.report(terms.dry_run)
    if not terms.dry_run:
        alerts.swept(
            sweep.catalogue,
            sentences(report),
            {"found": {kind: found.count for kind, found in report.for_people.items()}},
        )
    return report


def sentences(report: SweepReport) -> list[str]:
    """Return what needs a person, a sentence for each kind."""
    return [
        f"{KINDS[kind].counted(found.count)} ({names_text(found)}); {KINDS[kind].mended(found.count)}."
        for kind, found in report.for_people.items()
    ]


def _done(sweep: Sweep, what: str, step: Callable[[], None]) -> bool:
    try:
        step()
    except (BucketError, CredentialError, OSError) as error:
        sweep.notes.add("not-done", f"{what}: {error}")
        return False
    return True
