"""Files in the bucket that no clip names: moved aside, never deleted."""

from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.bucket.base import is_key
from manifests.errors import KeyTakenError
from tasks.runtime.retry import retry_transient
from tasks.sweep.terms import Place, Sweep, bucket_at

QUARANTINE = "quarantine"


def quarantine(sweep: Sweep, place: Place, keys: Sequence[str], known: int) -> None:
    """Move files of a campaign to ``quarantine/<date>/<key>``; all stay where they are suspiciously many.

    Args:
        known: how many files of the campaign are named by clips.

    Raises:
        BucketRefusedError: the right to move them is missing.
        BucketUnreachableError: it has stopped answering.
    """
    ours = [key for key in keys if is_key(key)]
    sweep.notes.look("foreign", len(keys) - len(ours))
    named = sweep.catalogue.files.keys_in_use(ours)  # some may have been committed since they were listed
    orphans = [key for key in ours if key not in named]
    for key in orphans:
        if not sweep.terms.allows(len(orphans), known):
            sweep.notes.add("orphan-left", key)
        elif sweep.terms.dry_run:
            sweep.notes.add("orphan", key)
        else:
            _move(sweep, place, key)


def _move(sweep: Sweep, place: Place, key: str) -> None:
    bucket, aside = bucket_at(place), f"{QUARANTINE}/{datetime.now(UTC):%Y-%m-%d}/{key}"
    try:
        if sweep.catalogue.files.keys_in_use([key]) or not retry_transient(bucket.move, key, aside):
            return
        # Whoever committed the key while it was moved has found its bytes there and counts on them.
        if sweep.catalogue.files.keys_in_use([key]):
            retry_transient(bucket.move, aside, key)
            return
    except KeyTakenError as error:
        sweep.notes.add("orphan-left", f"{key} ({error})")
        return
    sweep.notes.add("orphan", key)
