"""Reader for ODS workbooks. Their cells contain the texts that people see, next to the values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from adapters.sheets.file_kind import PROTECTED
from adapters.sheets.numbers.number_format import plain
from adapters.sheets.workbook.calamine_cells import Grid, fill_merged, put, rows_of
from adapters.sheets.workbook.extent import Extent
from adapters.sheets.workbook.package import Package
from adapters.sheets.workbook.tab import Tab, TabCells
from adapters.sheets.workbook.xml_stream import local, walk
from manifests.errors import UnreadableSheetError
from manifests.sheet.table import MAX_ROWS

CONTENT = "content.xml"
MAX_COLUMNS = 16_384
_NUMBERS = ("float", "percentage", "currency")
_VALUES = ("value", "date-value", "time-value", "boolean-value", "string-value")
_MAX_REPEATED = 4_000_000
"""Maximum number of filled cells; a few bytes can repeat a cell a million times."""


@dataclass(slots=True)
class _Table:
    """A tab while it is read.

    Attributes:
        hidden: whether people do not see it.
        merged: ranges of merged cells.
        error: why it cannot be read; empty if it can.
    """

    name: str
    hidden: bool
    grid: Grid = field(default_factory=dict)
    numbers: dict[int, dict[int, float]] = field(default_factory=dict)
    extent: Extent = field(default_factory=Extent)
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    filled: int = 0


def ods_tabs(package: Package) -> list[Tab]:
    """Return the tabs of a workbook.

    Raises:
        UnreadableSheetError: it is protected by a password, or an XML part has a document type.
        DAMAGE: the file is damaged.
    """
    if "encrypted-package" in package or _is_encrypted(package):
        raise UnreadableSheetError(PROTECTED)
    content = _Content()
    with package.open(CONTENT) as stream:
        walk(stream, content)
    return [Tab(table.name, table.hidden, partial(_cells, table)) for table in content.tables]


def _is_encrypted(package: Package) -> bool:
    manifest = "META-INF/manifest.xml"
    return manifest in package and b"encryption-data" in package.read(manifest)


def _cells(table: _Table) -> TabCells:
    table.extent.check(table.name)
    fill_merged(table.grid, table.merged)
    return TabCells(
        rows_of(table.grid),
        table.numbers,
        list(table.extent.formulas),
        frozenset(table.extent.hidden_rows),
        frozenset(table.extent.hidden_columns),
    )


class _Content:
    """Handler for content.xml."""

    def __init__(self) -> None:
        self.tables: list[_Table] = []
        self.hidden_styles: set[str] = set()
        self.style = ""
        self.hidden_groups: list[bool] = []
        self.row, self.column, self.times = 0, 0, 1
        self.columns = 0
        self.hides_row = False
        self.cell: dict[str, str] | None = None
        self.lines: list[str] = []
        self.in_text = self.skipped = 0
        self.tables_open = 0
        self._starts: dict[str, Callable[[dict[str, str]], None]] = {
            "style": self._start_style,
            "table-properties": self._style_properties,
            "table-row-properties": self._size_properties,
            "table-column-properties": self._size_properties,
            "table": self._start_table,
            "table-column": self._table_column,
            "table-row-group": self._start_group,
            "table-column-group": self._start_group,
            "table-row": self._start_row,
            "table-cell": self._start_cell,
            "covered-table-cell": self._start_cell,
        }

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Start an element."""
        name = local(tag)
        if self.skipped or name == "annotation":
            self.skipped += 1
        elif self.cell is not None:
            self._start_in_cell(name, attributes)
        elif name in self._starts:
            self._starts[name]({local(key): value for key, value in attributes.items()})

    def end(self, tag: str) -> None:
        """End an element."""
        name = local(tag)
        if self.skipped:
            self.skipped -= 1
        elif name == "p" and self.in_text:
            self.in_text -= 1
        elif name in ("table-cell", "covered-table-cell"):
            self._end_cell()
        elif name == "table-row":
            self.row += self.times
        elif name in ("table-row-group", "table-column-group"):
            self.hidden_groups.pop()
        elif name == "table":
            self.tables_open -= 1

    def text(self, data: str) -> None:
        """Continue the text of a cell."""
        if self.in_text and not self.skipped:
            self.lines[-1] += data

    def _start_style(self, attributes: dict[str, str]) -> None:
        self.style = attributes.get("name", "")

    def _style_properties(self, attributes: dict[str, str]) -> None:
        if attributes.get("display") == "false":
            self.hidden_styles.add(self.style)

    def _size_properties(self, attributes: dict[str, str]) -> None:
        size = attributes.get("row-height") or attributes.get("column-width") or ""
        if size and not size.strip("abcdefghijklmnopqrstuvwxyz%").strip("0."):
            self.hidden_styles.add(self.style)

    def _start_table(self, attributes: dict[str, str]) -> None:
        self.tables_open += 1
        if self.tables_open > 1:
            raise ValueError("a table in a table")
        self.tables.append(_Table(attributes.get("name", ""), attributes.get("style-name") in self.hidden_styles))
        self.row, self.columns = 1, 0

    def _start_group(self, attributes: dict[str, str]) -> None:
        self.hidden_groups.append(attributes.get("display") == "false")

    def _is_hidden(self, attributes: dict[str, str]) -> bool:
        is_collapsed = attributes.get("visibility", "visible") != "visible"
        return is_collapsed or any(self.hidden_groups) or attributes.get("style-name") in self.hidden_styles

    def _table_column(self, attributes: dict[str, str]) -> None:
        times = _times(attributes, "number-columns-repeated")
        if self.tables and self._is_hidden(attributes):
            end = min(self.columns + times, MAX_COLUMNS)
            self.tables[-1].extent.hidden_columns.update(range(self.columns, end))
        self.columns += times

    def _start_row(self, attributes: dict[str, str]) -> None:
        self.column, self.times = 0, _times(attributes, "number-rows-repeated")
        self.hides_row = self._is_hidden(attributes)

    def _start_cell(self, attributes: dict[str, str]) -> None:
        if self.tables:
            self.cell, self.lines = attributes, []

    def _start_in_cell(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("table", "table-cell", "table-row"):
            raise ValueError("a table in a cell")
        if name == "p" and not self.in_text:
            self.lines.append("")
        self.in_text += name == "p"
        if not self.in_text:
            return
        if name == "s":
            count = next((value for key, value in attributes.items() if local(key) == "c"), "1")
            self.lines[-1] += " " * min(int(count), 1_000)
        elif name in ("tab", "line-break"):
            self.lines[-1] += "\t" if name == "tab" else "\n"

    def _end_cell(self) -> None:
        cell, self.cell, self.in_text = self.cell or {}, None, 0
        times = _times(cell, "number-columns-repeated")
        text = "\n".join(self.lines) or next((cell[name] for name in _VALUES if name in cell), "")
        if text or "formula" in cell:
            self._fill(cell, text, min(times, MAX_COLUMNS - self.column))
        rows = _times(cell, "number-rows-spanned")
        if text and rows > 1:
            bottom = self.row - 1 + rows - 1
            self.tables[-1].merged.append(((self.row - 1, self.column), (bottom, self.column)))
        self.column += times

    def _fill(self, cell: dict[str, str], text: str, times: int) -> None:
        table = self.tables[-1]
        repeated = min(self.times, MAX_ROWS + 2_000)
        table.filled += times * repeated
        if table.filled > _MAX_REPEATED:
            raise UnreadableSheetError(f"has more than {_MAX_REPEATED:,} cells. Split it into several sheets")
        number = _number(cell, text)
        for row in range(self.row, self.row + repeated):
            if self.hides_row:
                table.extent.hidden_rows.add(row)
            for column in range(self.column, self.column + times):
                table.extent.add(row, column)
                put(table.grid, row, column, text or _formula(cell))
                if not text:
                    table.extent.formulas[row, column] = _formula(cell)
                elif number is not None:
                    table.numbers.setdefault(row, {})[column] = number


def _number(cell: dict[str, str], text: str) -> float | None:
    """Return a cell's number if its text differs from how the number is usually written."""
    if cell.get("value-type") not in _NUMBERS or "value" not in cell:
        return None
    number = float(cell["value"])
    return None if plain(number) == text else number


def _formula(cell: dict[str, str]) -> str:
    """Return a formula without the prefix of its language, such as ``of:``."""
    return "=" + cell["formula"].partition("=")[2]


def _times(attributes: dict[str, str], name: str) -> int:
    return max(1, int(attributes.get(name, "1")))
