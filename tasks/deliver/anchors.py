"""Anchors of the audit log: its head, signed by the signer, in the bucket.

Someone who can write to the database can restore an earlier state of it, which is genuine. The anchors show that the
log was longer.
"""

import hashlib
import json
import logging
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.bucket import Bucket
from adapters.c2pa.detached import Detached, problem_of
from adapters.c2pa.signer import Signer
from adapters.catalogue import AuditKey, Catalogue
from adapters.catalogue.log.known_entry import HOW_TO_ACCEPT
from adapters.catalogue.log.restores import LostEntry
from adapters.files.durable import write_durably
from manifests.errors import BucketError, CatalogueError, CredentialError, KeyTakenError, SettingsError
from manifests.identity import canonical_json
from tasks.runtime.resources import Resources, bucket_of, catalogue_of, signer_of

log = logging.getLogger(__name__)
ANCHORS = "audit"
"""Prefix of the anchors in the bucket."""
SCHEMA = 1
_ANCHOR = re.compile(r"(\d{12})-([0-9a-f]{16})\.json")
HOUR_S = 3600.0
REMOVE = "Restore its earlier version, or delete it."
UNCHECKABLE = "If you know the reason, for example that the signing key was lost with its home, delete the anchor."


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
        return prefix_of(self.key_id) + name_of(self.entries, self.digest)

    @property
    def entry(self) -> LostEntry:
        """The last entry of the head."""
        return LostEntry(self.entries, self.digest)

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return canonical_json({"schema": SCHEMA, **asdict(self)})


@dataclass(frozen=True, slots=True)
class AnchorReport:
    """How the log compares with its anchors.

    Attributes:
        checked: number of anchors in the bucket.
        invalid: a sentence for each anchor that is damaged or not signed by a trusted signer.
        lost: anchors of entries that the log does not contain, although no accepted restore explains it.
        unchecked: why the anchors could not be checked; empty if they were.
    """

    checked: int = 0
    invalid: tuple[str, ...] = ()
    lost: tuple[Anchor, ...] = ()
    unchecked: str = ""

    @property
    def problems(self) -> list[str]:
        """What contradicts the log, as sentences."""
        return [*self.invalid, *map(lost_text, self.lost)]


def lost_text(anchor: Anchor) -> str:
    """Return that the log does not contain the entry of an anchor, and what to do."""
    return (
        f"The log no longer contains entry {anchor.entries:,} as it was anchored at {anchor.at}: it was cut or "
        f"rewritten, or an older backup was restored. {HOW_TO_ACCEPT}"
    )


def prefix_of(key_id: str) -> str:
    """Return the prefix of a catalogue's anchors."""
    return f"{ANCHORS}/{key_id or 'unsealed'}/"


def name_of(entries: int, digest: str) -> str:
    """Return the name of an anchor below its prefix."""
    return f"{entries:012d}-{digest[:16]}.json"


def anchor_if_due(resources: Resources, signer: Signer) -> None:
    """Write an anchor if the newest one is old enough. A failure is logged, and the next run tries again."""
    if not resources.audit_anchor_h:
        return
    try:
        prefix = prefix_of(_own_key_id(resources))
        newest = max((entry.modified for entry in bucket_of(resources).entries(prefix)), default=0.0)
        if time.time() - newest >= resources.audit_anchor_h * HOUR_S:
            write_anchor(resources, signer)
    except (BucketError, CatalogueError, CredentialError) as error:
        log.warning("The audit log could not be anchored: %s", error)


def write_anchor(resources: Resources, signer: Signer) -> str:
    """Write an anchor of the present head; return its key, or an empty text if this head is anchored or empty.

    Raises:
        CatalogueError: the log is sealed with another key, so this process cannot know whether it is genuine; or
            entries were removed, added or changed.
        BucketError: the bucket refused the request or does not respond.
        CredentialError: the signer or the timestamp authority failed.
    """
    audit, bucket = catalogue_of(resources).audit, bucket_of(resources)
    audit.check_key()
    audit.check_complete()
    head = audit.head()
    anchor = Anchor(_own_key_id(resources), head.entries, head.digest, datetime.now(UTC).isoformat(timespec="seconds"))
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


def check_newest_anchor(resources: Resources, signer: Signer) -> None:
    """Check that the log contains the newest anchored entry, by its key; the object is read only if it does not.

    This does not depend on whether this installation writes anchors: others may, or it did earlier. Objects that are
    not genuine anchors are ignored here. If the bucket does not respond, that is logged.

    Raises:
        CatalogueError: it does not, and no accepted restore explains this.
    """
    catalogue = catalogue_of(resources)
    try:
        bucket = bucket_of(resources)
        keys = sorted((entry.key for entry in bucket.entries(prefix_of(_own_key_id(resources)))), reverse=True)
        explained = {name_of(*entry) for restore in catalogue.restores.accepted() for entry in restore.lost}
        for key in keys:
            name = key.rpartition("/")[2]
            if name in explained:
                continue
            if _is_in_log(catalogue, name):
                return
            if genuine := _genuine(bucket, [key], signer.anchors_pem())[0]:
                raise CatalogueError(lost_text(genuine[0]))
    except (BucketError, CredentialError) as error:
        log.warning("The anchors of the audit log could not be checked: %s", error)


def check_anchors(resources: Resources, catalogue: Catalogue | None = None) -> AnchorReport:
    """Compare the log with its anchors; those of former audit keys of the catalogue are checked as well.

    Anchors that were deleted from the bucket cannot be missed: protect them with an object lock.

    Args:
        catalogue: the catalogue, if it must be checked even though it was lost.
    """
    catalogue = catalogue or catalogue_of(resources)
    try:
        bucket = bucket_of(resources, patient=False)
        key_ids = dict.fromkeys([_own_key_id(resources), *catalogue.restores.key_ids()])
        keys = [entry.key for key_id in key_ids for entry in bucket.entries(prefix_of(key_id))]
        if not keys:
            return AnchorReport()
        with signer_of(resources) as signer:
            return _compared(catalogue, bucket, keys, signer.anchors_pem())
    except (BucketError, CredentialError, SettingsError) as error:
        return AnchorReport(unchecked=str(error))


def accept_restore(resources: Resources, actor: str, reason: str, lost: Sequence[Anchor]) -> None:
    """Record that the entries of these anchors are missing because a backup was restored or the catalogue was lost.

    Raises:
        CatalogueError: the reason is empty, or nothing can be added to the log.
    """
    catalogue_of(resources).restores.accept(actor, reason, [anchor.entry for anchor in lost])


def _is_in_log(catalogue: Catalogue, name: str) -> bool:
    """Return whether the log contains the entry that the name of an anchor identifies."""
    found = _ANCHOR.fullmatch(name)
    if not found:
        return False
    number = int(found[1])
    return catalogue.audit.digests([number]).get(number, "").startswith(found[2])


def _own_key_id(resources: Resources) -> str:
    """Return the id of the key of this process, empty without one; the head names one too, but anyone can change it."""
    return AuditKey(resources.audit_key).key_id if resources.audit_key else ""


def _compared(catalogue: Catalogue, bucket: Bucket, keys: Sequence[str], trusted: str) -> AnchorReport:
    genuine, problems = _genuine(bucket, keys, trusted)
    digests = catalogue.audit.digests([anchor.entries for anchor in genuine])
    explained = {entry for restore in catalogue.restores.accepted() for entry in restore.lost}
    lost = [
        anchor for anchor in genuine if digests.get(anchor.entries) != anchor.digest and anchor.entry not in explained
    ]
    return AnchorReport(len(keys), tuple(problems), tuple(lost))


def _genuine(bucket: Bucket, keys: Iterable[str], trusted: str) -> tuple[list[Anchor], list[str]]:
    """Return the anchors with a valid signature, and a sentence for each other object."""
    genuine, problems = [], []
    for key in keys:
        try:
            body = json.loads(bucket.read(key))
            anchor = Anchor(*(body[name] for name in ("key_id", "entries", "digest", "at")))
            signed = Detached(*(body[name] for name in ("algorithm", "chain", "signature", "time_stamp")))
            wrong = problem_of(signed, anchor.signed_bytes, datetime.fromisoformat(anchor.at), trusted)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            problems.append(f"The anchor {key} in the bucket is damaged. {REMOVE}")
            continue
        if wrong or anchor.key != key:
            why = wrong or "it has the key of another one"
            problems.append(f"The anchor {key} in the bucket is not valid: {why}. {UNCHECKABLE}")
        else:
            genuine.append(anchor)
    return genuine, problems
