"""Results in a text file: every record of the user's file with our cells appended, and the clips in a second file."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from adapters.sheets.atomic_save import saving
from adapters.sheets.escaping import escape_formula, unescape_formula
from adapters.sheets.results.deliverable_results import DELIVERABLES, DeliverableResult
from adapters.sheets.results.outcome import CLIPS, RESULTS, ClipResult, Outcome, in_text
from adapters.sheets.text.encodings import codec_of_name
from adapters.sheets.text.records import raw_records
from adapters.sheets.workbook_writer import lines_of
from manifests.sheet.columns import is_result
from manifests.sheet.table import Row, Table, trimmed

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_END = "\r\n"
"""The writer quotes cells that contain a character of its line end."""


class _Record(NamedTuple):
    """A record of a text file.

    Attributes:
        text: the record as it is in the file, with its line end.
        is_readable: False for a record that is quoted wrong; nothing can be appended to it.
    """

    cells: list[str]
    text: str
    is_readable: bool = True


class _Source(NamedTuple):
    """A text file.

    Attributes:
        first: the line ``sep=;``, if there is one.
        quotes: whether double quotes enclose cells.
    """

    encoding: str
    first: str
    records: list[_Record]
    quotes: bool


def write_text_copy(
    table: Table,
    data: bytes | None,
    outcomes: Mapping[int, Outcome],
    clips: Sequence[ClipResult],
    out: Path,
    deliverables: Sequence[DeliverableResult] = (),
) -> tuple[Path, ...]:
    """Write a copy of a text file with our columns, and the list of clips next to it, in the same encoding.

    Deliverables get a third file.

    Args:
        data: the bytes of the file; None if they have changed since, so that the table is written instead.
    """
    source = _source_of(table, data) or _Source("utf-8-sig", "", _from_table(table), True)
    delimiter = table.delimiter or ","
    lines = _lines(source, table, outcomes, delimiter)
    _write(out, source.encoding, source.first, lines)
    written = [out]
    for name, headers, found in (("clips", CLIPS, clips), ("deliverables", DELIVERABLES, deliverables)):
        if not found and name == "deliverables":
            continue
        stem = out.name.removesuffix(out.suffix).removesuffix("-results")
        rows = [list(headers), *([in_text(result.value) for result in each.results] for each in found)]
        written.append(out.with_name(f"{stem}-{name}{out.suffix}"))
        _write(written[-1], source.encoding, source.first, (_line(cells, delimiter) + "\r\n" for cells in rows))
    return tuple(written)


def _write(out: Path, encoding: str, first: str, lines: Iterable[str]) -> None:
    # Only our own texts can contain characters that the encoding of the sheet does not have.
    data = (first + "".join(lines)).encode(encoding, "replace")
    with saving(out) as unfinished:
        unfinished.write_bytes(data)


def _lines(source: _Source, table: Table, outcomes: Mapping[int, Outcome], delimiter: str) -> Iterator[str]:
    """Yield the records with our cells: unchanged before them, or without the cells of an earlier copy."""
    ours = {index for index, header in enumerate(table.columns) if is_result(header)}
    width = max((len(_without(record.cells, ours)) for record in source.records), default=0)
    unreadable = {row.number for row in table.reading.bad_rows}
    if not table.header_row:  # a list of prompts: with a header, the copy can be used as a sheet
        yield _line([*_without(table.columns, ours), *RESULTS], delimiter, source.quotes) + _END
    for number, (cells, text, is_readable) in enumerate(source.records, 1):
        if not is_readable or number in unreadable:
            yield text
            continue
        body = text.rstrip("\r\n")
        end = text[len(body) :] or "\r\n"
        kept = _without(cells, ours)
        if number == table.header_row:
            added = list(RESULTS)
        elif number in outcomes:
            added = [in_text(result.value) for result in outcomes[number].results]
        elif not body:
            yield text or end
            continue
        else:
            added = []
        if len(kept) != len(cells):
            body = _line(kept, delimiter, source.quotes)
        missing = delimiter * (width - max(len(kept), 1)) if added else ""
        yield body + missing + (delimiter + _line(added, delimiter, source.quotes) if added else "") + end


def _without(cells: Sequence[str], ours: set[int]) -> list[str]:
    return [cell for index, cell in enumerate(cells) if index not in ours]


def _line(cells: Sequence[str], delimiter: str, quotes: bool = True) -> str:
    if not quotes:
        return delimiter.join(" ".join(cell.replace(delimiter, " ").splitlines()) for cell in cells)
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=_END).writerow(cells)
    return stream.getvalue().removesuffix(_END)


def _source_of(table: Table, data: bytes | None) -> _Source | None:
    """Return the records of a file, if they can be read exactly as the table was."""
    if data is None:
        return None
    for encoding in _encodings(table, data):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        first, _, rest = text.partition("\n")
        marked = first.strip().lower().startswith("sep=") and len(first.strip()) <= 5
        body = rest if marked else text
        for quotes, records in _readings(body, table):
            if records is not None and _agrees(records, table):
                return _Source(encoding, first + "\n" if marked else "", records, quotes)
    return None


def _readings(text: str, table: Table) -> Iterator[tuple[bool, list[_Record] | None]]:
    """Yield the records in each way in which the reader may have read them, and whether quotes enclose cells."""
    for quotes in (True, False):
        yield quotes, _records(text, table.delimiter or ",", quotes)
    for width in (0, len(table.columns)):
        found = raw_records(text, table.delimiter or ",", width)
        yield (
            True,
            [_Record(list(r.cells), raw) if isinstance(r, Row) else _Record([], raw, False) for r, raw in found],
        )


def _encodings(table: Table, data: bytes) -> tuple[str, ...]:
    marked = next((name for bom, name in _BOMS.items() if data.startswith(bom)), None)
    if marked:
        return (marked,)
    codec = codec_of_name(table.reading.encoding)
    return (codec,) if codec else ("utf-8", "cp1252")


def _records(text: str, delimiter: str, quotes: bool) -> list[_Record] | None:
    lines = io.StringIO(text, newline="").readlines()
    reader = csv.reader(
        iter(lines), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE, strict=quotes
    )
    records, before = [], 0
    try:
        for cells in reader:
            records.append(_Record(cells, "".join(lines[before : reader.line_num])))
            before = reader.line_num
    except csv.Error:
        return None
    return records


def _agrees(records: Sequence[_Record], table: Table) -> bool:
    """Return whether the records are the rows of the table: the same cells with the same row numbers."""
    header = [(table.header_row, table.columns)] if table.header_row else []
    rows = [*header, *((row.number, row.cells) for row in (*table.above, *table.rows))]
    return all(
        0 < number <= len(records)
        and trimmed([unescape_formula(cell) for cell in records[number - 1].cells]) == trimmed(cells)
        for number, cells in rows
    )


def _from_table(table: Table) -> list[_Record]:
    lines = [[escape_formula(text) for text in texts] for number, texts in lines_of(table) if number]
    return [_Record(cells, _line(cells, table.delimiter or ",") + "\r\n") for cells in lines]
