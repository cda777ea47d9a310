"""Where clips are published: a local folder, or an S3 bucket."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from adapters.bucket.base import Bucket, Entry, Head
from adapters.bucket.local import LocalBucket
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
) -> Bucket:
    """Open a bucket; nothing is written and nobody is called yet (``check()`` does).

    Args:
        location: a folder, a ``file://`` URL, or ``s3://name/prefix``.
        endpoint: URL of a store other than AWS.
        access_key, secret_key: None leaves them to boto3's own ways of finding credentials.
        public_url: what viewers' URLs begin with, instead of the store's own address.

    Raises:
        BucketRefusedError: the location is none of these.
    """
    parts = urlsplit(location)
    if parts.scheme == "s3" and parts.netloc:
        from adapters.bucket.s3 import S3Bucket  # boto3 takes its time, and a folder needs none of it

        return S3Bucket(
            parts.netloc,
            parts.path,
            endpoint=endpoint,
            region=region,
            access_key=access_key,
            secret_key=secret_key,
            public_url=public_url,
        )
    if parts.scheme == "file":
        return LocalBucket(Path(unquote(parts.path)), public_url)
    if "://" in location or not location.strip():
        raise BucketRefusedError(f"{location!r} is not a bucket; use a folder or s3://name/prefix.")
    return LocalBucket(Path(location).expanduser(), public_url)
