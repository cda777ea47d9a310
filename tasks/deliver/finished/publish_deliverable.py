"""Put a signed deliverable and its companions into the bucket, exactly once."""

from collections.abc import Iterator

from adapters.catalogue import DeliverableLease, SignedFacts
from manifests.errors import LostLeaseError
from manifests.finish.deliverable import DeliverableState
from tasks.deliver.publish import Upload, are_in_bucket, are_staged, put_upload
from tasks.deliver.withdraw import remove_deliverable
from tasks.finish.files.folders import drop, staging_of
from tasks.runtime.files.staging import POSTER
from tasks.runtime.resources import Resources, bucket_of, catalogue_of

NAMES = {".c2pa": "clip.c2pa", ".jpg": POSTER, ".json": "record.json", ".srt": "captions.srt", ".vtt": "captions.vtt"}
"""Names of the companions in the folder of a signing, by the endings of their keys."""


def uploads_of(resources: Resources, lease: DeliverableLease, facts: SignedFacts) -> Iterator[Upload]:
    """Yield the files, the clip last, so that the companion files exist once the clip is visible."""
    signed = staging_of(resources).signed_file(lease.deliverable_id, facts.path)
    hashes = {**facts.digests, facts.key: facts.sha256}
    for key in facts.keys:
        ending = key[key.rindex(".") :]
        path = signed if key == facts.key else signed.parent / NAMES[ending]
        yield Upload(key, path, hashes[key])


def can_publish(resources: Resources, lease: DeliverableLease, facts: SignedFacts) -> bool:
    """Return whether every signed file is staged on this machine, or all are in the bucket already."""
    uploads = list(uploads_of(resources, lease, facts))
    return are_staged(uploads) or are_in_bucket(bucket_of(resources), uploads)


def publish_deliverable(resources: Resources, lease: DeliverableLease, facts: SignedFacts) -> str:
    """Upload the files that are missing in the bucket, mark the deliverable as published and return its URL.

    If it was withdrawn in the meantime, the files are deleted again.

    Raises:
        BucketError: the bucket refused the upload or did not respond after several retries; a later run resumes.
        LostLeaseError: another worker has leased the deliverable, or it was withdrawn.
    """
    bucket, uploads = bucket_of(resources), list(uploads_of(resources, lease, facts))
    if are_staged(uploads):
        for upload in uploads:
            put_upload(bucket, upload)
    url = bucket.url(facts.key)
    try:
        catalogue_of(resources).deliverables.mark_published(lease, url)
    except LostLeaseError:
        if catalogue_of(resources).deliverables.get(lease.deliverable_id).state == DeliverableState.WITHDRAWN:
            remove_deliverable(resources, lease.deliverable_id)
        raise
    drop(resources, lease.deliverable_id)
    return url
