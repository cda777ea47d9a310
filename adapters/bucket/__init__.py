"""Object storage for published clips: a local folder or an S3 bucket."""

from pathlib import Path

from adapters.bucket.base import Bucket, Entry, Head
from adapters.bucket.local import LocalBucket
from adapters.bucket.location import file_location, s3_location
from manifests.errors import BucketRefusedError

__all__ = ["Bucket", "Entry", "Head", "LocalBucket", "open_bucket"]


def open_bucket(
    location: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    public_url: str | None = None,
    patient: bool = True,
) -> Bucket:
    """Open a bucket without any I/O; ``check()`` tests the access.

    Args:
        location: a folder, a ``file://`` URL, or ``s3://name/prefix``.
        endpoint: URL of a store other than AWS.
        access_key, secret_key: credentials; None uses boto3's credential chain.
        public_url: base of the public URLs, instead of the address of the store.
        patient: pause for 30 s in all between attempts if the store does not respond; otherwise for 0.4 s.

    Raises:
        BucketRefusedError: the location has another form.
    """
    if place := s3_location(location):
        from adapters.bucket.s3 import (  # boto3 is slow to import, and a folder does not need it
            PATIENT_S,
            QUICK_S,
            S3Bucket,
        )

        return S3Bucket(
            place.name,
            place.prefix,
            endpoint=endpoint,
            region=region,
            access_key=access_key,
            secret_key=secret_key,
            public_url=public_url,
            pauses_s=PATIENT_S if patient else QUICK_S,
        )
    if folder := file_location(location):
        return LocalBucket(folder, public_url)
    if "://" in location or not location.strip():
        raise BucketRefusedError(f"{location!r} is not a bucket. Use a folder or s3://name/prefix.")
    return LocalBucket(Path(location).expanduser(), public_url)
