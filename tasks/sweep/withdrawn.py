"""Delete files of withdrawn clips that are still in the bucket."""

from collections.abc import Collection

from adapters.catalogue import VariantRow
from manifests.errors import BucketError
from tasks.deliver.withdraw import removal_problem, remove_files
from tasks.sweep.context import Sweep, SweepTarget


def remove_leftovers(sweep: Sweep, target: SweepTarget, row: VariantRow, listing: Collection[str]) -> None:
    """Delete files that remained after a failed deletion, or that a worker uploaded after the withdrawal."""
    assert row.signed is not None
    bucket = target.bucket
    keys = [key for key in row.signed.keys if key in listing and bucket.head(key)]
    if not keys and row.url is None:
        return
    error = removal_problem(target.resources, row)
    if not error and not sweep.options.dry_run:
        error = _remove(target, row, keys)
    if error:
        sweep.notes.add("withdrawn-left", f"{row.variant_id}: {error}")
    else:
        sweep.notes.add("withdrawn", row.variant_id)


def _remove(target: SweepTarget, row: VariantRow, keys: Collection[str]) -> str:
    """Delete the files of a clip; return the error, or an empty string."""
    if left := remove_files(target.resources, [row.variant_id]):
        return left[row.variant_id]
    try:
        for key in keys:
            target.bucket.remove(key)
    except BucketError as error:
        return str(error)
    return ""
