"""Detection of the delimiter of a text file."""

from itertools import islice
from typing import NamedTuple

from adapters.sheets.text.records import records
from adapters.sheets.text.tsv import read_tsv
from manifests.sheet.header import header_index, known_in
from manifests.sheet.table import Row

DELIMITERS = ",;\t|"
KINDS = {",": "CSV", ";": "CSV with semicolons", "\t": "TSV", "|": "CSV with bars"}
_SAMPLE = 64


class _Shape(NamedTuple):
    """How well a delimiter fits; the greatest value wins."""

    known: int
    fitting: bool
    readable: int
    width: int
    preference: int


def delimiter_of(text: str) -> str:
    """Return the delimiter with which the text is most likely a table."""
    return max(DELIMITERS, key=lambda candidate: _shape(text, candidate))


def _shape(text: str, delimiter: str) -> _Shape:
    rows, bad = _sample(text, delimiter)
    if not rows:
        return _Shape(0, False, -bad, 0, -DELIMITERS.index(delimiter))
    header = header_index(rows)
    width = len(rows[header])
    fitting = all(len(cells) <= width for cells in rows[header:])
    return _Shape(known_in(rows[header]), fitting, -bad, width, -DELIMITERS.index(delimiter))


def _sample(text: str, delimiter: str) -> tuple[list[tuple[str, ...]], int]:
    """Return the first rows and the number of unreadable ones."""
    if delimiter == "\t" and delimiter in text:
        return [row.cells for row in read_tsv("".join(islice(text.splitlines(keepends=True), _SAMPLE))).rows], 0
    found = list(islice(records(text, delimiter), _SAMPLE))
    rows = [record.cells for record in found if isinstance(record, Row)]
    return rows, len(found) - len(rows)
