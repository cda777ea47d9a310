"""Staged masters where every host finds them: under ``staging/`` in the bucket.

A worker puts master and poster there before it tells the catalogue of the clip; whoever judges it again, signs it or
shows it fetches them. Keys hold the master's SHA-256, so that two attempts never mix.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from adapters.bucket import Bucket
from adapters.files.durable import write_durably
from manifests.clip import Clip
from manifests.errors import BucketError, KeyTakenError
from tasks.runtime.resources import Resources, bucket_of
from tasks.runtime.staging import Staging, full_disk_told, is_intact, sha256_of

PREFIX = "staging"
SHARED = "bucket"
"""``Clip.machine`` of what lies in the bucket."""
CACHE_CONTROL = "private, no-store"


def share(resources: Resources, clip: Clip) -> Clip:
    """Put a clip's master and poster into the bucket; return the clip as every host may find it.

    Here they are dropped, since workers' disks are small and nobody may ever look here again.

    Raises:
        BucketError: refused, or not answering after several tries.
    """
    bucket, (master, poster) = bucket_of(resources), keys_of_staged(clip)
    bucket.put_new(master, clip.path, content_type="video/mp4", cache_control=CACHE_CONTROL, sha256=clip.sha256)
    with suppress(KeyTakenError):  # a poster of the same master's frames
        bucket.put_new(
            poster,
            clip.poster,
            content_type="image/jpeg",
            cache_control=CACHE_CONTROL,
            sha256=sha256_of(clip.poster),
        )
    clip.path.unlink(missing_ok=True)
    clip.poster.unlink(missing_ok=True)
    return replace(clip, machine=SHARED)


def keys_of_staged(clip: Clip) -> tuple[str, str]:
    """Return the keys of master and poster."""
    stem = f"{PREFIX}/{clip.variant_id[:2]}/{clip.variant_id}/{clip.sha256}"
    return f"{stem}.mp4", f"{stem}.jpg"


def is_reachable(resources: Resources, clip: Clip) -> bool:
    """True where the clip is this machine's, or lies in the bucket."""
    return clip.machine in (resources.machine, SHARED)


def fetch_poster(resources: Resources, clip: Clip) -> Path | None:
    """Return the clip's poster on this machine, fetched where it is not; None where it is gone.

    Raises:
        BucketError: it does not answer.
    """
    path = clip.poster if clip.machine != SHARED else Staging(resources.staging).folder(clip.variant_id) / "poster.jpg"
    if clip.machine == SHARED and not path.is_file():
        with _alone(path.parent):
            _fetch(bucket_of(resources), keys_of_staged(clip)[1], path)
    return path if path.is_file() else None


def fetch_staged(resources: Resources, clip: Clip) -> Clip | None:
    """Return the clip with its files on this machine, fetched where they are not; None where they are gone.

    Raises:
        BucketError: it does not answer.
    """
    if clip.machine != SHARED:
        return clip if is_intact(clip.path, clip.sha256) and clip.poster.is_file() else None
    folder = Staging(resources.staging).folder(clip.variant_id)
    here = replace(clip, path=folder / "master.mp4", poster=folder / "poster.jpg")
    bucket, (master, poster) = bucket_of(resources), keys_of_staged(clip)
    with _alone(folder):
        is_whole = is_intact(here.path, clip.sha256)
        if not is_whole:
            _fetch(bucket, master, here.path)
        if not is_whole or not here.poster.is_file():
            _fetch(bucket, poster, here.poster)
    return here if is_intact(here.path, clip.sha256) and here.poster.is_file() else None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes of this machine from fetching the same files."""
    with (folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(bucket: Bucket, key: str, path: Path) -> None:
    try:
        data = bucket.read(key)
    except BucketError:
        if bucket.head(key) is None:
            return  # the caller finds it missing
        raise
    with full_disk_told(path):
        write_durably(path, data)
