"""A catalogue, a bucket and a staging folder to sweep, with fake clips."""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import samples
from decisions import decide
from sealed_catalogue import drop_triggers
from sqlalchemy import select, update

from adapters.bucket import Bucket
from adapters.catalogue import Catalogue, Lease, SignedFacts
from adapters.catalogue.core.tables import database_now, events, variants
from tasks.deliver.keys import keys_of
from tasks.runtime.files.shared_staging import keys_of_staged
from tasks.runtime.files.staging import Staging
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, bucket_of, catalogue_of
from tasks.sweep.context import KEEP_S, SweepOptions, SweepTarget
from tasks.sweep.report import SweepReport
from tasks.sweep.sweep import sweep_all

SPRING = samples.campaign().campaign_id
DAY_S = 24 * 3600.0
OLD_S = KEEP_S + DAY_S
HEADERS = {"content_type": "video/mp4", "cache_control": "no-store"}


class SweepWorld:
    """One campaign, its variants in any state, and files that match the catalogue or do not.

    Args:
        grace_s: grace period of the sweeps; 0 for a store in which the age of objects cannot be set.
    """

    def __init__(self, home: Path, catalogue_url: str, bucket: BucketConfig, grace_s: float = DAY_S) -> None:
        self.resources = Resources(
            catalogue_url, bucket, SignerConfig("development", home / "signer"), home / "staging"
        )
        self.source = home / "source"
        self.grace_s = grace_s
        home.mkdir(parents=True, exist_ok=True)
        self.catalogue.campaigns.add(samples.campaign(), {})
        self._made = 0

    @property
    def catalogue(self) -> Catalogue:
        return catalogue_of(self.resources)

    @property
    def bucket(self) -> Bucket:
        return bucket_of(self.resources)

    @property
    def folder(self) -> Path:
        """The path of a bucket that is a folder."""
        return Path(self.resources.bucket.location)

    def sweep(self, **terms: object) -> SweepReport:
        """Sweep without verifying credentials, because nothing here is signed."""
        chosen = SweepOptions(**{"sample": 0, "grace_s": self.grace_s, **terms})
        return sweep_all(self.resources, [SweepTarget(self.resources, frozenset({SPRING}))], chosen)

    def variant(self, state: str = "planned", *, upload: bool = True) -> str:
        """Add a variant in a state, with its published files in the bucket; return its id."""
        (item,) = samples.planned(1, start=self._made)
        self._made += 1
        self.catalogue.campaigns.add_variants(SPRING, [item])
        if state not in ("signing", "published", "withdrawn"):
            samples.bring_to(self.catalogue, item.variant_id, state)
            return item.variant_id
        samples.bring_to(self.catalogue, item.variant_id, "approved")
        lease = self.sign(item.variant_id)
        if upload:
            self.upload(item.variant_id)
        if state != "signing":
            self.catalogue.results.mark_published(lease, self.bucket.url(self.facts(item.variant_id).key))
        if state == "withdrawn":
            decide(self.catalogue, [item.variant_id], "withdrawn", "ann", "rights")
        return item.variant_id

    def sign(self, variant_id: str, states: Sequence[str] = ("approved", "signing")) -> Lease:
        """Commit the files to publish, again if they were committed before."""
        (lease,) = samples.take(self.catalogue, [variant_id], states)
        self.catalogue.results.mark_signing(lease, _facts(self.resources, variant_id, lease.attempt))
        return lease

    def facts(self, variant_id: str) -> SignedFacts:
        """Return the committed facts."""
        found = self.catalogue.variants.get(variant_id).signed
        assert found
        return found

    def upload(self, variant_id: str) -> None:
        """Upload the committed files."""
        for key in self.facts(variant_id).keys:
            self.put(key, content_of(key))

    def put(self, key: str, content: bytes = b"odd", age_s: float = 0.0) -> str:
        """Upload an object. In a folder, also set its age."""
        self.source.write_bytes(content)
        self.bucket.put_new(key, self.source, sha256=hashlib.sha256(content).hexdigest(), **HEADERS)
        if path := self.bucket.local_path(key):
            aged(path, age_s)
        return key

    def orphan(self, name: str = "b1/0123456789ab-0123456789abcdef.mp4", age_s: float = 2 * DAY_S) -> str:
        """Upload an object of the campaign that belongs to no clip."""
        return self.put(f"{SPRING}/{name}", age_s=age_s)

    def stage(self, variant_id: str, name: str = "master.mp4", age_s: float = OLD_S) -> Path:
        """Write a file into the staging folder of a variant."""
        path = Staging(self.resources.staging).folder(variant_id) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"staged")
        for each in (path, path.parent):
            aged(each, age_s)
        return path

    def shared_master(self, variant_id: str, sha256: str = "c" * 64, age_s: float = OLD_S) -> str:
        """Upload a master and its poster to the staging of the bucket; return the key of the master."""
        master, poster = keys_of_staged(replace(samples.clip(variant_id), sha256=sha256))
        self.put(poster, age_s=age_s)
        return self.put(master, age_s=age_s)

    def give_sound(self, variant_id: str, sha256: str) -> None:
        """Record a sound for the clip of a variant."""
        with self.catalogue.database.writing() as connection:
            mine = variants.c.variant_id == variant_id
            clip = json.loads(connection.execute(select(variants.c.clip).where(mine)).scalar_one())
            connection.execute(update(variants).where(mine).values(clip=json.dumps(clip | {"sound_sha256": sha256})))

    def quiet(self, variant_id: str, seconds: float = OLD_S) -> str:
        """Set the time of all events of a variant to so many seconds ago."""
        with self.catalogue.database.writing() as connection:
            drop_triggers(connection)  # events are only ever added to
            connection.execute(
                update(events).where(events.c.variant_id == variant_id).values(at=database_now() - seconds)
            )
        return variant_id

    def snapshot(self) -> dict[str, bytes]:
        """Return the contents of all objects and staged files."""
        staged = {
            path.relative_to(self.resources.staging).as_posix(): path.read_bytes()
            for path in self.resources.staging.rglob("*")
            if path.is_file()
        }
        return {**{key: self.bucket.read(key) for key in self.bucket.list()}, **staged}

    def alert_texts(self, kind: str = "sweep") -> list[str]:
        """Return the texts of the alerts of a kind, oldest first."""
        return [alert.text for alert in reversed(self.catalogue.alerts.all(kind=kind))]

    def named(self) -> Iterator[str]:
        """Yield every key of clips that are in signing or published."""
        for row in self.catalogue.files.sent(SPRING):
            if row.state != "withdrawn" and row.signed:
                yield from row.signed.keys


def content_of(key: str) -> bytes:
    """Return the content that belongs to a key."""
    return f"bytes of {key}".encode()


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def _facts(resources: Resources, variant_id: str, attempt: int) -> SignedFacts:
    start = hashlib.sha256(f"{variant_id} {attempt}".encode()).hexdigest()
    keys = keys_of(SPRING, "b1", variant_id, start)
    hashes = {key: hashlib.sha256(content_of(key)).hexdigest() for key in keys}
    path = resources.staging / variant_id[:2] / variant_id / f"signed-{attempt}" / "clip.mp4"
    return SignedFacts(
        keys.clip,
        hashes.pop(keys.clip),
        len(content_of(keys.clip)),
        keys.sidecar,
        keys.poster,
        keys.record,
        hashes,
        path,
    )
