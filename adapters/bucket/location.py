"""Locations of buckets as people write them: a folder, a ``file://`` URL, or ``s3://name/prefix``."""

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from manifests.errors import BucketRefusedError

MAX_PREFIX_BYTES = 500
"""Keys have up to 1,024 bytes with their prefix."""
_S3 = re.compile(r"s3://([^/]*)/?(.*)", re.IGNORECASE | re.DOTALL)
_FILE = re.compile(r"file://([^/]*)(/.*)", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")


class S3Location(NamedTuple):
    """Name of a bucket, and the prefix of all keys in it, without slashes at its ends."""

    name: str
    prefix: str


def s3_location(location: str) -> S3Location | None:
    """Split ``s3://name/prefix``; return None for a location of another kind.

    It is not a URL: ``#``, ``?``, ``%`` and spaces are ordinary characters of keys, and ``%20`` is not decoded.

    Raises:
        BucketRefusedError: invalid name, or a prefix with which objects could not be found again.
    """
    match = _S3.fullmatch(location.strip())
    if match is None or not match[1]:
        return None
    name, prefix = match[1], match[2].strip("/")
    if not _NAME.fullmatch(name):
        raise BucketRefusedError(
            f"{location!r} is not a bucket: {name!r} is not a valid bucket name. Use s3://name/prefix, and set the "
            "address of the store in --endpoint or REELMILL_BUCKET_ENDPOINT."
        )
    if problem := _problem(prefix):
        raise BucketRefusedError(f"The prefix in {location!r} {problem}. Choose another prefix.")
    return S3Location(name, prefix)


def file_location(location: str) -> Path | None:
    """Return the path of a ``file://`` URL; None for a location of another kind.

    ``#`` and ``?`` are part of the path, because a file URL has no fragment and no query.

    Raises:
        BucketRefusedError: the URL names another host.
    """
    match = _FILE.fullmatch(location.strip())
    if match is None:
        return None
    if match[1].lower() not in ("", "localhost"):
        raise BucketRefusedError(
            f"{location!r} is not a bucket, because it names the host {match[1]!r}. Use a folder of this machine, "
            "such as file:///srv/clips."
        )
    return Path(unquote(match[2]))


def _problem(prefix: str) -> str:
    """Return why a prefix cannot be used, or an empty string."""
    if not prefix:
        return ""
    if any(segment in ("", ".", "..") for segment in prefix.split("/")):
        return "contains '//', '/./' or '/../', which browsers and some stores remove from URLs"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in prefix):
        return "contains an invisible control character"
    if len(prefix.encode()) > MAX_PREFIX_BYTES:
        return f"is longer than {MAX_PREFIX_BYTES} bytes"
    return ""
