"""Move files in the bucket that belong to no clip to quarantine; they are never deleted."""

from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.bucket.base import is_key
from manifests.errors import KeyTakenError
from tasks.sweep.context import Sweep, SweepTarget

QUARANTINE = "quarantine"


def quarantine(sweep: Sweep, target: SweepTarget, keys: Sequence[str], known: int) -> None:
    """Move files of a campaign to ``quarantine/<date>/<key>``; if there are suspiciously many, leave them.

    Args:
        known: number of files of the campaign that belong to clips.

    Raises:
        BucketRefusedError: no permission to move them.
        BucketUnreachableError: the bucket does not respond.
    """
    ours = [key for key in keys if is_key(key)]
    sweep.notes.count("unrelated", len(keys) - len(ours))
    named = sweep.catalogue.files.keys_in_use(ours)  # some may have been committed after the listing
    orphans = [key for key in ours if key not in named]
    for key in orphans:
        if not sweep.options.allows(len(orphans), known):
            sweep.notes.add("orphan-left", key)
        elif sweep.options.dry_run:
            sweep.notes.add("orphan", key)
        else:
            _move(sweep, target, key)


def _move(sweep: Sweep, target: SweepTarget, key: str) -> None:
    bucket, aside = target.bucket, f"{QUARANTINE}/{datetime.now(UTC):%Y-%m-%d}/{key}"
    try:
        if sweep.catalogue.files.keys_in_use([key]) or not bucket.move(key, aside):
            return
        # A worker that committed the key during the move relies on the file being there.
        if sweep.catalogue.files.keys_in_use([key]):
            bucket.move(aside, key)
            return
    except KeyTakenError as error:
        sweep.notes.add("orphan-left", f"{key} ({error})")
        return
    sweep.notes.add("orphan", key)
