"""Masters of deliverables: the published files of clips, from the bucket."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.catalogue import PublishedFile
from manifests.errors import FinishError
from manifests.finish.spec import DeliverableSpec, Shot
from tasks.finish.files.folders import masters_folder
from tasks.runtime.files.staging import disk_full_errors, is_intact
from tasks.runtime.resources import Resources, bucket_of, catalogue_of

KEPT_S = 3600.0
"""How long a fetched master is kept after it was used last."""


def fetch_masters(resources: Resources, spec: DeliverableSpec) -> list[Path]:
    """Return the files of a deliverable's shots on this machine, in order; those of the bucket are downloaded.

    Raises:
        FinishError: a clip is not published, or its file is missing or was changed.
        BucketError: the bucket does not respond.
        DiskFullError: there is no room.
    """
    return [_fetch(resources, shot) for shot in spec.shots]


def forget_old_masters(resources: Resources) -> None:
    """Delete fetched masters that were not used for a while."""
    for path in masters_folder(resources).iterdir():
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()


def _fetch(resources: Resources, shot: Shot) -> Path:
    found = catalogue_of(resources).published.of(shot.variant_id)
    if found is None or found.signed.sha256 != shot.sha256:
        raise FinishError(
            f"Clip {shot.variant_id[:12]} is no longer published with the content that this deliverable was planned "
            "for. Run the sheet again to plan its deliverables."
        )
    local = bucket_of(resources).local_path(found.signed.key)
    if local is not None and is_intact(local, shot.sha256):
        return local
    path = masters_folder(resources) / f"{shot.sha256}.mp4"
    with _alone(path):
        if not is_intact(path, shot.sha256):
            _download(resources, found, path)
        os.utime(path)
    return path


def _download(resources: Resources, file: PublishedFile, path: Path) -> None:
    bucket, key = bucket_of(resources), file.signed.key
    if bucket.head(key) is None:
        raise FinishError(
            f"The published clip {key} is missing from the bucket {resources.bucket.location}. Restore it from the "
            "bucket's versions or a backup, or run this on the machine that published it, if the bucket is a folder; "
            "then run `reelmill retry CAMPAIGN --failed`."
        )
    part = path.with_suffix(".part")
    try:
        with disk_full_errors(path.parent), part.open("wb") as out:
            for piece in bucket.read_pieces(key):
                out.write(piece)
        if not is_intact(part, file.signed.sha256):
            raise FinishError(
                f"The bucket {resources.bucket.location} has other content for {key} than was published. Restore it "
                "from the bucket's versions or a backup, then run `reelmill retry CAMPAIGN --failed`."
            )
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Prevent other threads and processes of this machine from downloading the same file."""
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
