"""Sheets that a flow or command names by path, by key in the bucket, or by S3 URL."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from adapters.bucket import Bucket
from adapters.sheets.reader import MAX_BYTES
from manifests.errors import BucketError, UnreadableSheetError
from tasks.runtime.resources import Resources, bucket_of

S3 = "s3://"


@contextmanager
def sheet_file(resources: Resources, place: str, *, keys: bool = False) -> Iterator[Path]:
    """Yield the path of a sheet; an object of a bucket is copied to a temporary file with the same name.

    Args:
        place: a path, or ``s3://name/key`` in a bucket that the credentials of the settings can read.
        keys: whether ``place`` may also be a key in the media bucket.

    Raises:
        UnreadableSheetError: there is no such object.
        BucketError: the bucket cannot be read.
    """
    path = Path(place).expanduser()
    if not place.startswith(S3) and (path.exists() or not keys):
        yield path
        return
    bucket, key = _object_of(resources, place)
    data = _bytes_of(bucket, key, place, "stock sheet" if keys else "sheet")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(key).name
        copy.write_bytes(data)
        yield copy


def _object_of(resources: Resources, place: str) -> tuple[Bucket, str]:
    """Return the bucket and key of an object: in the media bucket, or in another one with the same credentials."""
    root = resources.bucket.location.rstrip("/") + "/"
    if not place.startswith(S3) or place.startswith(root):
        return bucket_of(resources, patient=False), place.removeprefix(root)
    name, _, key = place.removeprefix(S3).partition("/")
    if not name or not key or key.endswith("/"):
        raise UnreadableSheetError(f"'{place}' names no sheet. Enter s3://bucket/key, such as s3://sheets/spring.csv.")
    return bucket_of(replace(resources, bucket=replace(resources.bucket, location=f"{S3}{name}")), patient=False), key


def _bytes_of(bucket: Bucket, key: str, place: str, noun: str) -> bytes:
    where = "" if place.startswith(S3) else ", neither as a file nor as a key in the bucket"
    missing = UnreadableSheetError(f"There is no {noun} '{place}'{where}. Check its name and the folder.")
    try:
        head = bucket.head(key)
    except BucketError as error:
        if error.transient or place.startswith(S3):
            raise
        raise missing from error
    if head is None:
        raise missing
    if head.size > MAX_BYTES:
        raise UnreadableSheetError(f"'{place}' is larger than {MAX_BYTES // 2**20} MiB. Split it into several sheets.")
    return bucket.read(key)
