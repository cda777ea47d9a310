"""Put a signed clip and its companions into the bucket, exactly once."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from adapters.bucket import Bucket
from adapters.catalogue import Lease, SignedFacts
from manifests.errors import BucketError
from tasks.runtime.files.staging import POSTER, Staging, is_intact
from tasks.runtime.resources import Resources, bucket_of, catalogue_of

# A key contains the hash of the clip, so its content never changes.
CACHE_CONTROL = "public, max-age=31536000, immutable"
CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".c2pa": "application/c2pa",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
}


class Upload(NamedTuple):
    """A staged file with its committed key and hash."""

    key: str
    path: Path
    sha256: str


def uploads_of(resources: Resources, lease: Lease, facts: SignedFacts) -> Iterator[Upload]:
    """Yield the four files, the clip last, so that the companion files exist once the clip is visible."""
    staging = Staging(resources.staging)
    signed = staging.signed_file(lease.variant_id, facts.path)
    files = {
        facts.sidecar_key: signed.parent / "clip.c2pa",
        facts.poster_key: staging.path_of(lease.variant_id) / POSTER,
        facts.record_key: signed.parent / "record.json",
        facts.key: signed,
    }
    hashes = {**facts.digests, facts.key: facts.sha256}
    for key in facts.keys:
        yield Upload(key, files[key], hashes[key])


def is_staged(resources: Resources, lease: Lease, facts: SignedFacts) -> bool:
    """Return whether every signed file is staged on this machine with the committed content."""
    return are_staged(uploads_of(resources, lease, facts))


def is_in_bucket(resources: Resources, lease: Lease, facts: SignedFacts) -> bool:
    """Return whether the bucket already contains all files with the committed content."""
    return are_in_bucket(bucket_of(resources), uploads_of(resources, lease, facts))


def are_staged(uploads: Iterable[Upload]) -> bool:
    """Return whether all files are staged on this machine with the committed content."""
    return all(is_intact(upload.path, upload.sha256) for upload in uploads)


def are_in_bucket(bucket: Bucket, uploads: Iterable[Upload]) -> bool:
    """Return whether the bucket already contains all files with the committed content."""
    heads = ((upload, bucket.head(upload.key)) for upload in uploads)
    return all(head is not None and head.sha256 == upload.sha256 for upload, head in heads)


def publish_clip(resources: Resources, lease: Lease, facts: SignedFacts) -> str:
    """Upload the files that are missing in the bucket, mark the variant as published and return its URL.

    Raises:
        BucketError: the bucket refused the upload or did not respond after several retries; a later run resumes.
        LostLeaseError: another worker has leased the variant.
    """
    bucket = bucket_of(resources)
    if is_staged(resources, lease, facts):
        for upload in uploads_of(resources, lease, facts):
            put_upload(bucket, upload)
    elif not is_in_bucket(resources, lease, facts):
        raise BucketError(
            f"The signed files of variant {lease.variant_id} were removed from {resources.staging} before they were "
            "published. Re-run the same command to sign and publish the clip."
        )
    url = bucket.url(facts.key)
    catalogue_of(resources).results.mark_published(lease, url)
    Staging(resources.staging).drop_signed(lease.variant_id)
    return url


def put_upload(bucket: Bucket, upload: Upload) -> None:
    """Upload a staged file; succeed if the bucket contains it already."""
    bucket.put_new(
        upload.key,
        upload.path,
        content_type=CONTENT_TYPES[upload.path.suffix],
        cache_control=CACHE_CONTROL,
        sha256=upload.sha256,
    )
