"""Where sheets arrive: a folder, or a prefix of an S3 bucket."""

from pathlib import Path
from urllib.parse import urlsplit

from adapters.inbox.base import Found, Inbox
from adapters.inbox.folder import FolderInbox
from manifests.errors import SettingsError

__all__ = ["FolderInbox", "Found", "Inbox", "open_inbox"]


def open_inbox(
    location: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
) -> Inbox:
    """Open a watched place; nothing is read yet, and nobody is called.

    Args:
        location: a folder, or ``s3://name/prefix``.
        endpoint, region, access_key, secret_key: as ``open_bucket`` takes them.

    Raises:
        SettingsError: the location is neither.
    """
    parts = urlsplit(location)
    if parts.scheme == "s3" and parts.netloc:
        from adapters.inbox.s3 import S3Inbox  # boto3 takes its time, and a folder needs none of it

        return S3Inbox(
            parts.netloc, parts.path, endpoint=endpoint, region=region, access_key=access_key, secret_key=secret_key
        )
    if "://" in location or not location.strip():
        raise SettingsError(f"{location!r} cannot be watched; set REELMILL_WATCH to a folder or to s3://name/prefix.")
    return FolderInbox(Path(location).expanduser().absolute())
