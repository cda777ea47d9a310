"""Annotated copies of rejected sheets, written next to the sheet without overwriting anyone's changes."""

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
    MARKED,
    MAX_FILE_BYTES,
    bytes_under,
    candidate_names,
    find_receipt,
    no_free_name_error,
    read_receipt,
    short_name,
    written_copies,
)
from tasks.watch.receipt_seal import ReceiptSeal


def annotated_workbook(intake: Intake) -> bytes:
    """Return a workbook of a sheet in which cells with errors and warnings are marked."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "marked.xlsx")
        annotate(intake.table, intake.checked.problems, intake.checked.warnings, out)
        return out.read_bytes()


def annotated_base(name: str) -> str:
    """Return the base name of the sheet if ``name`` has the form of an annotated copy, or else an empty text."""
    beginning, ending = map(re.escape, MARKED)
    match = re.fullmatch(rf"(.+){beginning}(-\d+)?{ending}", name, re.DOTALL)
    return match[1] if match and short_name(match[1]) == match[1] else ""


def is_unchanged_copy(inbox: Inbox, seal: ReceiptSeal, name: str) -> bool:
    """Return whether a file is an unchanged annotated copy; a copy that people have edited is a sheet."""
    base = annotated_base(name)
    left = written_copies(find_receipt(inbox, seal, base)[1]) if base else {}
    return name in left and left[name] == _digest(inbox.fetch(name, MAX_FILE_BYTES))


def write_annotated_copy(inbox: Inbox, seal: ReceiptSeal, sheet: str, data: bytes) -> tuple[str, str]:
    """Write an annotated copy next to its sheet and return its name and sha256.

    Only unchanged annotated copies are overwritten.

    Raises:
        BucketError: the copy cannot be written, or no name is free.
    """
    left = written_copies(read_receipt(inbox, seal, sheet))
    for name in candidate_names(short_name(sheet), *MARKED):
        there = bytes_under(inbox, name)
        if there is not None and _is_same_book(there, data):
            return name, _digest(there)
        if there is None or _digest(there) == left.get(name):
            inbox.write(name, data)
            return name, _digest(data)
    raise no_free_name_error(sheet)


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _is_same_book(data: bytes, other: bytes) -> bool:
    """Return whether two workbooks differ only in their dates, as a copy of ours whose receipt was deleted."""
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
