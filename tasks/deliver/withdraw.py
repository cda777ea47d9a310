"""Withdraw published clips and their deliverables: mark them in the catalogue first, then delete their files."""

from collections.abc import Iterable, Mapping

from adapters.catalogue import DecisionResult, VariantRow
from manifests.errors import BucketError
from manifests.finish.deliverable import DeliverableState
from manifests.states import State
from tasks.deliver.keys import is_of_variant
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
    """Delete the files of withdrawn clips from the bucket; return errors by variant id.

    The files of their deliverables are deleted first, then the clip itself, and its companions last.
    """
    catalogue, bucket, left = catalogue_of(resources), bucket_of(resources), {}
    for variant_id in variant_ids:
        row = catalogue.variants.get(variant_id)
        if row.state != State.WITHDRAWN:
            continue
        if problem := _remove_deliverables_of(resources, variant_id):
            left[variant_id] = problem
        if row.url is None or row.signed is None:
            continue
        if problem := removal_problem(resources, row):
            left[variant_id] = problem
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


def removal_problem(resources: Resources, row: VariantRow) -> str:
    """Return why the files of a withdrawn clip must not be deleted, as a sentence; empty if they may be.

    Someone who can write to the database could name any object of the bucket as a file of a withdrawn clip.
    """
    problem = catalogue_of(resources).removal_proofs.problem(row.variant_id)
    keys = row.signed.keys if row.signed else ()
    if not problem and (odd := [key for key in keys if not is_of_variant(key, row.variant_id)]):
        problem = f"{odd[0]} is not one of its keys"
    if not problem:
        return ""
    return (
        f"Files of clip {row.variant_id[:12]} were not deleted, because its withdrawal is not proven: {problem}. "
        "Run `reelmill audit verify` to see what was changed outside Reelmill."
    )


def remove_deliverable(resources: Resources, deliverable_id: str) -> str:
    """Delete the files of a withdrawn deliverable from the bucket; return why they were not, as a sentence, or ""."""
    catalogue, bucket = catalogue_of(resources), bucket_of(resources)
    row = catalogue.deliverables.get(deliverable_id)
    if row.state != DeliverableState.WITHDRAWN or row.signed is None:
        return ""
    problem = catalogue.deliverable_proofs.removal_problem(deliverable_id)
    if not problem and (odd := [key for key in row.signed.keys if not is_of_variant(key, deliverable_id)]):
        problem = f"{odd[0]} is not one of its keys"
    if problem:
        return (
            f"Files of deliverable {deliverable_id[:12]} were not deleted, because its withdrawal is not proven: "
            f"{problem}. Run `reelmill audit verify` to see what was changed outside Reelmill."
        )
    try:
        for key in reversed(row.signed.keys):
            bucket.remove(key)
    except BucketError as error:
        return (
            f"Deliverable {deliverable_id[:12]} is withdrawn, but its files are still in the bucket: {error} "
            "Run `reelmill sweep` to delete them."
        )
    catalogue.deliverables.mark_removed(deliverable_id)
    return ""


def _remove_deliverables_of(resources: Resources, variant_id: str) -> str:
    """Delete the files of the deliverables that contain a withdrawn clip; return the first problem."""
    problems = [
        problem
        for row in catalogue_of(resources).deliverables.of_variant(variant_id)
        if (problem := remove_deliverable(resources, row.deliverable_id))
    ]
    return next(iter(problems), "")
