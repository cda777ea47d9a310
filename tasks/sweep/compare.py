"""Holds the bucket against the catalogue: what is published must lie there, and nothing else of ours."""

import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple

from adapters.bucket import Entry, LocalBucket
from adapters.catalogue import VariantRow
from manifests.states import State
from tasks.runtime.retry import retry_transient
from tasks.runtime.shared_staging import PREFIX, is_reachable
from tasks.sweep.orphans import QUARANTINE, quarantine
from tasks.sweep.terms import Place, Sweep, bucket_at
from tasks.sweep.withdrawn import remove_left

LEFT_ALONE = frozenset({PREFIX, QUARANTINE, "inbox"})
"""First parts of keys that are no campaign's."""
HEADS = 20_000
"""Objects of a store whose hash is asked for in one sweep; where there are more, chance picks them."""
READ = 400
"""The same of a folder, where a hash takes reading the bytes."""
THREADS = 8

Listing = Mapping[str, Entry]


class Upload(NamedTuple):
    """An object that must lie in the bucket."""

    row: VariantRow
    key: str
    sha256: str


def compare(sweep: Sweep, place: Place) -> None:
    """Compare one bucket, a campaign at a time.

    Raises:
        BucketError: it refuses, or does not answer.
    """
    bucket, share = bucket_at(place), hash_share(sweep, place)
    seen: set[str] = set()
    for name, entries in groupby(bucket.entries(), key=lambda entry: entry.key.partition("/")[0]):
        if name in place.campaigns:
            seen.add(name)
            compare_campaign(sweep, place, name, {entry.key: entry for entry in entries}, share)
        elif name not in LEFT_ALONE | sweep.campaigns:
            sweep.notes.look("foreign", sum(1 for _ in entries))
    for name in sorted(place.campaigns - seen):
        compare_campaign(sweep, place, name, {}, share)


def hash_share(sweep: Sweep, place: Place) -> float:
    """Return the share of the objects whose hash is compared, 0..1."""
    clips = sum(sweep.catalogue.progress.tally(name).get(State.PUBLISHED, 0) for name in place.campaigns)
    most = READ if isinstance(bucket_at(place), LocalBucket) else HEADS
    return min(1.0, most / max(1, 4 * clips))


def compare_campaign(sweep: Sweep, place: Place, name: str, listing: Listing, share: float) -> None:
    """Compare one campaign's clips with what was listed of it before they were read."""
    sweep.notes.look("objects", len(listing))
    known: set[str] = set()
    picked: list[Upload] = []
    for row in sweep.catalogue.files.sent(name):
        if row.signed is None or row.signed.campaign_id != name:
            continue  # another campaign that shares the clip publishes it
        known.update(row.signed.keys)
        if row.state == State.PUBLISHED:
            sweep.notes.look("clips")
            picked += _check_listed(sweep, place, row, listing, share)
        elif row.state == State.WITHDRAWN:
            remove_left(sweep, place, row, listing)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda upload: _check_hash(sweep, place, upload), picked))
    oldest = time.time() - sweep.terms.grace_s
    unknown = [key for key, entry in listing.items() if key not in known and entry.modified <= oldest]
    quarantine(sweep, place, unknown, len(known & listing.keys()))


def _check_listed(sweep: Sweep, place: Place, row: VariantRow, listing: Listing, share: float) -> Iterator[Upload]:
    """Note what is missing or has another size; yield what shall be looked at more closely."""
    facts = row.signed
    assert facts is not None
    if facts.key not in listing and _is_elsewhere(place, row):
        return sweep.notes.look("elsewhere")
    is_picked = random.random() < share  # noqa: S311 - a sample, no secret
    for key, sha256 in uploads_of(row).items():
        entry = listing.get(key)
        if entry is not None and key == facts.key and entry.size != facts.size:
            _note(sweep, "differing", row, key)
        elif entry is None or is_picked:
            yield Upload(row, key, sha256)


def uploads_of(row: VariantRow) -> dict[str, str]:
    """Return the hashes of a signed clip's objects by key; "" where none was committed."""
    facts = row.signed
    assert facts is not None
    return {key: facts.sha256 if key == facts.key else facts.digests.get(key, "") for key in facts.keys}


def _check_hash(sweep: Sweep, place: Place, upload: Upload) -> None:
    found = retry_transient(bucket_at(place).head, upload.key)
    sweep.notes.look("hashes")
    if found is None:
        _note(sweep, "missing", upload.row, upload.key)
    elif upload.sha256 and found.sha256 != upload.sha256:
        _note(sweep, "differing", upload.row, upload.key)


def _note(sweep: Sweep, kind: str, row: VariantRow, key: str) -> None:
    """Note damage, unless the clip was withdrawn meanwhile."""
    if sweep.is_published(row):
        sweep.damaged.add(row.variant_id)
        sweep.notes.add(kind, key)


def _is_elsewhere(place: Place, row: VariantRow) -> bool:
    """True where the bucket is a folder of another machine's."""
    return (
        isinstance(bucket_at(place), LocalBucket)
        and row.clip is not None
        and not is_reachable(place.resources, row.clip)
    )
