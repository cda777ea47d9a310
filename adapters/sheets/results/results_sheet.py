"""Write the results sheet in the format of the campaign sheet."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.parsers import expat

from adapters.sheets.atomic_save import saving
from adapters.sheets.package.workbook import Workbook
from adapters.sheets.results.deliverable_results import DeliverableResult
from adapters.sheets.results.outcome import ClipResult, Outcome
from adapters.sheets.results.text_copy import write_text_copy
from adapters.sheets.results.workbook_copy import write_table_workbook, write_workbook_copy
from manifests.errors import SheetError
from manifests.identity import file_stem
from manifests.sheet.table import Table

TEXT_SUFFIXES = (".csv", ".tsv")
BOOK_SUFFIXES = (".xlsx", ".xlsm")
DAMAGE = (zipfile.BadZipFile, zlib.error, expat.ExpatError, LookupError, ValueError, StopIteration, NotImplementedError)
"""Exceptions of packages that can be read, but that have a structure that cannot be edited."""
CHANGED = "The sheet has been changed or deleted since it was read. This workbook contains only the texts of its cells."
NOT_EDITABLE = (
    "The formatting, formulas and other tabs of the sheet are missing here, because its file has an unusual structure. "
    "To keep them, save the sheet as XLSX in a spreadsheet program before the next run."
)


def results_path(table: Table, folder: Path) -> Path:
    """Return where to write the results of a sheet: CSV and TSV files keep their format, as do workbooks with macros.

    All other sheets get XLSX.
    """
    suffix = table.path.suffix.lower()
    data = _unchanged(table) or b""
    if not (suffix in TEXT_SUFFIXES and table.delimiter and not data.startswith(b"PK")):
        book = _opened(data)
        suffix = ".xlsm" if book and book.has_macros else ".xlsx"
    return folder / f"{file_stem(table.name)}-results{suffix}"


def write_results(
    table: Table,
    outcomes: Mapping[int, Outcome],
    out: Path,
    clips: Sequence[ClipResult] = (),
    deliverables: Sequence[DeliverableResult] = (),
) -> tuple[Path, ...]:
    """Write a copy of a sheet with our columns and the list of its clips; earlier results are replaced.

    A workbook keeps everything that it contains, and gets a tab for the clips, and one for the deliverables, if there
    are any. A text file keeps its delimiter and encoding; these lists are written to other files. The copy can be used
    as a sheet again, because our columns are ignored as input.

    Args:
        outcomes: by row number; rows without an outcome get empty cells.
        out: the name ends in .csv or .tsv for a text file, or else in .xlsx or .xlsm.

    Returns:
        The files that were written.

    Raises:
        SheetError: ``out`` has another extension, is the sheet itself, or cannot be written.
        DiskFullError: the disk is full.
    """
    suffix = out.suffix.lower()
    if suffix not in (*TEXT_SUFFIXES, *BOOK_SUFFIXES):
        raise SheetError(f"The results cannot be written to '{out.name}'. Use a name that ends in .xlsx or .csv.")
    if out.resolve() == table.path.resolve():
        raise SheetError(f"'{out.name}' is the sheet itself. Use another name for the results.")
    data = _unchanged(table)
    if suffix in TEXT_SUFFIXES:
        return write_text_copy(table, data, outcomes, clips, out, deliverables)
    with saving(out) as unfinished:
        note = "" if table.delimiter or data else CHANGED
        if book := _opened(data or b""):
            try:
                write_workbook_copy(book, table, outcomes, clips, unfinished, deliverables)
                return (out,)
            except DAMAGE:
                note = NOT_EDITABLE
        elif data and data.startswith(b"PK"):
            note = NOT_EDITABLE
        write_table_workbook(table, outcomes, clips, note, unfinished, deliverables)
    return (out,)


def _unchanged(table: Table) -> bytes | None:
    """Return the bytes of a sheet, or None if they are not those that were read."""
    try:
        data = table.path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == table.sha256 else None


def _opened(data: bytes) -> Workbook | None:
    """Return a workbook whose parts can be edited, or None."""
    if not data.startswith(b"PK"):
        return None
    try:
        return Workbook(data)
    except DAMAGE:
        return None
