"""Which files of a watched place are sheets, by their names: others are passed over."""

import re
from collections.abc import Iterable

from adapters.inbox import InboxFile
from tasks.intake.sources.sheet_store import SHEET_SUFFIXES
from tasks.watch.receipt import is_receipt_name

PARTIAL_SUFFIXES = (".part", ".partial", ".filepart", ".crdownload", ".download", ".opdownload", ".tmp", ".temp")
"""Endings that programs add to the name of a file while they copy or download it."""
_OWNER = "~$"
"""Excel and Word keep such a file next to an open document."""
_OURS_OR_NOTES = re.compile(r"readme\b.*\.(txt|json)", re.IGNORECASE | re.DOTALL)
_CONFLICTED = re.compile(
    r"""(?P<base>.+?)(
        \s*\([^()]*(conflict|konflikt|conflit|conflicto|conflito)[^()]*\)         # Dropbox, Nextcloud, Seafile
        |\.sync-conflict-\d{8}-\d{6}(-\w+)?                                       # Syncthing
        |[_ -]conflict-\d{8}-\d{6}                                                # ownCloud
    )(?P<suffix>\.\w+)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_NUMBERED = re.compile(r"(?P<base>.+?)\s*\(\d{1,3}\)(?P<suffix>\.\w+)", re.DOTALL)


def is_sheet_name(name: str) -> bool:
    """Return whether a file is a sheet or looks like one; the reader decides whether it can be used.

    Hidden files, such as ``.~lock.spring.ods#`` and ``._spring.xlsx``, are not listed at all.
    """
    if name.startswith(_OWNER) or is_receipt_name(name) or _OURS_OR_NOTES.fullmatch(name):
        return False
    return name.lower().endswith(SHEET_SUFFIXES)


def conflicted_original(name: str) -> str:
    """Return the name of the sheet of which a file is a conflicted copy, or an empty text.

    Programs that synchronise folders write such a copy if two people change a file at the same time.
    """
    match = _CONFLICTED.fullmatch(name)
    return match["base"] + match["suffix"] if match else ""


def numbered_original(name: str) -> str:
    """Return ``spring.csv`` for ``spring (1).csv``, or an empty text: browsers name a second download like this."""
    match = _NUMBERED.fullmatch(name)
    return match["base"] + match["suffix"] if match else ""


def being_written(found: Iterable[InboxFile]) -> set[str]:
    """Return the names of files next to which a partial file shows that they are still being copied or downloaded."""
    names = [each.name for each in found]
    return {name[: -len(suffix)] for name in names for suffix in PARTIAL_SUFFIXES if name.lower().endswith(suffix)}
