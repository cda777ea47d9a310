"""Check the bucket, the database and the disk. Test files are removed again."""

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from adapters.bucket import Bucket, LocalBucket, open_bucket
from adapters.catalogue.views.health import check_health, check_log, check_seal, count_published
from manifests.errors import (
    BucketError,
    BucketRefusedError,
    CatalogueError,
    CatalogueUnreachableError,
    KeyTakenError,
)
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.files.disk_space import MIN_FREE_BYTES, existing
from tasks.runtime.lost_catalogue import check_bucket_is_known, check_not_emptied, check_not_lost
from tasks.runtime.resources import BucketConfig, Resources
from tasks.runtime.sealed_catalogues import has_sealed_any, is_known_as_sealed

TEST_KEY = "staging/doctor-{}.txt"
"""Every role may write under staging/, and the sweeper prunes leftovers there."""
SLOW_S = 0.25
COMFORTABLE_BYTES = 5_000_000_000
MIN_FREE_FILES = 10_000
LEVELS = (OK, WARN, FAIL)


def check_bucket(place: BucketConfig, catalogue_url: str = "") -> Finding:
    """Write a small object, try to overwrite it, read it back and delete it.

    Args:
        catalogue_url: URL of the catalogue whose published clips are in the bucket; empty skips that check.
    """
    bucket = open_bucket(
        place.location,
        endpoint=place.endpoint,
        region=place.region,
        access_key=place.access_key,
        secret_key=place.secret_key,
        public_url=place.public_url,
        patient=False,
    )
    key, content = TEST_KEY.format(secrets.token_hex(8)), secrets.token_bytes(64)
    with _no_new_folders(bucket):
        try:
            problem = _test(bucket, key, content)
        except BaseException as error:
            with suppress(BucketError):
                bucket.remove(key)
            if isinstance(error, BucketRefusedError):
                bucket.check()  # it explains a store without conditional writes
            raise
        not_deleted = _delete(bucket, key)
    if problem:
        return Finding(
            FAIL,
            f"{place.location}: {problem}",
            "Use a store that supports If-None-Match on PutObject; otherwise, writers can overwrite each other's "
            "clips.",
        )
    if not_deleted:
        return Finding(
            WARN,
            f"{place.location} can be written and read, but the test object {key} cannot be deleted: {not_deleted}",
            "A machine that only generates or publishes does not need the permission; withdrawing clips and sweeping "
            "do.",
        )
    if missing := _missing(bucket, catalogue_url):
        return Finding(
            WARN,
            f"{place.location} can be written but is empty, although the catalogue lists {missing:,} published clips.",
            "Check that its disk is mounted and that REELMILL_BUCKET names the right location; if the files are lost, "
            "restore a backup.",
        )
    if catalogue_url:
        with suppress(CatalogueUnreachableError):  # the database has its own check
            check_bucket_is_known(catalogue_url, bucket)
    return Finding(OK, f"{place.location}: a test object was written, protected from overwriting, read and deleted.")


def check_database(url: str, staging: Path | None = None, sealed_catalogues: Path | None = None) -> Finding:
    """Check that the database responds, is writable and has the schema of this version; nothing is migrated.

    Args:
        staging: folder of staged clips, which only exist if there was a catalogue.
        sealed_catalogues: file that lists the catalogues which this installation has sealed.

    Raises:
        CatalogueError: the catalogue does not respond, or was deleted or emptied.
    """
    if staging:
        check_not_lost(url, staging, sealed_catalogues)
    check_not_emptied(url, sealed_catalogues)
    health = check_health(url)
    if health is None:
        return Finding(OK, "There is no catalogue yet; the first command that needs it creates it.")
    if health.read_only:
        return Finding(
            FAIL,
            f"{health.engine} is read-only, or a standby server.",
            "Set REELMILL_CATALOGUE_URL to the primary server and a role with write permission.",
        )
    if health.role_problem:
        return Finding(FAIL, health.role_problem)
    if health.revision is None:
        return Finding(OK, f"{health.engine} is empty; the first command that needs it creates the tables.")
    if health.revision > health.head:
        return Finding(
            FAIL,
            f"A newer version of Reelmill migrated this catalogue (revision {health.revision}; this version supports "
            f"{health.head}).",
            "Install the newer version on this machine.",
        )
    if health.revision < health.head:
        return Finding(
            WARN,
            f"{health.engine} has schema revision {health.revision}; the next command migrates it to {health.head}.",
            "Back it up first, and upgrade all machines together.",
        )
    message = f"{health.engine}, revision {health.revision}, responds in {health.answer_s * 1000:.0f} ms."
    if health.answer_s > SLOW_S:
        return Finding(WARN, message, "Each lease and each clip needs several queries: move the database closer.")
    if health.administers:
        return Finding(
            WARN,
            f"{message} The role in REELMILL_CATALOGUE_URL is a superuser of the server.",
            "Use a role that only owns the catalogue; infra/postgresql/roles.sql creates one.",
        )
    return Finding(OK, message)


def check_audit_key(resources: Resources) -> Finding:
    """Check that this installation can seal decisions, and that the log is complete; nothing is sealed.

    Anchors are left to `reelmill audit verify`, because opening the signer can cost a signature of a KMS.
    """
    if resources.audit_key_problem:
        what, _, fix = resources.audit_key_problem.partition(". ")
        return Finding(FAIL, f"{what}.", fix)
    was_sealed = is_known_as_sealed(resources.sealed_catalogues, resources.catalogue_url)
    seals_history = resources.seal_history and not has_sealed_any(resources.sealed_catalogues)
    try:
        problem = check_seal(
            resources.catalogue_url, resources.audit_key, was_sealed=was_sealed, seal_history=seals_history
        ) or check_log(resources.catalogue_url, resources.audit_key, resources.log_marks)
    except CatalogueError:
        return Finding(
            WARN, "Key and log were not checked, because the database cannot be read.", "Fix the database first."
        )
    if problem:
        what, _, fix = problem.partition(". ")
        return Finding(FAIL, f"{what}.", fix)
    return Finding(
        OK, "The key fits the audit log, and the log is complete. Keep a backup of the key apart from the database."
    )


def check_disk(
    home: Path, least: int = MIN_FREE_BYTES, comfortable: int = COMFORTABLE_BYTES, bucket: Path | None = None
) -> Finding:
    """Check that REELMILL_HOME is writable, and that its disk and that of the bucket have free space.

    Args:
        least: the check fails if fewer bytes are free.
        comfortable: the check warns if fewer bytes are free.
        bucket: folder of the bucket, if it is one; it may not exist yet.
    """
    with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-") as file:
        file.write(b"can be written")
        file.flush()
        os.fsync(file.fileno())
    found = _check_space(home, least, comfortable)
    if bucket is None or existing(bucket).stat().st_dev == home.stat().st_dev:
        return found
    other = _check_space(existing(bucket), least, comfortable)
    first, second = (found, other) if LEVELS.index(found.level) >= LEVELS.index(other.level) else (other, found)
    return replace(first, message=f"{first.message} {second.message}")


def _check_space(folder: Path, least: int, comfortable: int) -> Finding:
    usage, files = shutil.disk_usage(folder), os.statvfs(folder)
    message = f"{folder}: {usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB free"
    fix = "Free some space, prune staging with `reelmill sweep`, or move REELMILL_HOME or the bucket to another disk."
    if usage.free < least:
        return Finding(FAIL, f"{message}, but a run needs at least {least / 1e9:.1f} GB.", fix)
    if files.f_files and files.f_favail < MIN_FREE_FILES:
        return Finding(WARN, f"{message}, with room for only {files.f_favail:,} more files.", fix)
    if usage.free < comfortable:
        return Finding(WARN, f"{message}; a nightly run may fill the disk.", fix)
    return Finding(OK, f"{message}.")


def _test(bucket: Bucket, key: str, content: bytes) -> str:
    """Return the problem that was found, or an empty string."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        first.write_bytes(content)
        second.write_bytes(content[::-1] + b"other")
        _put(bucket, key, first)
        _put(bucket, key, first)  # a retry after a lost response: writing the same bytes again must succeed
        with suppress(KeyTakenError):
            _put(bucket, key, second)
            return "an object was overwritten with different content, although the write required a new key."
    found = bucket.head(key)
    if bucket.read(key) != content or found is None or found.sha256 != hashlib.sha256(content).hexdigest():
        return "an object that was just written has different content when it is read."
    return ""


def _missing(bucket: Bucket, catalogue_url: str) -> int:
    """Return how many published clips an empty bucket should contain; 0 if it is not empty."""
    with suppress(BucketError, CatalogueError):  # the role may not be allowed to list; the database has its own check
        if catalogue_url and (count := count_published(catalogue_url)) and next(iter(bucket.entries()), None) is None:
            return count
    return 0


@contextmanager
def _no_new_folders(bucket: Bucket) -> Iterator[None]:
    """Remove the folders that the block creates: a missing folder may be a disk that is not mounted."""
    folders: list[Path] = []
    if isinstance(bucket, LocalBucket):
        root = bucket.folder
        folders = [
            each
            for each in (root / Path(TEST_KEY).parent, root / ".incoming", root, *root.parents)
            if not each.exists()
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


def _delete(bucket: Bucket, key: str) -> str:
    """Delete the test object; return why that failed, or an empty string."""
    try:
        bucket.remove(key)
    except BucketRefusedError as error:
        return str(error)
    return "" if bucket.head(key) is None else "it still exists."
