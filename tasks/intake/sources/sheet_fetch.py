"""Sheets that a flow or command names by path, by key in the bucket, or by S3 URL."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.inbox import open_inbox
from adapters.sheets.reader import MAX_BYTES
from manifests.errors import BucketError, UnreadableSheetError
from tasks.runtime.resources import Resources, bucket_of

S3 = "s3://"


def s3_url(sheet: Path) -> str:
    """Return the URL that a path was made from, since a path has only one of its slashes; empty for other paths."""
    rest = str(sheet).removeprefix("s3:/")
    return f"{S3}{rest.lstrip('/')}" if rest != str(sheet) else ""


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
    noun = "stock sheet" if keys else "campaign sheet"
    if place.startswith(S3):
        name, data = _from_s3(resources, place, place, noun)
    elif resources.bucket.location.startswith(S3):
        name, data = _from_s3(resources, f"{resources.bucket.location.rstrip('/')}/{place}", place, noun)
    else:
        name, data = _from_folder(resources, place, noun)
    if len(data) > MAX_BYTES:
        raise _too_large(place)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name
        copy.write_bytes(data)
        yield copy


def _from_s3(resources: Resources, url: str, place: str, noun: str) -> tuple[str, bytes]:
    """Return the name and the content of an object; people choose its key freely, with spaces and other characters."""
    name, _, key = url.removeprefix(S3).partition("/")
    if not name or not key or key.endswith("/"):
        raise UnreadableSheetError(f"'{place}' names no sheet. Enter s3://bucket/key, such as s3://sheets/spring.csv.")
    bucket = resources.bucket
    opened = open_inbox(
        f"{S3}{name}",
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key=bucket.access_key,
        secret_key=bucket.secret_key,
    )
    data = opened.fetch(key, MAX_BYTES)
    if data is None:
        raise _missing(place, noun)
    return key.rpartition("/")[2], data


def _from_folder(resources: Resources, place: str, noun: str) -> tuple[str, bytes]:
    """Return the name and the content of a file in a bucket that is a folder."""
    bucket = bucket_of(resources, patient=False)
    try:
        head = bucket.head(place)
    except BucketError as error:
        if error.transient:
            raise
        raise _missing(place, noun) from error
    if head is None:
        raise _missing(place, noun)
    if head.size > MAX_BYTES:
        raise _too_large(place)
    return Path(place).name, bucket.read(place)


def _missing(place: str, noun: str) -> UnreadableSheetError:
    where = "" if place.startswith(S3) else ", neither as a file nor as a key in the bucket"
    return UnreadableSheetError(f"There is no {noun} '{place}'{where}. Check its name and the folder.")


def _too_large(place: str) -> UnreadableSheetError:
    return UnreadableSheetError(f"'{place}' is larger than {MAX_BYTES // 2**20} MiB. Split it into several sheets.")
