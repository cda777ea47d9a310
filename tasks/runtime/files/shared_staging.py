"""Stage masters under ``staging/`` in the bucket, where every host can read them.

A worker uploads master, poster, sound and original before it records the clip in the catalogue; processes that score,
sign or show the clip download them. Keys contain the SHA-256 of the master, so two attempts never mix.
"""

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from adapters.bucket import Bucket
from adapters.files.durable import write_durably
from manifests.clip import Clip
from manifests.errors import BucketError, CatalogueError, KeyTakenError
from tasks.runtime.files.staging import Staging, disk_full_errors, is_intact, is_own_file, sha256_of
from tasks.runtime.resources import Resources, bucket_of

PREFIX = "staging"
SHARED = "bucket"
"""``Clip.machine`` of clips staged in the bucket."""
CACHE_CONTROL = "private, no-store"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def share(resources: Resources, clip: Clip) -> Clip:
    """Upload a clip's master, poster, sound and original to the bucket, and return the clip with its shared location.

    The local files are deleted, because disks of workers are small.

    Raises:
        BucketError: the bucket refused the request, or did not respond after several retries.
    """
    bucket, (master, poster) = bucket_of(resources), keys_of_staged(clip)
    bucket.put_new(master, clip.path, content_type="video/mp4", cache_control=CACHE_CONTROL, sha256=clip.sha256)
    with suppress(KeyTakenError):  # a poster of the same master already exists
        bucket.put_new(
            poster,
            clip.poster,
            content_type="image/jpeg",
            cache_control=CACHE_CONTROL,
            sha256=sha256_of(clip.poster),
        )
    if sound := Staging(resources.staging).sound_of(clip):
        bucket.put_new(
            key_of_sound(clip), sound, content_type="audio/flac", cache_control=CACHE_CONTROL, sha256=clip.sound_sha256
        )
        sound.unlink(missing_ok=True)
    if original := Staging(resources.staging).original_of(clip):
        bucket.put_new(
            key_of_original(clip),
            original,
            content_type="application/octet-stream",
            cache_control=CACHE_CONTROL,
            sha256=clip.original_sha256,
        )
        original.unlink(missing_ok=True)
    clip.path.unlink(missing_ok=True)
    clip.poster.unlink(missing_ok=True)
    return replace(clip, machine=SHARED)


def keys_of_staged(clip: Clip) -> tuple[str, str]:
    """Return the keys of the master and the poster.

    Raises:
        CatalogueError: the hash is not one, so that the key could be that of another object.
    """
    if not _SHA256.fullmatch(clip.sha256):
        raise _invalid_hash(clip)
    stem = f"{PREFIX}/{clip.variant_id[:2]}/{clip.variant_id}/{clip.sha256}"
    return f"{stem}.mp4", f"{stem}.jpg"


def key_of_sound(clip: Clip) -> str:
    """Return the key of the sound of a clip.

    Raises:
        CatalogueError: the hash is not one.
    """
    if not _SHA256.fullmatch(clip.sound_sha256):
        raise _invalid_hash(clip)
    return f"{PREFIX}/{clip.variant_id[:2]}/{clip.variant_id}/{clip.sound_sha256}.flac"


def key_of_original(clip: Clip) -> str:
    """Return the key of the provider's file from which the master was transcoded.

    Raises:
        CatalogueError: the hash is not one.
    """
    if not _SHA256.fullmatch(clip.original_sha256):
        raise _invalid_hash(clip)
    return f"{PREFIX}/{clip.variant_id[:2]}/{clip.variant_id}/{clip.original_sha256}.original"


def is_reachable(resources: Resources, clip: Clip) -> bool:
    """Return whether the clip is staged on this machine or in the bucket."""
    return clip.machine in (resources.machine, SHARED)


def fetch_poster(resources: Resources, clip: Clip) -> Path | None:
    """Return the local path of a clip's poster, downloaded if necessary; None if it no longer exists.

    Raises:
        BucketError: the bucket does not respond.
    """
    staging = Staging(resources.staging)
    path = staging.located(clip).poster
    if clip.machine == SHARED and not path.is_file():
        with _alone(staging.folder(clip.variant_id)):
            _fetch(bucket_of(resources), keys_of_staged(clip)[1], path)
    return path if is_own_file(path) else None


def fetch_staged(resources: Resources, clip: Clip) -> Clip | None:
    """Return the clip with local paths, downloaded if necessary; None if its files no longer exist.

    Raises:
        BucketError: the bucket does not respond.
    """
    staging = Staging(resources.staging)
    here = staging.located(clip)
    if clip.machine != SHARED:
        return here if _is_complete(here) else None
    bucket, (master, poster) = bucket_of(resources), keys_of_staged(clip)
    with _alone(staging.folder(clip.variant_id)):
        is_whole = is_intact(here.path, clip.sha256)
        if not is_whole:
            _fetch(bucket, master, here.path)
        if not is_whole or not here.poster.is_file():
            _fetch(bucket, poster, here.poster)
    return here if _is_complete(here) else None


def fetch_sound(resources: Resources, clip: Clip) -> Path | None:
    """Return the local path of a clip's sound, downloaded if necessary; None if it has none, or it no longer exists.

    Raises:
        BucketError: the bucket does not respond.
    """
    staging = Staging(resources.staging)
    path = staging.sound_of(clip)
    if path is None:
        return None
    if clip.machine == SHARED and not is_intact(path, clip.sound_sha256):
        with _alone(staging.folder(clip.variant_id)):
            _fetch(bucket_of(resources), key_of_sound(clip), path)
    return path if is_intact(path, clip.sound_sha256) else None


def fetch_original(resources: Resources, clip: Clip) -> Path | None:
    """Return the local path of the provider's file, downloaded if necessary; None if it no longer exists.

    Raises:
        BucketError: the bucket does not respond.
    """
    path = Staging(resources.staging).original_of(clip)
    if path is None:
        return None
    if clip.machine == SHARED and not is_intact(path, clip.original_sha256):
        with _alone(path.parent):
            _fetch(bucket_of(resources), key_of_original(clip), path)
    return path if is_intact(path, clip.original_sha256) else None


def _invalid_hash(clip: Clip) -> CatalogueError:
    return CatalogueError(
        f"The catalogue contains an invalid hash of clip {clip.variant_id}. It was written outside Reelmill: run "
        "`reelmill audit verify`."
    )


def _is_complete(here: Clip) -> bool:
    return is_intact(here.path, here.sha256) and is_own_file(here.poster)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Prevent other processes of this machine from downloading the same files."""
    with (folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(bucket: Bucket, key: str, path: Path) -> None:
    try:
        data = bucket.read(key)
    except BucketError:
        if bucket.head(key) is None:
            return  # the caller checks whether the file exists
        raise
    with disk_full_errors(path):
        write_durably(path, data)
