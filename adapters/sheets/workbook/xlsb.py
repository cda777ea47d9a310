"""Reader for XLSB workbooks, whose parts are lists of binary records ([MS-XLSB])."""

import struct
from collections.abc import Iterator
from functools import partial

from adapters.sheets.numbers.number_format import BUILT_IN, GENERAL
from adapters.sheets.workbook.calamine_cells import Grid, Shown, fill_merged, put, rows_of
from adapters.sheets.workbook.extent import DAYS_TO_1904, Extent, Styles
from adapters.sheets.workbook.package import Package
from adapters.sheets.workbook.tab import Tab, TabCells, column_range

_ROW, _COLUMNS, _MERGED, _FORMAT, _STYLE, _TEXT, _TAB, _PROPERTIES = 0, 60, 176, 44, 47, 19, 156, 153
_BEGIN_STYLES, _END_STYLES = 617, 618
_RK, _ERROR, _BOOL, _REAL, _STRING, _SHARED = 2, 3, 4, 5, 6, 7
_FORMULAS = {8: _STRING, 9: _REAL, 10: _BOOL, 11: _ERROR}
"""Records of formulas start with their stored result."""
_RICH = 62
_CELLS = {_RK, _ERROR, _BOOL, _REAL, _STRING, _SHARED, _RICH, *_FORMULAS}
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
Value = str | float | bool


def xlsb_tabs(package: Package) -> list[Tab]:
    """Return the worksheets of a workbook.

    Raises:
        DAMAGE, struct.error: the file is damaged.
    """
    part = package.workbook_part() or ""
    relations = package.relations(part)
    targets = {relation.kind: relation.target for relation in relations.values()}
    shared = _texts(package, targets.get("sharedStrings", ""))
    styles = _styles(package, targets.get("styles", ""))
    tabs, from_1904 = [], False
    for kind, record in _records(package, part):
        if kind == _PROPERTIES:
            from_1904 = bool(record[0] & 1)
        elif kind == _TAB:
            state, _ = struct.unpack_from("<II", record)
            key, end = _wide(record, 8)
            relation = relations.get(key)
            if relation and relation.kind == "worksheet":
                read = partial(_cells, package, relation.target, shared, styles, from_1904)
                name, _ = _wide(record, end)
                tabs.append(Tab(name, state != 0, partial(read, name)))
    return tabs


def _records(package: Package, part: str) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a part, each with its number."""
    data = package.read(part)
    position, end = 0, len(data)
    while position < end:
        kind = data[position]
        position += 1
        if kind & 0x80:
            kind = kind & 0x7F | (data[position] & 0x7F) << 7
            position += 1
        size = shift = 0
        while True:
            byte = data[position]
            position += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift == 28:
                break
        yield kind, data[position : position + size]
        position += size


def _wide(record: bytes, start: int) -> tuple[str, int]:
    """Return a text and the position after it."""
    (length,) = struct.unpack_from("<I", record, start)
    if length == 0xFFFFFFFF:
        return "", start + 4
    end = start + 4 + 2 * length
    if end > len(record):
        raise ValueError(length)
    return record[start + 4 : end].decode("utf-16-le", "replace"), end


def _texts(package: Package, part: str) -> list[str]:
    """Return the shared texts."""
    if part not in package:
        return []
    return [_wide(record, 1)[0] for kind, record in _records(package, part) if kind == _TEXT]


def _styles(package: Package, part: str) -> Styles:
    """Return the number formats of styles that are not General."""
    codes, styles, inside = dict(BUILT_IN), list[int](), False
    for kind, record in _records(package, part) if part in package else ():
        if kind == _FORMAT:
            codes[struct.unpack_from("<H", record)[0]] = _wide(record, 2)[0]
        elif kind in (_BEGIN_STYLES, _END_STYLES):
            inside = kind == _BEGIN_STYLES
        elif kind == _STYLE and inside:
            styles.append(struct.unpack_from("<H", record, 2)[0])
    found = {style: codes.get(key, GENERAL) for style, key in enumerate(styles)}
    return {style: code for style, code in found.items() if code.lower() != GENERAL.lower()}


def _cells(package: Package, part: str, shared: list[str], styles: Styles, from_1904: bool, name: str) -> TabCells:
    extent, shown, grid = Extent(), Shown(styles, DAYS_TO_1904 if from_1904 else 0), Grid()
    merged, row = [], 0
    for kind, record in _records(package, part):
        if kind in _CELLS:
            column, style = struct.unpack_from("<II", record)
            value = _value(_FORMULAS.get(kind, kind), record, shared)
            text = shown.text(row, column, value, style & 0xFFFFFF)
            if text:
                extent.add(row, column)
                put(grid, row, column, text)
        elif kind == _ROW:
            extent.check(name)
            row = struct.unpack_from("<I", record)[0] + 1
            if record[11] & 0x10 or not struct.unpack_from("<H", record, 8)[0]:
                extent.hidden_rows.add(row)
        elif kind == _COLUMNS:
            first, last, width, _, flags = struct.unpack_from("<IIIIH", record)
            if flags & 1 or not width:
                extent.hidden_columns.update(column_range(first, last))
        elif kind == _MERGED:
            top, bottom, left, right = struct.unpack_from("<IIII", record)
            merged.append(((top, left), (bottom, right)))
    extent.check(name)
    fill_merged(grid, merged)
    return shown.cells(rows_of(grid), extent)


def _value(kind: int, record: bytes, shared: list[str]) -> Value:
    if kind == _SHARED:
        return shared[int(struct.unpack_from("<I", record, 8)[0])]
    if kind == _REAL:
        return float(struct.unpack_from("<d", record, 8)[0])
    if kind == _RK:
        return _rk(struct.unpack_from("<I", record, 8)[0])
    if kind == _BOOL:
        return bool(record[8])
    if kind == _ERROR:
        return _ERRORS.get(record[8], "#VALUE!")
    return _wide(record, 9 if kind == _RICH else 8)[0]


def _rk(packed: int) -> float:
    """Return a number in 4 bytes: 30 bits of an integer or of a float, and whether it is divided by 100."""
    if packed & 2:
        value = float((packed >> 2) - (1 << 30 if packed & 0x80000000 else 0))
    else:
        value = float(struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))[0])
    return value / 100 if packed & 1 else value
