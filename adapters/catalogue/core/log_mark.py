"""The newest entry of the audit log that this home knows, in a file outside the database.

A person who can write to the database can restore an earlier end of the log, which is genuine. The file shows that the
log was longer.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from adapters.files.durable import write_durably
from manifests.errors import CatalogueError, DiskFullError
from manifests.system_errors import DISK_FULL, full_disk_text

_LINE = re.compile(r"(\d{1,18}) ([0-9a-f]{64})\n")


class KnownEntry(NamedTuple):
    """The number and the digest of an entry."""

    number: int
    digest: str


class LogMark:
    """The file of one catalogue. Threads and processes of an installation share it."""

    def __init__(self, folder: Path, catalogue_name: str) -> None:
        self._folder = folder
        self._file = folder / hashlib.sha256(catalogue_name.encode(errors="replace")).hexdigest()

    def read(self) -> KnownEntry | None:
        """Return the newest known entry; None if there is none yet.

        Raises:
            CatalogueError: the file is damaged.
        """
        try:
            found = _LINE.fullmatch(self._file.read_text("ascii"))
        except FileNotFoundError:
            return None
        except (UnicodeDecodeError, OSError):
            found = None
        if found is None:
            raise CatalogueError(
                f"The file {self._file.name[:12]}… in the folder {self._folder.name} of REELMILL_HOME, which names the "
                "newest known entry of the audit log, is damaged or cannot be read. Restore it from a backup. "
                "Otherwise, run `reelmill audit verify`, compare its digest with one that you noted, and run "
                "`reelmill audit seal`, which writes the file again."
            )
        return KnownEntry(int(found[1]), found[2])

    def written_at(self) -> float:
        """Return when the newest known entry was remembered, in seconds since 1970; call it only if there is one."""
        return self._file.stat().st_mtime

    def advance(self, entry: KnownEntry) -> None:
        """Write an entry that is newer than the known one.

        Raises:
            CatalogueError: the file is damaged.
            DiskFullError: the disk is full; the file is unchanged.
        """
        with self._locked():
            known = self.read()
            if known is None or known.number < entry.number:
                self._write(entry)

    def replace(self, entry: KnownEntry) -> None:
        """Write an entry that a person has accepted as the newest one; raise DiskFullError as ``advance`` does."""
        with self._locked():
            self._write(entry)

    def _write(self, entry: KnownEntry) -> None:
        try:
            write_durably(self._file, f"{entry.number} {entry.digest}\n".encode(), mode=0o600)
        except OSError as error:
            raise self._disk_full(error) from error

    def _disk_full(self, error: OSError) -> DiskFullError | OSError:
        return DiskFullError(full_disk_text(self._folder)) if error.errno in DISK_FULL else error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._disk_full(error) from error
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
