"""Files of withdrawn clips that still lie in the bucket."""

from collections.abc import Collection

from adapters.catalogue import VariantRow
from manifests.errors import BucketError
from tasks.deliver.withdraw import remove_files
from tasks.runtime.retry import retry_transient
from tasks.sweep.terms import Place, Sweep, bucket_at


def remove_left(sweep: Sweep, place: Place, row: VariantRow, listing: Collection[str]) -> None:
    """Remove what lies there: a removal that failed, or an upload by a worker that slept through the withdrawal."""
    assert row.signed is not None
    bucket = bucket_at(place)
    keys = [key for key in row.signed.keys if key in listing and retry_transient(bucket.head, key)]
    if not keys and row.url is None:
        return
    left = "" if sweep.terms.dry_run else _remove(place, row, keys)
    if left:
        sweep.notes.add("withdrawn-left", f"{row.variant_id}: {left}")
    else:
        sweep.notes.add("withdrawn", row.variant_id)


def _remove(place: Place, row: VariantRow, keys: Collection[str]) -> str:
    """Remove a clip's files; return what went wrong."""
    if left := remove_files(place.resources, [row.variant_id]):
        return left[row.variant_id]
    try:
        for key in keys:
            retry_transient(bucket_at(place).remove, key)
    except BucketError as error:
        return str(error)
    return ""
