"""Watched places in which sheets arrive: a folder, or a prefix of an S3 bucket."""

from pathlib import Path

from adapters.bucket.location import s3_location
from adapters.inbox.base import Inbox, InboxFile
from adapters.inbox.folder import FolderInbox
from manifests.errors import SettingsError

__all__ = ["FolderInbox", "Inbox", "InboxFile", "open_inbox"]


def open_inbox(
    location: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
) -> Inbox:
    """Open a watched place without reading it or connecting to it.

    Args:
        location: a folder, or ``s3://name/prefix``.
        endpoint, region, access_key, secret_key: see ``open_bucket``.

    Raises:
        SettingsError: the location is neither of them.
        BucketRefusedError: invalid bucket name or prefix.
    """
    if place := s3_location(location):
        from adapters.inbox.s3 import S3Inbox  # boto3 is slow to import, and a folder does not need it

        return S3Inbox(
            place.name, place.prefix, endpoint=endpoint, region=region, access_key=access_key, secret_key=secret_key
        )
    if "://" in location or not location.strip():
        raise SettingsError(f"{location!r} cannot be watched. Set REELMILL_WATCH to a folder or to s3://name/prefix.")
    return FolderInbox(Path(location).expanduser().absolute())
