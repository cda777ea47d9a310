"""Anchors of the audit log: its head, signed by the signer, in the bucket.

Someone who can write to the database can restore an earlier state of it, which is genuine. The anchors show that the
log was longer.
"""

import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.bucket import Bucket
from adapters.c2pa.detached import Detached, problem_of
from adapters.c2pa.signer import Signer
from adapters.files.durable import write_durably
from manifests.errors import BucketError, CredentialError, KeyTakenError
from manifests.identity import canonical_json
from tasks.runtime.resources import Resources, bucket_of, catalogue_of, signer_of

log = logging.getLogger(__name__)
ANCHORS = "audit"
"""Prefix of the anchors in the bucket."""
SCHEMA = 1
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head of the log at a time; ``key_id`` identifies the audit key of the catalogue."""

    key_id: str
    entries: int
    digest: str
    at: str

    @property
    def key(self) -> str:
        """Its key in the bucket; each head has one."""
        return f"{prefix_of(self.key_id)}{self.entries:012d}-{self.digest[:16]}.json"

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return canonical_json({"schema": SCHEMA, **asdict(self)})


def prefix_of(key_id: str) -> str:
    """Return the prefix of a catalogue's anchors."""
    return f"{ANCHORS}/{key_id or 'unsealed'}/"


def anchor_if_due(resources: Resources, signer: Signer) -> None:
    """Write an anchor if the newest one is old enough. A failure is logged, and the next run tries again."""
    if not resources.audit_anchor_h:
        return
    try:
        prefix = prefix_of(catalogue_of(resources).audit.head().key_id)
        newest = max((entry.modified for entry in bucket_of(resources).entries(prefix)), default=0.0)
        if time.time() - newest >= resources.audit_anchor_h * HOUR_S:
            write_anchor(resources, signer)
    except (BucketError, CredentialError) as error:
        log.warning("The audit log could not be anchored: %s", error)


def write_anchor(resources: Resources, signer: Signer) -> str:
    """Write an anchor of the present head; return its key, or an empty text if this head is anchored already.

    Raises:
        BucketError: the bucket refused the request or does not respond.
        CredentialError: the signer or the timestamp authority failed.
    """
    head, bucket = catalogue_of(resources).audit.head(), bucket_of(resources)
    anchor = Anchor(head.key_id, head.entries, head.digest, datetime.now(UTC).isoformat(timespec="seconds"))
    if not head.entries or bucket.head(anchor.key) is not None:
        return ""
    text = canonical_json({**asdict(anchor), **asdict(signer.sign_detached(anchor.signed_bytes))})
    with tempfile.TemporaryDirectory(dir=resources.staging.parent) as folder:
        path = Path(folder) / "anchor.json"
        write_durably(path, text)
        try:
            bucket.put_new(
                anchor.key,
                path,
                content_type="application/json",
                cache_control="no-store",
                sha256=hashlib.sha256(text).hexdigest(),
            )
        except KeyTakenError:
            return ""  # another process has anchored the same head
    return anchor.key


def anchor_problems(resources: Resources) -> list[str]:
    """Return how the log contradicts its anchors, one sentence each.

    Anchors that were deleted from the bucket cannot be missed: protect them with an object lock.
    """
    try:
        with signer_of(resources) as signer:
            trusted = signer.anchors_pem()
        return list(_problems(resources, bucket_of(resources), trusted))
    except (BucketError, CredentialError) as error:
        return [f"The anchors of the audit log cannot be checked. {error}"]


def _problems(resources: Resources, bucket: Bucket, trusted: str) -> Iterator[str]:
    audit = catalogue_of(resources).audit
    key_id = audit.head().key_id
    genuine: list[Anchor] = []
    for key in bucket.list(prefix_of(key_id)):
        try:
            body = json.loads(bucket.read(key))
            anchor = Anchor(*(body[name] for name in ("key_id", "entries", "digest", "at")))
            signed = Detached(*(body[name] for name in ("algorithm", "chain", "signature", "time_stamp")))
            wrong = problem_of(signed, anchor.signed_bytes, datetime.fromisoformat(anchor.at), trusted)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            yield f"The anchor {key} in the bucket is damaged."
            continue
        if wrong or anchor.key != key:
            yield f"The anchor {key} in the bucket is not valid: {wrong or 'it has the key of another one'}."
        else:
            genuine.append(anchor)
    digests = audit.digests([anchor.entries for anchor in genuine])
    for anchor in genuine:
        if digests.get(anchor.entries) != anchor.digest:
            yield (
                f"The log no longer contains entry {anchor.entries:,} as it was anchored at {anchor.at}: it was cut or "
                "rewritten, or an older backup was restored."
            )
