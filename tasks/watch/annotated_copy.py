"""Marked copies: a refused sheet's bad cells in colour, left beside it and never over anybody's work."""

import hashlib
import io
import re
import tempfile
import zipfile
from pathlib import Path

from adapters.inbox import Inbox
from adapters.sheets import annotate
from tasks.intake.intake import Intake
from tasks.watch.receipt import (
    LARGEST,
    MARKED,
    left_by,
    names_from,
    no_free_name,
    receipt_of,
    short_name,
    standing_receipt,
)


def marked_book(intake: Intake) -> bytes:
    """Return a workbook of a sheet with its bad and odd cells marked."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "marked.xlsx")
        annotate(intake.table, intake.checked.problems, intake.checked.warnings, out)
        return out.read_bytes()


def marked_base(name: str) -> str:
    """Return how the answers begin to the sheet of which this may be a marked copy; empty for other names."""
    beginning, ending = map(re.escape, MARKED)
    match = re.fullmatch(rf"(.+){beginning}(-\d+)?{ending}", name, re.DOTALL)
    return match[1] if match and short_name(match[1]) == match[1] else ""


def is_marked_copy(inbox: Inbox, name: str) -> bool:
    """True for a marked copy that is as it was left here; one that was worked on is a sheet."""
    base = marked_base(name)
    left = left_by(standing_receipt(inbox, base)[1]) if base else {}
    return name in left and left[name] == _digest(inbox.fetch(name, LARGEST))


def leave_marked(inbox: Inbox, sheet: str, data: bytes) -> tuple[str, str]:
    """Put a marked copy beside its sheet, over none but one that was left so; return its name and its sha256.

    Raises:
        BucketError: it cannot be written, or no name is free.
    """
    left = left_by(receipt_of(inbox, sheet))
    for name in names_from(short_name(sheet), *MARKED):
        there = inbox.fetch(name, LARGEST)
        if there is not None and _is_same_book(there, data):
            return name, _digest(there)
        if there is None or _digest(there) == left.get(name):
            inbox.leave(name, data)
            return name, _digest(data)
    raise no_free_name(sheet)


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _is_same_book(data: bytes, other: bytes) -> bool:
    """True where two workbooks differ in their dates alone: one of ours, whose receipt was taken away."""
    try:
        parts = [
            {
                part.filename: (part.CRC, part.file_size)
                for part in zipfile.ZipFile(io.BytesIO(each)).infolist()
                if part.filename != "docProps/core.xml"
            }
            for each in (data, other)
        ]
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    return parts[0] == parts[1]
