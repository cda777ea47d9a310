"""The cells of a stock sheet. Every column is a list that is read downwards; no cell is ignored without a message."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from manifests.placement import parse_placement
from manifests.sheet import cells
from manifests.sheet.columns import is_result
from manifests.sheet.problem import CellProblem, shown
from manifests.sheet.row_check import FORMULA_WITHOUT_RESULT, VARIANTS, WANT, delimiter_name
from manifests.sheet.stock.columns import REFUSED, SHOWING, SINGLE, meaning_of
from manifests.sheet.table import Row, Table, letter

PARSERS: Mapping[str, Callable[[str], Any]] = {
    "prompt": cells.parse_prompt,
    "negative_prompt": cells.parse_prompt,
    "placements": parse_placement,
    "model": cells.parse_name,
    "duration_s": cells.parse_seconds,
    "tries": VARIANTS,
    "want": WANT,
    "most": WANT,
    "nightly": WANT,
    "min_adherence": cells.parse_adherence,
}


class Cell(NamedTuple):
    """One value with its place."""

    row: int
    letter: str
    header: str
    text: str
    value: Any

    def problem(self, message: str) -> CellProblem:
        """Return a problem of the cell; the message continues the sentence after the quoted text."""
        return CellProblem(self.row, self.letter, self.header, self.text, message)


@dataclass(slots=True)
class StockCells:
    """Reads a table by columns.

    Attributes:
        own: values of the sheet's own columns, by header (white space collapsed).
        ours: values of the known columns, by our name.
        places: index of each column, from 0.
    """

    table: Table
    own: dict[str, list[Cell]] = field(default_factory=dict)
    ours: dict[str, list[Cell]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    problems: list[CellProblem] = field(default_factory=list)
    warnings: list[CellProblem] = field(default_factory=list)

    @classmethod
    def of(cls, table: Table) -> "StockCells":
        """Read every cell below the header."""
        reading = cls(table)
        shifted = {row.number for row in table.rows if reading._overflows(row)}
        rows = [row for row in table.rows if row.number not in shifted]
        for index, header in enumerate(table.columns):
            if header.strip() and not is_result(header):
                reading._read_column(index, header, rows)
        reading._without_header(rows)
        reading.problems.sort(key=lambda problem: problem.row)
        return reading

    def about(self, name: str, message: str) -> None:
        """Record a problem of a whole column, or of the whole sheet if it has no such column."""
        index = self.places.get(name)
        header = "" if index is None else self.table.columns[index]
        self.problems.append(
            CellProblem(self.table.header_row, "" if index is None else letter(index), header, "", message)
        )

    def cells(self, name: str) -> list[Cell]:
        """Return the values of a column, by our name or the sheet's header."""
        return self.own.get(name) or self.ours.get(name) or []

    def _read_column(self, index: int, header: str, rows: list[Row]) -> None:
        name = meaning_of(header)
        if name == "notes":
            return
        typed = " ".join(header.split()).replace("{", "(").replace("}", ")")
        key = name or typed
        if key in self.places:
            other = self.places[key]
            self.problems.append(
                CellProblem(
                    self.table.header_row,
                    letter(index),
                    header,
                    "",
                    f"means {key}, and so does column {letter(other)} '{shown(self.table.columns[other])}'. Move both "
                    "lists to one column, or rename one of the columns.",
                )
            )
            return
        self.places[key] = index
        if name in REFUSED:
            if any(row.cell(index).strip() for row in rows):
                self.about(key, f"is not supported in a stock sheet: {REFUSED[name]}. Delete the column.")
            return
        is_own = name is None or name in SHOWING or name not in PARSERS
        found = [cell for row in rows for cell in self._values(row, index, header, None if is_own else name)]
        (self.own if is_own else self.ours)[key] = self._once(key, found)

    def _values(self, row: Row, index: int, header: str, name: str | None) -> Iterator[Cell]:
        text = row.cell(index)
        if not text or text.isspace():
            return
        place = row.number, letter(index), header
        if (row.number, index) in self.table.formulas:
            self.problems.append(CellProblem(*place, text, FORMULA_WITHOUT_RESULT))
            return
        if reason := cells.invalid_reason(text):
            self.problems.append(CellProblem(*place, text, reason))
            return
        parse = cells.parse_text if name is None else PARSERS[name]
        try:
            for value in cells.split(text):
                yield Cell(*place, value, parse(value))
        except ValueError as error:
            self.problems.append(CellProblem(*place, text, str(error)))

    def _once(self, key: str, found: list[Cell]) -> list[Cell]:
        """Return each value once; record an error for a second value in a column that allows only one."""
        first: dict[Any, Cell] = {}
        for cell in found:
            before = first.setdefault(cell.value.casefold() if isinstance(cell.value, str) else cell.value, cell)
            if before is not cell:
                self.warnings.append(cell.problem(f"is already listed in row {before.row}. It counts only once."))
        if key in SINGLE:
            for cell in list(first.values())[1:]:
                self.problems.append(
                    cell.problem(
                        f"is a second value for {key}, after '{shown(next(iter(first.values())).text)}' in row "
                        f"{next(iter(first.values())).row}. Keep one of them, or split the sheet into two."
                    )
                )
            return list(first.values())[:1]
        return list(first.values())

    def _overflows(self, row: Row) -> bool:
        """Return whether a row of a text file is longer than the header, so that its cells are shifted; record it."""
        width = len(self.table.columns)
        if not self.table.delimiter or len(row.cells) <= width:
            return False
        self.problems.append(
            CellProblem(
                row.number,
                "",
                "",
                "",
                f"the row has {len(row.cells)} cells, but the header has {width}. "
                f"Put texts that contain {delimiter_name(self.table.delimiter)} in double quotes.",
            )
        )
        return True

    def _without_header(self, rows: list[Row]) -> None:
        for row in rows:
            for index, text in enumerate(row.cells):
                if text.strip() and (index >= len(self.table.columns) or not self.table.columns[index].strip()):
                    self.problems.append(
                        CellProblem(
                            row.number,
                            letter(index),
                            "",
                            text,
                            "is in a column without a header. Add a header, or delete the value.",
                        )
                    )
