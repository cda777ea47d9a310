"""Report a full disk in one way, wherever a file is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.errors import DiskFullError
from manifests.system_errors import DISK_FULL, full_disk_text


@contextmanager
def disk_full_errors(place: Path) -> Iterator[None]:
    """Convert the system error for a full disk to DiskFullError."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise DiskFullError(full_disk_text(place)) from error
