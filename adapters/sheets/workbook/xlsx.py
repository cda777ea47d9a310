"""Reader for XLSX workbooks: each tab is scanned as a stream before calamine loads it into memory."""

import io
from functools import partial
from typing import NamedTuple

from python_calamine import CalamineWorkbook

from adapters.sheets.numbers.number_format import BUILT_IN, GENERAL
from adapters.sheets.workbook.calamine_cells import cells_of
from adapters.sheets.workbook.canonical import canonical, counts_from_1904
from adapters.sheets.workbook.extent import DAYS_TO_1904, Styles
from adapters.sheets.workbook.package import Package
from adapters.sheets.workbook.tab import Tab, TabCells
from adapters.sheets.workbook.worksheet_scan import WorksheetScan
from adapters.sheets.workbook.xml_stream import Elements, local, walk


class Listed(NamedTuple):
    """A worksheet as the workbook lists it.

    Attributes:
        name: the tab's name.
        part: name of the part with its cells.
        hidden: whether people do not see it.
    """

    name: str
    part: str
    hidden: bool


def xlsx_tabs(data: bytes, package: Package) -> list[Tab]:
    """Return the worksheets of a workbook.

    Raises:
        UnreadableSheetError: an XML part with a document type.
        DAMAGE: the file is damaged.
    """
    part = package.workbook_part() or ""
    sheets = listed_worksheets(package, part)
    styles = _styles(package, part)
    days = DAYS_TO_1904 if counts_from_1904(package, part) else 0
    book = CalamineWorkbook.from_filelike(io.BytesIO(canonical(data, package, part, sheets)))
    return [Tab(sheet.name, sheet.hidden, partial(_cells, package, book, sheet, styles, days)) for sheet in sheets]


def _cells(package: Package, book: CalamineWorkbook, sheet: Listed, styles: Styles, days: int) -> TabCells:
    scan = WorksheetScan(styles)
    with package.open(sheet.part) as stream:
        walk(stream, scan)
    scan.extent.check(sheet.name)
    return cells_of(book.get_sheet_by_name(sheet.name), scan.extent, styles, days)


def listed_worksheets(package: Package, part: str) -> list[Listed]:
    """Return the worksheets in the order of their tabs, without charts and dialogs."""
    targets = {
        key: relation.target for key, relation in package.relations(part).items() if relation.kind == "worksheet"
    }
    found: list[Listed] = []

    def add(attributes: dict[str, str]) -> None:
        target = targets.get(attributes.get("id", ""))
        if target:
            found.append(Listed(attributes["name"], target, attributes.get("state", "visible") != "visible"))

    with package.open(part) as stream:
        walk(stream, Elements(sheet=add))
    return found


def _styles(package: Package, part: str) -> Styles:
    """Return the number formats of styles that are not General."""
    targets = [relation.target for relation in package.relations(part).values() if relation.kind == "styles"]
    if not targets or targets[0] not in package:
        return {}
    handler = _StyleHandler()
    with package.open(targets[0]) as stream:
        walk(stream, handler)
    codes = {index: handler.codes.get(key, BUILT_IN.get(key, GENERAL)) for index, key in enumerate(handler.cells)}
    return {index: code for index, code in codes.items() if code.lower() != GENERAL.lower()}


class _StyleHandler:
    """Collects the codes of number formats, and the format of each style of cells."""

    def __init__(self) -> None:
        self.codes: dict[int, str] = {}
        self.cells: list[int] = []
        self.inside = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Start an element."""
        name = local(tag)
        if name == "numFmt" and "formatCode" in attributes:
            self.codes.setdefault(int(attributes["numFmtId"]), attributes["formatCode"])
        elif name == "cellXfs":
            self.inside = True
        elif name == "xf" and self.inside:
            self.cells.append(int(attributes.get("numFmtId") or 0))

    def end(self, tag: str) -> None:
        """End an element."""
        if local(tag) == "cellXfs":
            self.inside = False

    def text(self, data: str) -> None:
        """Ignore texts."""
