"""Withdraw published clips: mark them in the catalogue first, then delete their files from the bucket."""

from collections.abc import Iterable, Mapping

from adapters.catalogue import DecisionResult
from manifests.errors import BucketError
from manifests.states import State
from tasks.runtime.resources import Resources, bucket_of, catalogue_of


def withdraw(resources: Resources, seen: Mapping[str, int], actor: str, reason: str) -> DecisionResult:
    """Withdraw clips in the versions that were seen.

    A clip whose files could not be deleted is withdrawn too, but also reported as refused. It keeps its URL, so that
    ``remove_files`` can find it later.
    """
    decided = catalogue_of(resources).reviews.record(seen, State.WITHDRAWN, actor, reason=reason)
    left = remove_files(resources, decided.moved)
    return DecisionResult(decided.moved, {**decided.refused, **left})


def remove_files(resources: Resources, variant_ids: Iterable[str]) -> dict[str, str]:
    """Delete the files of withdrawn clips from the bucket, the clip itself first; return errors by variant id."""
    catalogue, bucket, left = catalogue_of(resources), bucket_of(resources), {}
    for variant_id in variant_ids:
        row = catalogue.variants.get(variant_id)
        if row.state != State.WITHDRAWN or row.url is None or row.signed is None:
            continue
        try:
            for key in reversed(row.signed.keys):
                bucket.remove(key)
        except BucketError as error:
            left[variant_id] = (
                f"The clip is withdrawn, but its files are still in the bucket: {error} "
                "Withdraw it again to delete them."
            )
        else:
            catalogue.decisions.mark_removed(variant_id)
    return left
