"""The catalogues that this installation has sealed, in a file of its home.

Without it, someone with access to the database alone could remove all seals: the next process would take the catalogue
for one of an earlier version, and seal what they wrote.
"""

import hashlib
from pathlib import Path

from adapters.catalogue import catalogue_name


def is_known_as_sealed(file: Path | None, url: str) -> bool:
    """Return whether the catalogue was sealed before."""
    return file is not None and file.is_file() and _line(url) in file.read_text().splitlines()


def has_sealed_any(file: Path | None) -> bool:
    """Return whether this installation has sealed a catalogue before.

    Then it seals a catalogue with a history only on request: it may be the same catalogue, whose seals were removed
    after the home or the database has moved.
    """
    return file is not None and file.is_file() and bool(file.read_text().split())


def remember_as_sealed(file: Path, url: str) -> None:
    """Add a catalogue to the file."""
    if not is_known_as_sealed(file, url):
        with file.open("a") as opened:
            opened.write(_line(url) + "\n")


def _line(url: str) -> str:
    return hashlib.sha256(catalogue_name(url).encode(errors="replace")).hexdigest()
