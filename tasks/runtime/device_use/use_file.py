"""Files with the seconds of device uses that are not booked yet: they survive the process, even a SIGKILL.

A file begins with the seconds as a little-endian double, which is rewritten many times a second. JSON follows that says
what they were used for. The process holds a lock on its files, which the kernel releases when the process ends.
"""

import fcntl
import json
import logging
import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from manifests.costs.device_use import DeviceUse

log = logging.getLogger(__name__)

SECONDS = struct.Struct("<d")
MAX_BYTES = 4096
UNFINISHED_S = 60.0
"""Age at which a file that was never completed is deleted."""
_SUFFIX = ".use"
_CATALOGUE = "catalogue"


class UseFile:
    """The file of one device use of this process.

    Rewriting a few bytes with pwrite(2) is as safe against a kill as a memory map, because both end in the page cache.
    But a full disk raises an OSError here, and kills a process that writes to a memory map.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def create(cls, folder: Path, catalogue: str, use: DeviceUse) -> "UseFile":
        """Create the file, complete and locked.

        Args:
            catalogue: name of the catalogue that the use belongs to, without credentials.

        Raises:
            OSError: the file cannot be written.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{use.use_id}{_SUFFIX}"
        unfinished = folder / f".{use.use_id}"
        body = json.dumps({_CATALOGUE: catalogue, **use.as_json()}).encode()
        handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            os.write(handle, SECONDS.pack(use.seconds) + body)
            os.rename(unfinished, path)
        except OSError:
            os.close(handle)
            unfinished.unlink(missing_ok=True)
            raise
        return cls(path, handle)

    def write(self, seconds: float) -> None:
        """Replace the seconds; if that fails, the file keeps the last ones."""
        with suppress(OSError):
            os.pwrite(self._handle, SECONDS.pack(seconds), 0)

    def remove(self) -> None:
        """Delete the file, because its seconds are booked."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Release the lock; may be called repeatedly."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


class Left(NamedTuple):
    """A use of a process that has ended, with its locked file."""

    use: DeviceUse
    file: UseFile


def uses_left(folder: Path, catalogue: str) -> Iterator[Left]:
    """Yield the uses in a folder whose processes have ended and that belong to a catalogue.

    Each is locked until the caller continues, so that no other process books it at the same time. Damaged files are
    deleted.
    """
    for path in _files(folder):
        try:
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # another process has just booked it
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # its process is alive
            os.close(handle)
            continue
        file = UseFile(path, handle)
        if found := _read(file, handle):
            name, use = found
            if name == catalogue:
                yield Left(use, file)
        file.close()


def _files(folder: Path) -> list[Path]:
    """Return the complete files, and delete those that a killed process has left incomplete."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # nothing was used yet
        return []
    for path in entries:
        if path.name.startswith("."):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > UNFINISHED_S:
                    path.unlink()
    return [path for path in entries if path.suffix == _SUFFIX]


def _read(file: UseFile, handle: int) -> tuple[str, DeviceUse] | None:
    """Return the catalogue and the use in a file; None if it was deleted meanwhile or is damaged."""
    if os.fstat(handle).st_nlink == 0:
        return None
    try:
        data = os.pread(handle, MAX_BYTES, 0)
        body = json.loads(data[SECONDS.size :])
        (seconds,) = SECONDS.unpack(data[: SECONDS.size])
        return str(body.pop(_CATALOGUE)), replace(DeviceUse.from_json(body), seconds=seconds)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        log.warning("Deleting %s, which is damaged (%s). Its device time is not in the costs.", file.path, error)
        file.path.unlink(missing_ok=True)
        return None
