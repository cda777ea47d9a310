"""Compare a bucket with the catalogue: it must contain all published files, and no other files of the campaigns."""

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple

from adapters.bucket import Entry, LocalBucket
from adapters.bucket.base import CHECK_KEY
from adapters.catalogue import VariantRow
from manifests.states import State
from tasks.deliver.keys import NOT_OF_CLIPS, is_of_a_clip
from tasks.runtime.files.shared_staging import is_reachable
from tasks.sweep.context import Sweep, SweepTarget
from tasks.sweep.deliverables import compare_deliverables
from tasks.sweep.orphans import quarantine
from tasks.sweep.withdrawn import remove_leftovers

RESERVED = NOT_OF_CLIPS | {CHECK_KEY}
"""Top-level prefixes, and a key, that do not belong to a campaign."""
HEADS = 20_000
"""Maximum number of hash requests to a store in one sweep; if there are more objects, a random sample is checked."""
READ = 400
"""The same for a folder, where computing a hash means reading the file."""
THREADS = 8

Listing = Mapping[str, Entry]


class Upload(NamedTuple):
    """An object that the bucket must contain."""

    row: VariantRow
    key: str
    sha256: str


def compare(sweep: Sweep, target: SweepTarget) -> None:
    """Compare one bucket, campaign by campaign.

    Raises:
        BucketError: the bucket refuses the request or does not respond.
    """
    bucket, share = target.bucket, hash_share(sweep, target)
    seen: set[str] = set()
    for name, entries in groupby(bucket.entries(), key=lambda entry: entry.key.partition("/")[0]):
        if name in target.campaigns:
            seen.add(name)
            compare_campaign(sweep, target, name, {entry.key: entry for entry in entries}, share)
        elif name not in RESERVED | sweep.campaigns:
            _count_unknown(sweep, entries)
    for name in sorted(target.campaigns - seen):
        compare_campaign(sweep, target, name, {}, share)


def _count_unknown(sweep: Sweep, entries: Iterable[Entry]) -> None:
    """Count the objects of a prefix that is no known campaign; a campaign can be lost when a backup is restored."""
    named = Counter(is_of_a_clip(entry.key) for entry in entries)
    sweep.notes.count("other-campaigns", named[True])
    sweep.notes.count("unrelated", named[False])


def hash_share(sweep: Sweep, target: SweepTarget) -> float:
    """Return the share of objects whose hash is compared, 0..1."""
    clips = sum(sweep.catalogue.progress.tally(name).get(State.PUBLISHED, 0) for name in target.campaigns)
    most = READ if isinstance(target.bucket, LocalBucket) else HEADS
    return min(1.0, most / max(1, 4 * clips))


def compare_campaign(sweep: Sweep, target: SweepTarget, name: str, listing: Listing, share: float) -> None:
    """Compare clips and deliverables of one campaign with a listing that was made before they were read."""
    sweep.notes.count("objects", len(listing))
    known: set[str] = set()
    picked: list[Upload] = []
    for row in sweep.catalogue.files.sent(name):
        if row.signed is None or row.signed.campaign_id != name:
            continue  # published by another campaign that shares the clip
        known.update(row.signed.keys)
        if row.state == State.PUBLISHED:
            sweep.notes.count("clips")
            picked += _check_listed(sweep, target, row, listing, share)
        elif row.state == State.WITHDRAWN:
            remove_leftovers(sweep, target, row, listing)
    known |= compare_deliverables(sweep, target, name, listing)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda upload: _check_hash(sweep, target, upload), picked))
    oldest = time.time() - sweep.options.grace_s
    unnamed = [entry for key, entry in listing.items() if key not in known]
    recent = [entry.key for entry in unnamed if entry.modified > oldest and is_of_a_clip(entry.key)]
    sweep.notes.count("recent", len(recent) - len(sweep.catalogue.files.keys_in_use(recent)))
    unknown = [entry.key for entry in unnamed if entry.modified <= oldest]
    quarantine(sweep, target, unknown, len(known & listing.keys()))


def _check_listed(
    sweep: Sweep, target: SweepTarget, row: VariantRow, listing: Listing, share: float
) -> Iterator[Upload]:
    """Report files of another size; yield those to check individually."""
    facts = row.signed
    assert facts is not None
    if facts.key not in listing and _is_elsewhere(target, row):
        return sweep.notes.count("elsewhere")
    is_picked = random.random() < share  # noqa: S311 - a sample, no secret
    for key, sha256 in uploads_of(row).items():
        entry = listing.get(key)
        if entry is not None and key == facts.key and entry.size != facts.size:
            _add_damage(sweep, "differing", row, key)
        elif entry is None or is_picked:
            yield Upload(row, key, sha256)


def uploads_of(row: VariantRow) -> dict[str, str]:
    """Return the hashes of a signed clip's objects by key; empty for objects without a recorded hash."""
    facts = row.signed
    assert facts is not None
    return {key: facts.sha256 if key == facts.key else facts.digests.get(key, "") for key in facts.keys}


def _check_hash(sweep: Sweep, target: SweepTarget, upload: Upload) -> None:
    found = target.bucket.head(upload.key)
    sweep.notes.count("hashes")
    if found is None:
        _add_damage(sweep, "missing", upload.row, upload.key)
    elif upload.sha256 and found.sha256 != upload.sha256:
        _add_damage(sweep, "differing", upload.row, upload.key)


def _add_damage(sweep: Sweep, kind: str, row: VariantRow, key: str) -> None:
    """Add a damaged file to the report, unless the clip was withdrawn in the meantime."""
    if sweep.is_published(row):
        sweep.damaged.add(row.variant_id)
        sweep.notes.add(kind, key)


def _is_elsewhere(target: SweepTarget, row: VariantRow) -> bool:
    """Return whether the bucket is a folder on another machine."""
    return (
        isinstance(target.bucket, LocalBucket) and row.clip is not None and not is_reachable(target.resources, row.clip)
    )
