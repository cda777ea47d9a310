"""Sweep deliverables: their objects in the bucket, their leases, and their staged files on this machine."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from adapters.bucket import Entry
from adapters.catalogue import DeliverableRow
from adapters.catalogue.core.database import batches
from manifests.finish.deliverable import UNDELIVERED, DeliverableState
from tasks.deliver.withdraw import remove_deliverable
from tasks.finish.files.folders import DELIVERABLES, MASTERS
from tasks.runtime.lease_owner import is_dead
from tasks.sweep.context import Sweep, SweepTarget
from tasks.sweep.removal import age_of, remove

_ID = re.compile(r"[0-9a-f]{32}")
AT_ONCE = 200


def compare_deliverables(sweep: Sweep, target: SweepTarget, name: str, listing: Mapping[str, Entry]) -> set[str]:
    """Compare the deliverables of a campaign with a listing of its objects; return their keys.

    Missing objects, and files of another size, are reported. Files of withdrawn deliverables are deleted.
    """
    known: set[str] = set()
    for row in sweep.catalogue.files.sent_deliverables(name):
        if row.signed is None or row.signed.campaign_id != name:
            continue
        known.update(row.signed.keys)
        if row.state == DeliverableState.PUBLISHED:
            sweep.notes.count("deliverables")
            _check(sweep, target, row, listing)
        elif row.state == DeliverableState.WITHDRAWN:
            _remove_leftovers(sweep, target, row, listing)
    return known


def end_abandoned_deliverables(sweep: Sweep) -> None:
    """End the leases of dead processes of this host, and expired leases."""
    leases = sweep.catalogue.deliverable_leases
    for owner in filter(is_dead, leases.owners()):
        if sweep.options.dry_run or leases.release_owner(owner):
            sweep.notes.add("dead-worker", owner)
    while ended := leases.expired() if sweep.options.dry_run else leases.end_expired():
        for lease in ended:
            sweep.notes.add("expired-lease", lease.variant_id)
        if sweep.options.dry_run:
            return


def prune_deliverables(sweep: Sweep) -> None:
    """Delete staged files of deliverables that are done, are made elsewhere, or are unknown, and old masters."""
    root = sweep.resources.staging / DELIVERABLES
    for folders in batches(_folders(root), AT_ONCE):
        rows = sweep.catalogue.deliverables.of_ids([folder.name for folder in folders])
        for folder in folders:
            if age_of(folder) > sweep.options.grace_s and not _is_needed(sweep, rows.get(folder.name)):
                remove(sweep, "deliverable-folder", folder)
    for path in (root / MASTERS).glob("*"):
        if path.is_file() and age_of(path) > sweep.options.grace_s:
            remove(sweep, "fetched-master", path)


def _is_needed(sweep: Sweep, row: DeliverableRow | None) -> bool:
    if row is None or row.state not in UNDELIVERED:
        return False
    return row.lease_owner is not None or row.machine in ("", sweep.resources.machine)


def _folders(root: Path) -> Iterator[Path]:
    for folder in sorted(root.glob("[0-9a-f][0-9a-f]/*")):
        if _ID.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            yield folder


def _check(sweep: Sweep, target: SweepTarget, row: DeliverableRow, listing: Mapping[str, Entry]) -> None:
    facts = row.signed
    assert facts is not None
    for key in facts.keys:
        entry = listing.get(key)
        if entry is None and target.bucket.head(key) is None:
            _add(sweep, "missing", row, key)
        elif entry is not None and key == facts.key and entry.size != facts.size:
            _add(sweep, "differing", row, key)


def _add(sweep: Sweep, kind: str, row: DeliverableRow, key: str) -> None:
    """Add a damaged file to the report, unless the deliverable was withdrawn in the meantime."""
    if sweep.catalogue.deliverables.get(row.deliverable_id).state == DeliverableState.PUBLISHED:
        sweep.notes.add(kind, key)


def _remove_leftovers(sweep: Sweep, target: SweepTarget, row: DeliverableRow, listing: Collection[str]) -> None:
    """Delete files that remained after a failed deletion, or that a worker uploaded after the withdrawal."""
    assert row.signed is not None
    if not any(key in listing and target.bucket.head(key) for key in row.signed.keys) and row.url is None:
        return
    problem = "" if sweep.options.dry_run else remove_deliverable(target.resources, row.deliverable_id)
    if problem:
        sweep.notes.add("withdrawn-left", f"{row.deliverable_id}: {problem}")
    else:
        sweep.notes.add("withdrawn-deliverable", row.deliverable_id)
