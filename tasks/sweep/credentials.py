"""Verify published credentials again, as a person who downloads the clips would."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.bucket import Bucket
from adapters.c2pa.verifier import verify
from adapters.catalogue import VariantRow
from tasks.runtime.resources import signer_of
from tasks.sweep.context import Sweep


def verify_some(sweep: Sweep) -> None:
    """Verify a sample: half of it the newest clips, half of it random ones.

    Raises:
        SignerUnavailableError: the trusted roots are unknown without a signer.
        BucketError: the bucket refuses the request or does not respond.
    """
    half = sweep.options.sample // 2
    rows = sweep.catalogue.files.sample_published(sweep.options.sample - half, half, secrets.token_hex(16))
    if not rows:
        return
    with signer_of(sweep.resources) as signer:
        anchors = signer.anchors_pem()
    for row in rows:
        _verify(sweep, row, anchors)


def _verify(sweep: Sweep, row: VariantRow, anchors: str) -> None:
    target, facts = sweep.target_of(row), row.signed
    if target is None or facts is None:
        return
    bucket = target.bucket
    if bucket.local_path(facts.key) is None and bucket.head(facts.key) is None:
        return  # reported as missing, or on another machine
    with _file_of(bucket, facts.key) as path:
        report = verify(path, anchors, sha256=facts.sha256)
    sweep.notes.count("credentials")
    if report.state != "trusted" and sweep.is_published(row):
        sweep.damaged.add(row.variant_id)
        sweep.notes.add("untrusted", f"{facts.key}: {report.sentence}")


@contextmanager
def _file_of(bucket: Bucket, key: str) -> Iterator[Path]:
    """Yield a file with the content of an object: the object's own file, or else a temporary copy."""
    if here := bucket.local_path(key):
        yield here
        return
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(bucket.read(key))
        file.flush()
        yield Path(file.name)
