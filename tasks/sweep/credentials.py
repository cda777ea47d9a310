"""Verifies published credentials again, as whoever downloads the clips would."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.bucket import Bucket
from adapters.c2pa.verifier import verify
from adapters.catalogue import VariantRow
from tasks.runtime.resources import signer_of
from tasks.runtime.retry import retry_transient
from tasks.sweep.terms import Sweep, bucket_at


def verify_some(sweep: Sweep) -> None:
    """Verify a sample: one half the newest clips, the other any.

    Raises:
        SignerUnavailableError: there is no signer whose roots could be trusted.
        BucketError: it refuses, or does not answer.
    """
    half = sweep.terms.sample // 2
    rows = sweep.catalogue.files.sample_published(sweep.terms.sample - half, half, secrets.token_hex(16))
    if not rows:
        return
    with signer_of(sweep.resources) as signer:
        anchors = signer.anchors_pem()
    for row in rows:
        _verify(sweep, row, anchors)


def _verify(sweep: Sweep, row: VariantRow, anchors: str) -> None:
    place, facts = sweep.place_of(row), row.signed
    if place is None or facts is None:
        return
    bucket = bucket_at(place)
    if bucket.local_path(facts.key) is None and retry_transient(bucket.head, facts.key) is None:
        return  # told as missing, or on another machine
    with _file_of(bucket, facts.key) as path:
        report = verify(path, anchors, sha256=facts.sha256)
    sweep.notes.look("credentials")
    if report.state != "trusted" and sweep.is_published(row):
        sweep.damaged.add(row.variant_id)
        sweep.notes.add("untrusted", f"{facts.key}: {report.sentence}")


@contextmanager
def _file_of(bucket: Bucket, key: str) -> Iterator[Path]:
    """Yield a file with the object's bytes: its own where it lies here, else a copy for as long as the block lasts."""
    if here := bucket.local_path(key):
        yield here
        return
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(retry_transient(bucket.read, key))
        file.flush()
        yield Path(file.name)
