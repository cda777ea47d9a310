"""Reader for text files: decoding, then CSV, TSV, JSON, JSON Lines or a list of prompts."""

from collections.abc import Sequence
from dataclasses import replace

from adapters.sheets.file_kind import JSON, PROMPTS, TEXT, TSV
from adapters.sheets.text.decoding import Decoded, damaged_row, decode, has_damage, spelled
from adapters.sheets.text.delimiter import DELIMITERS, KINDS, delimiter_of
from adapters.sheets.text.json_records import JsonTable, read_json
from adapters.sheets.text.prompt_list import HEADER, is_list_column, is_list_file, read_lines
from adapters.sheets.text.records import Records, read_records
from adapters.sheets.text.tsv import read_tsv
from manifests.errors import UnreadableSheetError
from manifests.sheet.columns import name_of
from manifests.sheet.header import LOOKED_AT, header_index
from manifests.sheet.problem import shown
from manifests.sheet.reading import BadRow, Reading, ReadingOptions
from manifests.sheet.table import Row

TEXT_LIST = "text list"
_REPLACED = (
    "contains U+FFFD: another program has replaced a character that it could not read. Type the character again."
)
_SAMPLES = 200


def read_text(data: bytes, kind: str, options: ReadingOptions) -> tuple[str, list[Row], Reading]:
    """Return the delimiter, the rows that are not blank, and how they were read.

    The first row has the number 0 if it is not in the file: the keys of JSON objects, or the header of a list.

    Args:
        kind: see ``file_kind``.

    Raises:
        UnreadableSheetError: not text, its encoding is ambiguous, or no row can be read. The message continues after
            the file's name and has no full stop.
    """
    decoded = decode(data, options.encoding)
    text = decoded.text.removeprefix("\ufeff")
    if not text.strip(DELIMITERS + '" \r\n\0'):
        return DELIMITERS[0], [], Reading()
    delimiter, found, reading = _read(text, kind)
    if not found.rows and found.bad:
        first = found.bad[0]
        raise UnreadableSheetError(f"has no readable row. Row {first.number} {first.message.rstrip('.')}")
    return delimiter, *_finished(found, decoded, reading)


def _read(text: str, kind: str) -> tuple[str, Records, Reading]:
    if kind == JSON:
        table = read_json(text)
        return "", table.records, Reading(table.kind, has_header=table.has_header)
    if kind == PROMPTS and (json_table := _json_with_prompts(text)):
        return "", json_table.records, Reading(json_table.kind, has_header=json_table.has_header)
    delimiter, found = _separated(text)
    if kind == TSV and all(len(row.cells) == 1 for row in found.rows):
        delimiter, found = "\t", read_tsv(text)  # quotes are letters, also if there is only one column
    if kind == PROMPTS and is_list_file(text, found.rows, delimiter):
        lines, removed = read_lines(text)
        return "", _headed(lines), Reading(TEXT_LIST, has_header=False, removed_markers=removed)
    if kind in (TEXT, TSV) and found.rows and not found.bad and is_list_column(found.rows):
        return "", _headed(found), Reading(TEXT_LIST, has_header=False)
    has_delimiter = any(len(row.cells) > 1 for row in found.rows)
    return delimiter, found, Reading(KINDS.get(delimiter if has_delimiter else ",", KINDS[","]))


def _separated(text: str) -> tuple[str, Records]:
    """Return the delimiter and the records of a table.

    A first line ``sep=;`` sets the delimiter and is not counted as a row, as in Excel.
    """
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) <= 5:
        delimiter, text = first.rstrip("\r\n")[4:5] or "\t", rest
    else:
        delimiter = delimiter_of(text)
    return delimiter, read_tsv(text) if delimiter == "\t" else read_records(text, delimiter)


def _json_with_prompts(text: str) -> JsonTable | None:
    """Return the table if a .txt file is JSON with texts or a prompt column; lines of other objects are prompts."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        table = read_json(text)
    except UnreadableSheetError:
        return None
    index = header_index([row.cells for row in table.records.rows[:LOOKED_AT]])
    has_prompts = any(name_of(cell) == "prompt" for cell in table.records.rows[index].cells)
    return table if has_prompts and not table.records.bad else None


def _headed(found: Records) -> Records:
    return found._replace(rows=[HEADER, *found.rows])


def _finished(found: Records, decoded: Decoded, reading: Reading) -> tuple[list[Row], Reading]:
    """Return the rows without those that contain damaged bytes, and the complete reading."""
    rows, damaged = _without_damage(found.rows, decoded)
    bad = [row._replace(value=spelled(row.value)) for row in found.bad] + damaged
    doubts = [*found.doubts, *(doubt for row in rows if (doubt := _lost_characters(row)))]
    sample = _sample(rows) if decoded.is_guess else None
    return rows, replace(
        reading,
        encoding=decoded.encoding.name,
        is_guess=decoded.is_guess,
        sample=sample[1] if sample else "",
        sample_row=sample[0] if sample else 0,
        bad_rows=tuple(sorted(bad)),
        doubts=tuple(sorted(doubts)),
        choices=(f"encoding={decoded.encoding.option}",) if decoded.is_choice else (),
    )


def _without_damage(rows: list[Row], decoded: Decoded) -> tuple[list[Row], list[BadRow]]:
    """Return the intact rows and the errors of the damaged ones; a damaged header is kept for the rows below it."""
    if not any(map(has_damage, rows)):
        return rows, []
    header = header_index([row.cells for row in rows[:LOOKED_AT]])
    bad = [damaged_row(row, decoded.encoding) for row in rows if has_damage(row)]
    kept = [
        Row(row.number, tuple(map(spelled, row.cells))) if index == header else row
        for index, row in enumerate(rows)
        if index == header or not has_damage(row)
    ]
    return kept, bad


def _lost_characters(row: Row) -> BadRow | None:
    """Return a warning if another program has replaced or misread characters before it saved the file."""
    for cell in row.cells:
        if "\ufffd" in cell:
            return BadRow(row.number, cell, _REPLACED)
        if not cell.isascii() and (meant := _misread(cell)):
            return BadRow(row.number, cell, f"looks like a misread '{shown(meant)}'. If it is, type the text again.")
    return None


def _misread(text: str) -> str:
    """Return the text that another program misread as Windows-1252: ``café`` for ``cafÃ©``; empty if there is none."""
    try:
        meant = text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return ""
    return "" if meant.isascii() else meant


def _sample(rows: Sequence[Row]) -> tuple[int, str] | None:
    """Return the row number and the text of the cell with the most characters beyond ASCII."""
    cells = [(row.number, cell) for row in rows[:_SAMPLES] for cell in row.cells if not cell.isascii()]
    cells = cells or [(row.number, cell) for row in rows for cell in row.cells if not cell.isascii()][:1]
    return max(cells, key=lambda each: sum(not character.isascii() for character in each[1][:200]), default=None)
