"""XLSB workbooks from bytes, because neither openpyxl nor LibreOffice writes them."""

import struct
from collections.abc import Collection, Sequence

from sheets.making import CONTENT_TYPES, RELATIONS, archive

GENERAL, PERCENT, DATE = 0, 1, 2
"""Styles of cells."""
Cell = str | float | tuple[float, int] | None
"""A text, a number, or a number with its style."""


def record(kind: int, data: bytes = b"") -> bytes:
    """Return a record with its number and its length."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = b"", len(data)
    while True:
        size += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
        length >>= 7
        if not length:
            return head + size + data


def text(value: str) -> bytes:
    """Return a text with its length."""
    return struct.pack("<I", len(value)) + value.encode("utf-16-le")


def xlsb(
    rows: Sequence[Sequence[Cell]],
    hidden_rows: Collection[int] = (),
    hidden_columns: Collection[int] = (),
    states: Sequence[int] = (0,),
) -> bytes:
    """Return a workbook whose tabs all have these rows.

    Args:
        hidden_rows: numbers of hidden rows, from 1.
        hidden_columns: hidden columns, from 0.
        states: for each tab 0 if it is visible, 1 or 2 if it is hidden.
    """
    tabs = b"".join(
        record(156, struct.pack("<II", state, number) + text(f"rId{number}") + text(f"Tab {number}"))
        for number, state in enumerate(states, 1)
    )
    styles = (
        record(278)
        + record(615, struct.pack("<I", 1))
        + record(44, struct.pack("<H", 170) + text("d mmm yyyy"))
        + record(616)
        + record(617, struct.pack("<I", 3))
        + b"".join(record(47, struct.pack("<HHHHHBBHBB", 0, key, 0, 0, 0, 0, 0, 0, 0, 0)) for key in (0, 9, 170))
        + record(618)
        + record(279)
    )
    relations = "".join(
        f'<Relationship Id="rId{number}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        f'worksheet" Target="worksheets/sheet{number}.bin"/>'
        for number in range(1, len(states) + 1)
    )
    relations += (
        '<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" '
        'Target="styles.bin"/>'
    )
    listed = RELATIONS.format(kind="x", target="y")
    head = listed[: listed.index("<Relationship Id")]
    sheet = _sheet(rows, hidden_rows, hidden_columns)
    return archive(
        {
            "[Content_Types].xml": CONTENT_TYPES.replace("workbook.xml", "workbook.bin"),
            "_rels/.rels": RELATIONS.format(kind="officeDocument", target="xl/workbook.bin"),
            "xl/workbook.bin": record(131) + record(143) + tabs + record(144) + record(132),
            "xl/_rels/workbook.bin.rels": f"{head}{relations}</Relationships>",
            "xl/styles.bin": styles,
            **{f"xl/worksheets/sheet{number}.bin": sheet for number in range(1, len(states) + 1)},
        }
    )


def _sheet(rows: Sequence[Sequence[Cell]], hidden_rows: Collection[int], hidden_columns: Collection[int]) -> bytes:
    width = max(map(len, rows))
    columns = b"".join(record(60, struct.pack("<IIIIH", index, index, 2560, 0, 1)) for index in hidden_columns)
    return (
        record(129)
        + record(148, struct.pack("<IIII", 0, len(rows) - 1, 0, width - 1))
        + (record(390) + columns + record(391) if columns else b"")
        + record(145)
        + b"".join(_row(number, row, number in hidden_rows) for number, row in enumerate(rows, 1))
        + record(146)
        + record(130)
    )


def _row(number: int, row: Sequence[Cell], hidden: bool) -> bytes:
    head = struct.pack("<IIHBBBI", number - 1, 0, 300, 0, 0x10 if hidden else 0, 0, 0)
    return record(0, head) + b"".join(_cell(column, value) for column, value in enumerate(row) if value is not None)


def _cell(column: int, value: Cell) -> bytes:
    if isinstance(value, str):
        return record(6, struct.pack("<II", column, GENERAL) + text(value))
    number, style = value if isinstance(value, tuple) else (value, GENERAL)
    return record(5, struct.pack("<IId", column, style, number))
