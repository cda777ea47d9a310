"""Notice a catalogue that was lost while its clips remain, before an empty one takes its place."""

import re
from contextlib import suppress
from itertools import islice
from pathlib import Path

from adapters.bucket import Bucket
from adapters.catalogue import catalogue_name, sqlite_path
from adapters.catalogue.views.health import has_no_campaign, is_emptied
from manifests.errors import BucketError, CatalogueError
from tasks.runtime.sealed_catalogues import is_known_as_sealed

_CLIP = re.compile(r"[^/]+/[^/]+/[0-9a-f]{12}-[0-9a-f]{16}\.mp4")
_LISTED = 10_000
"""Objects that are listed at most; those of other programs may be in the same place."""
_START_EMPTY = "To begin with an empty catalogue instead, run `reelmill audit seal`."


def check_not_lost(catalogue_url: str, staging: Path, sealed_catalogues: Path | None = None) -> None:
    """Check that a catalogue exists if this installation has used it: it has sealed it, or has staged its clips.

    With an empty catalogue, every clip would be generated and published again, under other keys.

    Raises:
        CatalogueError: the SQLite file is missing.
    """
    file = sqlite_path(catalogue_url)
    if file is None or file.exists():
        return
    if is_known_as_sealed(sealed_catalogues, catalogue_url):
        raise CatalogueError(
            f"The catalogue {file} is missing, although this installation has used it: it was deleted or moved, or its "
            f"disk is not mounted. Put it back or restore it from a backup (docs/operations.md). {_START_EMPTY}"
        )
    if _has_entries(staging):
        raise CatalogueError(
            f"The catalogue {file} is missing, although {staging} contains clips that it recorded: it was deleted or "
            "moved, or its disk is not mounted. Put it back or restore it from a backup (docs/operations.md). To begin "
            f"with an empty catalogue instead, move {staging} to another place first."
        )


def check_not_emptied(catalogue_url: str, sealed_catalogues: Path | None) -> None:
    """Check that a catalogue which this installation has sealed has a seal or any content.

    Raises:
        CatalogueError: it is empty.
    """
    if is_known_as_sealed(sealed_catalogues, catalogue_url) and is_emptied(catalogue_url):
        raise CatalogueError(
            f"The catalogue {catalogue_name(catalogue_url)} is empty, although this installation has used it: its file "
            "or database was emptied or replaced, or the server is another one. Restore it from a backup "
            f"(docs/operations.md). {_START_EMPTY}"
        )


def check_bucket_is_known(catalogue_url: str, bucket: Bucket) -> None:
    """Check that a catalogue without any campaign is a new one: no clips are published in its bucket.

    Raises:
        CatalogueError: there are clips of a catalogue that was lost, or of another one.
    """
    if has_no_campaign(catalogue_url) and (key := _published(bucket)):
        raise CatalogueError(
            f"The catalogue {catalogue_name(catalogue_url)} contains no campaign, although the bucket contains "
            f"published clips, such as {key}. If it is not new, its content was lost: restore it from a backup "
            "(docs/operations.md); otherwise, clips could be published twice. If another catalogue publishes to this "
            "bucket, set REELMILL_BUCKET to another bucket or prefix. To begin with an empty catalogue and this "
            "bucket, run `reelmill audit seal`."
        )


def _published(bucket: Bucket) -> str:
    """Return the key of a published clip; empty if there is none."""
    with suppress(BucketError):  # the checks of the bucket report what is wrong with it
        return next((each.key for each in islice(bucket.entries(), _LISTED) if _CLIP.fullmatch(each.key)), "")
    return ""


def _has_entries(folder: Path) -> bool:
    with suppress(OSError):
        return any(folder.iterdir())
    return False
