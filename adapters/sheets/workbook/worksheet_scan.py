"""Scan of the rows and cells of an XLSX worksheet as a stream."""

import re
from collections.abc import Container

from adapters.sheets.workbook.extent import Extent
from adapters.sheets.workbook.package import DAMAGED
from adapters.sheets.workbook.tab import column_range
from adapters.sheets.workbook.xml_stream import local
from manifests.errors import UnreadableSheetError

_PLACE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")
_TRUE = ("1", "true", "on")


class WorksheetScan:
    """Handler for the elements of a worksheet.

    Args:
        formatted: styles other than General.
    """

    def __init__(self, formatted: Container[int]) -> None:
        self.extent = Extent()
        self.formatted = formatted
        self.row, self.column, self.style = 0, -1, 0
        self.kind = self.inside = self.formula = self.value = ""
        self.has_formula = self.row_filled = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Start an element."""
        name = local(tag)
        if name == "c":
            self._cell(attributes)
        elif name in ("v", "t", "f"):
            self.inside = name
            self.has_formula = self.has_formula or name == "f"
        elif name == "row":
            self._row(attributes)
        elif name == "col":
            self._columns(attributes)

    def text(self, data: str) -> None:
        """Continue the text of an element."""
        if self.inside == "f":
            self.formula += data
        elif self.inside == "v" or (self.inside and not self.value):
            self.value += data

    def end(self, tag: str) -> None:
        """End an element."""
        name = local(tag)
        if name == "c":
            self._close()
        elif name in ("v", "t", "f"):
            self.inside = ""

    def _row(self, attributes: dict[str, str]) -> None:
        self.row = int(attributes["r"]) if "r" in attributes else self.row + 1
        self.column, self.row_filled = -1, False
        if attributes.get("hidden") in _TRUE or _is_zero(attributes.get("ht")):
            self.extent.hidden_rows.add(self.row)

    def _columns(self, attributes: dict[str, str]) -> None:
        if attributes.get("hidden") in _TRUE or _is_zero(attributes.get("width")):
            columns = column_range(int(attributes["min"]) - 1, int(attributes["max"]) - 1)
            self.extent.hidden_columns.update(columns)

    def _cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        if place:
            self.row, self.column = _coordinates(place)
        else:
            self.column += 1
        self.kind = attributes.get("t", "")
        self.style = int(attributes.get("s") or 0)
        self.formula = self.value = ""
        self.has_formula = False

    def _close(self) -> None:
        if not self.value and not self.has_formula:
            return
        extent = self.extent
        extent.filled_rows += not self.row_filled
        self.row_filled = True
        extent.last_row = max(extent.last_row, self.row)
        extent.last_column = max(extent.last_column, self.column)
        if self.has_formula and not self.value and self.kind != "str":
            extent.formulas[self.row, self.column] = f"={self.formula}"
        elif self.kind == "e":
            extent.errors[self.row, self.column] = self.value
        elif self.style in self.formatted:
            number = float(self.value) if self.kind in ("", "n") else None
            extent.styled.setdefault(self.row, {})[self.column] = self.style, number


def _is_zero(size: str | None) -> bool:
    """Return whether a height or a width is given and is 0."""
    return size is not None and float(size) == 0


def _coordinates(place: str) -> tuple[int, int]:
    """Return the row from 1 and the column from 0 of a cell reference such as B7."""
    found = _PLACE.fullmatch(place)
    if not found:
        raise UnreadableSheetError(DAMAGED)
    column = 0
    for character in found[1]:
        column = column * 26 + ord(character) - ord("A") + 1
    return int(found[2]), column - 1
