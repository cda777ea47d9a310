"""Where things are kept: bucket, database, disk. What is written to try them is taken away again."""

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.bucket import Bucket, LocalBucket, open_bucket
from adapters.catalogue.views.health import check_health, count_published
from manifests.errors import BucketError, BucketRefusedError, CatalogueError, KeyTakenError
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.resources import BucketConfig

TRIAL = "staging/doctor-{}.txt"
"""Every role may write under staging, and what is left there is pruned."""
SLOW_S = 0.25
LEAST_FREE_BYTES = 100_000_000
COMFORTABLE_BYTES = 5_000_000_000
LEAST_FILES = 10_000


def check_bucket(place: BucketConfig, catalogue_url: str = "") -> Finding:
    """Write a small object, try to write another over it, read it back, and take it away.

    Args:
        catalogue_url: of the catalogue whose published clips lie there; empty where that is not asked.
    """
    bucket = open_bucket(
        place.location,
        endpoint=place.endpoint,
        region=place.region,
        access_key=place.access_key,
        secret_key=place.secret_key,
        public_url=place.public_url,
    )
    key, content = TRIAL.format(secrets.token_hex(8)), secrets.token_bytes(64)
    with _no_new_folders(bucket):
        try:
            wrong = _try(bucket, key, content)
        except BaseException:
            with suppress(BucketError):
                bucket.remove(key)
            raise
        left = _taken_away(bucket, key)
    if wrong:
        return Finding(
            FAIL,
            f"{place.location}: {wrong}",
            "Use a store that heeds If-None-Match on PutObject; else two writers could overwrite each other's clips.",
        )
    if left:
        return Finding(
            WARN,
            f"{place.location} can be written and read, and the trial {key} could not be deleted: {left}",
            "Fine for a machine that only renders or publishes; withdrawing and sweeping need the right to delete.",
        )
    if missing := _missing(bucket, catalogue_url):
        return Finding(
            WARN,
            f"{place.location} can be written, and it holds nothing, though the catalogue knows "
            f"{missing:,} published clips.",
            "See that its disk is mounted, and that REELMILL_BUCKET names "
            "the place where they lie; if they are lost, bring back the backup.",
        )
    return Finding(OK, f"{place.location}: written, not overwritten, read back, and taken away again.")


def check_database(url: str) -> Finding:
    """Look whether it answers, can be written, and has the tables of this version; nothing is migrated."""
    vitals = check_health(url)
    if vitals is None:
        return Finding(OK, "There is no catalogue yet; the first command that needs one makes it.")
    if vitals.read_only:
        return Finding(
            FAIL,
            f"{vitals.engine} takes no writes from us: it is read-only, or a standby.",
            "Let REELMILL_CATALOGUE_URL name the primary, and a role that may write.",
        )
    if vitals.revision is None:
        return Finding(OK, f"{vitals.engine} is empty; the first command that needs it makes the tables.")
    if vitals.revision > vitals.head:
        return Finding(
            FAIL,
            f"A newer Reelmill wrote this catalogue (revision {vitals.revision}; this one knows {vitals.head}).",
            "Install that version here as well.",
        )
    if vitals.revision < vitals.head:
        return Finding(
            WARN,
            f"{vitals.engine} has the tables of revision {vitals.revision}; the next command brings "
            f"them to {vitals.head}.",
            "Back it up first, and upgrade all machines together.",
        )
    told = f"{vitals.engine}, revision {vitals.revision}, answers in {vitals.answer_s * 1000:.0f} ms."
    if vitals.answer_s > SLOW_S:
        return Finding(WARN, told, "Each lease and each clip asks it several times: bring it nearer.")
    return Finding(OK, told)


def check_disk(home: Path, least: int = LEAST_FREE_BYTES, comfortable: int = COMFORTABLE_BYTES) -> Finding:
    """Look whether the disk under REELMILL_HOME can be written, and has room.

    Args:
        least: bytes below which no run starts; ``comfortable``: those below which an operator should know.
    """
    with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-") as file:
        file.write(b"can be written")
        file.flush()
        os.fsync(file.fileno())
    usage, files = shutil.disk_usage(home), os.statvfs(home)
    told = f"{home}: {usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB free"
    mend = "Free some space, prune staging by `reelmill sweep`, or move REELMILL_HOME."
    if usage.free < least:
        return Finding(FAIL, f"{told}, and a run needs at least {least / 1e9:.1f} GB.", mend)
    if files.f_files and files.f_favail < LEAST_FILES:
        return Finding(WARN, f"{told}, and room for {files.f_favail:,} more files.", mend)
    if usage.free < comfortable:
        return Finding(WARN, f"{told}; a night of clips may fill it.", mend)
    return Finding(OK, f"{told}.")


def _try(bucket: Bucket, key: str, content: bytes) -> str:
    """Return what is wrong; empty where all is as it must be."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        first.write_bytes(content)
        second.write_bytes(content[::-1] + b"other")
        _put(bucket, key, first)
        _put(bucket, key, first)  # the answer to the first may be lost: the same bytes again are success
        with suppress(KeyTakenError):
            _put(bucket, key, second)
            return "an object was overwritten by other bytes, though the write asked for a new key."
    found = bucket.head(key)
    if bucket.read(key) != content or found is None or found.sha256 != hashlib.sha256(content).hexdigest():
        return "what was written does not read back."
    return ""


def _missing(bucket: Bucket, catalogue_url: str) -> int:
    """Return how many published clips a bucket should hold that holds nothing at all."""
    with suppress(BucketError, CatalogueError):  # a role may be kept from listing; the database has its own check
        if catalogue_url and (count := count_published(catalogue_url)) and next(iter(bucket.entries()), None) is None:
            return count
    return 0


@contextmanager
def _no_new_folders(bucket: Bucket) -> Iterator[None]:
    """Take away the folders that the block makes: an absent one may be a disk that is not mounted."""
    folders: list[Path] = []
    if isinstance(bucket, LocalBucket):
        root = bucket.folder
        folders = [
            each for each in (root / Path(TRIAL).parent, root / ".incoming", root, *root.parents) if not each.exists()
        ]
    try:
        yield
    finally:
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()


def _put(bucket: Bucket, key: str, path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    bucket.put_new(key, path, content_type="text/plain", cache_control="no-store", sha256=digest)


def _taken_away(bucket: Bucket, key: str) -> str:
    """Remove the trial; return why it could not be, else nothing."""
    try:
        bucket.remove(key)
    except BucketRefusedError as error:
        return str(error)
    return "" if bucket.head(key) is None else "it is still there."
