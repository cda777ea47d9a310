"""Write cells into the XML of a worksheet; all other cells, rows and settings stay as they are."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from adapters.sheets.package.hyperlinks import number_of_hyperlinks
from adapters.sheets.package.xml_splice import (
    Edit,
    Element,
    close,
    content,
    elements,
    is_empty,
    local,
    markup,
    splice,
    tag_end,
    walk,
    with_attribute,
)
from manifests.sheet.table import letter

MAX_COLUMN = 16_384
_PLACE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")

Value = str | int | float | Decimal | None


class NewCell(NamedTuple):
    """A cell to write; ``style`` is the index of a cell format, and ``link`` the target of a hyperlink or empty."""

    value: Value
    style: int = 0
    link: str = ""


Cells = Mapping[int, Mapping[int, NewCell]]
"""By row number from 1 and column from 0."""


def cell_xml(row: int, column: int, cell: NewCell, prefix: str = "") -> str:
    """Return the XML of a cell. Text is an inline string, so it is never a formula."""
    p, head = prefix, f'{prefix}c r="{letter(column)}{row}"' + (f' s="{cell.style}"' if cell.style else "")
    if cell.value is None or cell.value == "":
        return f"<{head}/>"
    if isinstance(cell.value, str):
        return f'<{head} t="inlineStr"><{p}is><{p}t xml:space="preserve">{content(cell.value)}</{p}t></{p}is></{p}c>'
    return f"<{head}><{p}v>{cell.value}</{p}v></{p}c>"


def row_xml(row: int, cells: Mapping[int, NewCell], prefix: str = "") -> str:
    """Return the XML of a row."""
    inner = "".join(cell_xml(row, column, cell, prefix) for column, cell in sorted(cells.items()))
    return f'<{prefix}row r="{row}">{inner}</{prefix}row>'


class Layout(NamedTuple):
    """What a worksheet contains.

    Attributes:
        width: number of columns up to the last one with content, from the header row on.
        header_styles: cell format of each cell of the header row, by column.
        hyperlinks: number of hyperlinks.
    """

    width: int
    header_styles: Mapping[int, int]
    hyperlinks: int = 0


def layout_of(data: bytes, header_row: int) -> Layout:
    """Measure a worksheet."""
    scan = _Extent(header_row)
    walk(data, scan.start, scan.end)
    merged = [column + 1 for row, column in scan.merged if row >= header_row]
    return Layout(max([scan.width, *merged]), scan.header_styles, number_of_hyperlinks(data))


def with_cells(data: bytes, cells: Cells, widths: Mapping[int, int]) -> bytes:
    """Return a worksheet with the cells written.

    Args:
        widths: width in characters of columns that get a new one.

    Raises:
        ValueError: the worksheet has a structure that cannot be edited.
    """
    rows = _Rows(data, cells)
    walk(data, rows.start, rows.end)
    return splice(data, [*rows.edits, *_dimension(data, cells), *_columns(data, widths)])


class _Position:
    """Follows the rows and cells within sheetData."""

    def __init__(self) -> None:
        self.inside = False
        self.row, self.column = 0, -1

    def enter(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "row":
            self.row, self.column = int(attributes.get("r", self.row + 1)), -1
        elif name == "c":
            self.column = _place(attributes["r"])[1] if "r" in attributes else self.column + 1


class _Extent(_Position):
    def __init__(self, header_row: int) -> None:
        super().__init__()
        self.header_row, self.width = header_row, 0
        self.header_styles: dict[int, int] = {}
        self.merged: list[tuple[int, int]] = []

    def start(self, at: int, tag: str, attributes: dict[str, str]) -> None:
        name = local(tag)
        self.inside = self.inside or name == "sheetData"
        if not self.inside:
            if name == "mergeCell":
                self.merged.append(_place(attributes["ref"].rpartition(":")[2]))
            return
        self.enter(name, attributes)
        if name in ("v", "f", "is") and self.row >= self.header_row:
            self.width = max(self.width, self.column + 1)
        elif name == "c" and self.row == self.header_row:
            self.header_styles[self.column] = int(attributes.get("s", 0))

    def end(self, at: int, tag: str) -> None:
        self.inside = self.inside and local(tag) != "sheetData"


class _Rows(_Position):
    """Collects the edits of the rows.

    Attributes:
        first: the first column to write; cells before it are not looked at.
        left: row numbers still to write, in ascending order from the end.
        present: cells of the current row from that column on, if the row is edited.
    """

    def __init__(self, data: bytes, cells: Cells) -> None:
        super().__init__()
        self.data, self.cells = data, cells
        self.first = min((column for line in cells.values() for column in line), default=0)
        self.left = sorted((row for row, line in cells.items() if line), reverse=True)
        self.edits: list[Edit] = []
        self.open: Element | None = None
        self.cell: Element | None = None
        self.present: list[tuple[int, Element]] = []

    def start(self, at: int, tag: str, attributes: dict[str, str]) -> None:
        name = local(tag)
        if name == "sheetData":
            self.inside, self.prefix = True, tag[: -len(name)]
            if is_empty(self.data, tag_end(self.data, at)):
                raise ValueError("the worksheet has no rows")
        if not self.inside:
            return
        before = self.row
        self.enter(name, attributes)
        if name == "row":
            if self.row <= before:
                raise ValueError("the rows are not in order")
            self._add_missing(at, self.row)
            if self.left and self.left[-1] == self.row:
                self.left.pop()
                self.open, self.present = Element(tag, attributes, at, tag_end(self.data, at)), []
        elif name == "c" and self.open and self.column >= self.first:
            self.cell = Element(tag, attributes, at, tag_end(self.data, at))

    def end(self, at: int, tag: str) -> None:
        name = local(tag)
        if not self.inside:
            return
        if name == "c" and self.open and self.cell:
            close(self.data, self.cell, at)
            self.present.append((self.column, self.cell))
            self.cell = None
        elif name == "row" and self.open:
            close(self.data, self.open, at)
            self._edit_row(self.open)
            self.open = None
        elif name == "sheetData":
            self._add_missing(at, None)
            self.inside = False

    def _add_missing(self, at: int, before: int | None) -> None:
        """Insert rows that do not exist, before the row with a number, or at the end."""
        while self.left and (before is None or self.left[-1] < before):
            row = self.left.pop()
            self.edits.append(Edit(at, at, markup(row_xml(row, self.cells[row], self.prefix))))

    def _edit_row(self, row: Element) -> None:
        tag = with_attribute(self.data[row.start : row.inner_start], "spans", None)
        wanted = dict(self.cells[self.row])
        if is_empty(self.data, row.inner_start):
            inner = "".join(cell_xml(self.row, column, cell, self.prefix) for column, cell in sorted(wanted.items()))
            whole = tag[:-2].rstrip() + b">" + markup(inner) + markup(f"</{row.tag}>")
            self.edits.append(Edit(row.start, row.end, whole))
            return
        self.edits.append(Edit(row.start, row.inner_start, tag))
        for column, element in self.present:
            if column in wanted:
                self._write(element.start, element.end, [(column, wanted.pop(column))])
                continue
            if before := sorted(each for each in wanted if each < column):
                if "r" not in element.attributes:
                    raise ValueError("the cells have no references")
                self._write(element.start, element.start, [(each, wanted.pop(each)) for each in before])
        self._write(row.inner_end, row.inner_end, sorted(wanted.items()))

    def _write(self, start: int, end: int, cells: Iterable[tuple[int, NewCell]]) -> None:
        xml = "".join(cell_xml(self.row, column, cell, self.prefix) for column, cell in cells)
        if xml or end > start:
            self.edits.append(Edit(start, end, markup(xml)))


def _place(reference: str) -> tuple[int, int]:
    """Return the row from 1 and the column from 0 of a reference such as B7."""
    found = _PLACE.fullmatch(reference)
    if not found:
        raise ValueError(f"not a cell reference: {reference}")
    column = 0
    for character in found[1]:
        column = column * 26 + ord(character) - ord("A") + 1
    return int(found[2]), column - 1


def _dimension(data: bytes, cells: Cells) -> Iterable[Edit]:
    """Yield the edit of the used range: programs that trust it would not show our columns otherwise."""
    columns = [column for line in cells.values() for column in line]
    for element in elements(data, "dimension", before="sheetData") if columns else []:
        first, _, last = element.attributes.get("ref", "").partition(":")
        (top, left), (bottom, right) = _place(first), _place(last or first)
        top, bottom = min(top, *cells), max(bottom, *cells)
        left, right = min(left, *columns), max(right, *columns)
        tag = data[element.start : element.inner_start]
        reference = f"{letter(left)}{top}:{letter(right)}{bottom}"
        yield Edit(element.start, element.inner_start, with_attribute(tag, "ref", reference))


def _columns(data: bytes, widths: Mapping[int, int]) -> Iterable[Edit]:
    """Yield the edit of the column widths. A range of columns that contains some of ours is split."""
    if not widths:
        return
    [sheet_data] = elements(data, "sheetData", before="sheetData")
    parts: list[tuple[int, bytes]] = [
        (
            column + 1,
            markup(f'<{sheet_data.prefix}col min="{column + 1}" max="{column + 1}" width="{width}" customWidth="1"/>'),
        )
        for column, width in widths.items()
    ]
    for col in elements(data, "col", before="sheetData"):
        tag = data[col.start : col.inner_start]
        low, high = int(col.attributes["min"]), int(col.attributes["max"])
        for start, end in _outside(low, min(high, MAX_COLUMN), sorted(column + 1 for column in widths)):
            parts.append((start, with_attribute(with_attribute(tag, "min", str(start)), "max", str(end))))
    inner = b"".join(xml if xml.endswith(b"/>") else xml[:-1] + b"/>" for _, xml in sorted(parts))
    existing = elements(data, "cols", before="sheetData")
    if existing:
        yield Edit(existing[0].inner_start, existing[0].inner_end, inner)
    else:
        p = sheet_data.prefix
        yield Edit(sheet_data.start, sheet_data.start, markup(f"<{p}cols>") + inner + markup(f"</{p}cols>"))


def _outside(low: int, high: int, columns: Iterable[int]) -> Iterable[tuple[int, int]]:
    """Yield the parts of a range of columns without some of them."""
    for column in columns:
        if low <= column <= high:
            if low < column:
                yield low, column - 1
            low = column + 1
    if low <= high:
        yield low, high
