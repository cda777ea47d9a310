"""Reader for XLSX sheets. They are scanned as a stream before calamine loads them into memory."""

import datetime
import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from adapters.sheets.file_kind import EMPTY, PROTECTED
from manifests.errors import UnreadableSheetError
from manifests.sheet.header import header_index, known_in
from manifests.sheet.table import MAX_ROWS, SPARE_ROWS, Row, letter, trimmed

DAMAGED = "is damaged. Open it in a spreadsheet program and save it again as XLSX"
MAX_UNPACKED = 300 * 2**20
MAX_RATIO = 200
"""Maximum ratio of unpacked to packed size, for parts over 8 MiB. 100,000 rows of ten equal cells reach 39."""
_JUDGED = 8 * 2**20
MAX_GRID_CELLS = 10_000_000
"""calamine allocates the whole rectangle, with 32 bytes per cell."""
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    CalamineError,
    LookupError,
    EOFError,
    ValueError,
    NotImplementedError,
    OSError,
    RuntimeError,
)
"""The exceptions that the libraries raise on modified bytes, as found by fuzzing."""
_PLACE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")


@dataclass(slots=True)
class Extent:
    """The result of scanning a worksheet.

    Attributes:
        last_row, last_column: the last filled row and column; rows from 1, columns from 0.
        filled_rows: number of rows that are not blank.
        formulas: formulas without a stored result, by row and column; calamine reads them as blank.
        errors: error values, by row and column; calamine reads them as blank too.
    """

    last_row: int = 0
    last_column: int = 0
    filled_rows: int = 0
    formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)


def read_workbook(data: bytes, tab: str | None) -> tuple[str, list[Row], list[tuple[int, int]]]:
    """Return the tab's name, its rows that are not blank, and its formulas without a stored result.

    Without a name, this is the first visible tab with a prompt column, or else the first that is not empty.

    Raises:
        UnreadableSheetError: a ZIP bomb, a damaged file, an unknown tab, no data, or too many rows.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            _check_sizes(package)
            book = CalamineWorkbook.from_filelike(io.BytesIO(data))
            return _chosen(package, book, tab)
    except _DAMAGE as error:
        raise UnreadableSheetError(DAMAGED) from error


def _check_sizes(package: zipfile.ZipFile) -> None:
    members = package.infolist()
    if any(member.flag_bits & 1 for member in members):
        raise UnreadableSheetError(PROTECTED)
    bombs = [m for m in members if m.file_size > _JUDGED and m.file_size > MAX_RATIO * m.compress_size]
    if bombs or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise UnreadableSheetError("unpacks to far more data than a sheet needs. Copy the table to a new sheet")


def _chosen(
    package: zipfile.ZipFile, book: CalamineWorkbook, tab: str | None
) -> tuple[str, list[Row], list[tuple[int, int]]]:
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    if tab is not None and tab not in [sheet.name for sheet in sheets]:
        names = ", ".join(f"'{sheet.name}'" for sheet in sheets)
        raise UnreadableSheetError(f"has no tab '{tab}'. Use one of its tabs: {names}")
    first = None
    for name in [tab] if tab is not None else visible:
        rows, formulas = _read_tab(package, book, name)
        found = (name, rows, formulas)
        if rows and known_in(rows[header_index([row.cells for row in rows[:100]])].cells) >= 3:
            return found
        first = first or (found if rows else None)
    if not first and len(visible) < len(sheets):
        raise UnreadableSheetError("has no data on its visible tabs. Unhide the tab with the prompts")
    if not first:
        raise UnreadableSheetError(EMPTY)
    return first


def _read_tab(package: zipfile.ZipFile, book: CalamineWorkbook, name: str) -> tuple[list[Row], list[tuple[int, int]]]:
    extent = Extent()
    with package.open(_part_of(package, name)) as stream:
        _walk(stream, _Scan(extent))
    _check_extent(extent, name)
    sheet = book.get_sheet_by_name(name)
    start_row, start_column = sheet.start or (0, 0)
    grid = {
        start_row + i + 1: [""] * start_column + [_text(value) for value in line]
        for i, line in enumerate(sheet.to_python(skip_empty_area=True))
    }
    for (number, column), text in (extent.errors | extent.formulas).items():
        line = grid.setdefault(number, [])
        line += [""] * (column + 1 - len(line))
        line[column] = text
    _fill_merged(grid, sheet.merged_cell_ranges or [])
    rows = [Row(number, trimmed(line)) for number, line in sorted(grid.items())]
    return [row for row in rows if row.cells], list(extent.formulas)


def _check_extent(extent: Extent, name: str) -> None:
    if extent.filled_rows > MAX_ROWS + SPARE_ROWS:
        raise UnreadableSheetError(f"has more than {MAX_ROWS:,} rows. Split it into several sheets")
    if extent.last_row * (extent.last_column + 1) > MAX_GRID_CELLS:
        corner = f"{letter(extent.last_column)}{extent.last_row}"
        raise UnreadableSheetError(
            f"has cells as far out as {corner} on the tab '{name}'. Delete the cells outside the table, or copy the "
            "table to a new sheet"
        )


def _fill_merged(grid: dict[int, list[str]], ranges: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Copy the value of vertically merged cells to each of their rows, as it appears on the screen."""
    for (top, column), (bottom, _) in ranges:
        source = grid.get(top + 1, [])
        if column < len(source) and source[column]:
            for number in range(top + 2, min(bottom + 1, max(grid)) + 1):
                line = grid.setdefault(number, [])
                line += [""] * (column + 1 - len(line))
                line[column] = source[column]


def _text(value: Any) -> str:
    """Return a value as people see it: 99 and 0.5, TRUE, 2026-11-23, 16:09."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "minutes")
    if isinstance(value, datetime.time):
        return value.isoformat("seconds" if value.second else "minutes")
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
    return str(value)


def _part_of(package: zipfile.ZipFile, tab: str) -> str:
    """Return the name of the package part that contains a tab."""
    targets: dict[str, str] = {}
    ids: dict[str, str] = {}
    with package.open("xl/_rels/workbook.xml.rels") as stream:
        _walk(stream, _Elements("Relationship", lambda a: targets.update({a["Id"]: a["Target"]})))
    with package.open("xl/workbook.xml") as stream:
        _walk(stream, _Elements("sheet", lambda a: ids.update({a["name"]: _relation(a)})))
    target = targets[ids[tab]]
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")


def _relation(attributes: dict[str, str]) -> str:
    return next(value for name, value in attributes.items() if name.rpartition(":")[2] == "id")


class _Elements:
    """Calls a function with the attributes of every element that has a name."""

    def __init__(self, name: str, found: Callable[[dict[str, str]], None]) -> None:
        self.name, self.found = name, found

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == self.name:
            self.found(attributes)

    def end(self, tag: str) -> None:
        """Ignore the end of elements."""

    def text(self, data: str) -> None:
        """Ignore texts."""


class _Scan:
    """Scans the rows and cells of a worksheet."""

    def __init__(self, extent: Extent) -> None:
        self.extent = extent
        self.row, self.column = 0, -1
        self.kind = self.inside = self.formula = self.value = ""
        self.has_formula = self.row_filled = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2] if ":" in tag else tag
        if name == "c":
            self._cell(attributes)
        elif name == "row":
            self.row = int(attributes["r"]) if "r" in attributes else self.row + 1
            self.column, self.row_filled = -1, False
        elif name in ("v", "t", "f"):
            self.inside = name
            self.has_formula = self.has_formula or name == "f"

    def _cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        if place:
            self.row, self.column = _coordinates(place)
        else:
            self.column += 1
        self.kind = attributes.get("t", "")
        self.formula = self.value = ""
        self.has_formula = False

    def text(self, data: str) -> None:
        if self.inside == "f":
            self.formula += data
        elif self.inside and not self.value:
            self.value = data

    def end(self, tag: str) -> None:
        name = tag.rpartition(":")[2] if ":" in tag else tag
        if name == "c":
            self._close()
        elif name in ("v", "t", "f"):
            self.inside = ""

    def _close(self) -> None:
        if not self.value and not self.has_formula:
            return
        self.extent.filled_rows += not self.row_filled
        self.row_filled = True
        self.extent.last_row = max(self.extent.last_row, self.row)
        self.extent.last_column = max(self.extent.last_column, self.column)
        if self.has_formula and not self.value and self.kind != "str":
            self.extent.formulas[self.row, self.column] = f"={self.formula}"
        elif self.kind == "e":
            self.extent.errors[self.row, self.column] = self.value


def _coordinates(place: str) -> tuple[int, int]:
    """Return the row from 1 and the column from 0 of a cell reference such as B7."""
    found = _PLACE.fullmatch(place)
    if not found:
        raise UnreadableSheetError(DAMAGED)
    column = 0
    for character in found[1]:
        column = column * 26 + ord(character) - ord("A") + 1
    return int(found[2]), column - 1


def _walk(stream: IO[bytes], handler: "_Elements | _Scan") -> None:
    """Stream XML through a handler. Document types are rejected, because they allow entity bombs."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    while chunk := stream.read(2**16):
        parser.Parse(chunk)
    parser.Parse(b"", True)


def _refuse_doctype(*_: object) -> None:
    raise UnreadableSheetError(
        "contains XML declarations that spreadsheet programs do not write. Open it in a spreadsheet program and save "
        "it again as XLSX"
    )
