"""Take published clips back: out of the catalogue's good ones first, then out of the bucket."""

from collections.abc import Iterable, Mapping

from adapters.catalogue import Decided
from manifests.errors import BucketError
from manifests.states import State
from tasks.runtime.resources import Resources, bucket_of, catalogue_of
from tasks.runtime.retry import retry_transient


def withdraw(resources: Resources, seen: Mapping[str, int], actor: str, reason: str) -> Decided:
    """Withdraw clips as they were seen; one whose files stay in the bucket is told among the refused.

    It is withdrawn all the same and keeps its URL, by which ``remove_files`` knows it later.
    """
    decided = catalogue_of(resources).reviews.record(seen, State.WITHDRAWN, actor, reason=reason)
    left = remove_files(resources, decided.moved)
    return Decided(decided.moved, {**decided.refused, **left})


def remove_files(resources: Resources, variant_ids: Iterable[str]) -> dict[str, str]:
    """Take the files of withdrawn clips out of the bucket, the clip itself first; return what went wrong, by id."""
    catalogue, bucket, left = catalogue_of(resources), bucket_of(resources), {}
    for variant_id in variant_ids:
        row = catalogue.variants.get(variant_id)
        if row.state != State.WITHDRAWN or row.url is None or row.signed is None:
            continue
        try:
            for key in reversed(row.signed.keys):
                retry_transient(bucket.remove, key)
        except BucketError as error:
            left[variant_id] = f"It is withdrawn, and its files are still in the bucket: {error} Withdraw it again."
        else:
            catalogue.decisions.mark_removed(variant_id)
    return left
