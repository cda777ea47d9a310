"""A workbook whose tabs are edited in place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from adapters.sheets.package.active_tab import active_tab, with_active_tab, with_selection
from adapters.sheets.package.archive import CONTENT_TYPES, Package, relations_part, without
from adapters.sheets.package.hyperlinks import links_xml, with_hyperlinks, without_hyperlinks
from adapters.sheets.package.sheet_cells import Cells, Layout, NewCell, layout_of, row_xml, with_cells
from adapters.sheets.package.styles import add_styles
from adapters.sheets.package.xml_splice import appended, elements, markup, splice
from manifests.sheet.table import letter

Rows = Sequence[Mapping[int, NewCell]]
"""Cells by column, for each row from the first."""
_STRICT = "purl.oclc.org"
_KINDS = {
    True: "http://purl.oclc.org/ooxml/officeDocument/relationships",
    False: "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
}
_MAIN = {
    True: "http://purl.oclc.org/ooxml/spreadsheetml/main",
    False: "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
}
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"


class Workbook:
    """The tabs and styles of a package.

    Attributes:
        titles: names of the tabs, in their order.
        styles: indexes of our cell formats by name; empty if the workbook has no styles.
    """

    def __init__(self, data: bytes) -> None:
        """Open a workbook.

        Raises:
            zipfile.BadZipFile, KeyError, ValueError, expat errors: the package cannot be edited.
        """
        self._package = Package(data)
        self._part = next(each.target for each in self._package.relations("") if each.kind == "officeDocument")
        workbook = self._package.read(self._part)
        self._strict = _STRICT.encode() in workbook[:2000]
        targets = {each.relation_id: each for each in self._package.relations(self._part)}
        self._tabs = {
            each.attributes["name"]: targets[each.attribute("id") or ""].target for each in elements(workbook, "sheet")
        }
        self.styles = self._add_styles()

    @property
    def titles(self) -> tuple[str, ...]:
        """Names of the tabs, in their order."""
        return tuple(self._tabs)

    @property
    def has_macros(self) -> bool:
        """Whether the content type is that of a workbook with macros, which requires the extension .xlsm."""
        return b"macroEnabled" in self._package.read(CONTENT_TYPES)

    def layout(self, title: str, header_row: int) -> Layout:
        """Measure a tab."""
        return layout_of(self._package.read(self._tabs[title]), header_row)

    def write_cells(self, title: str, cells: Cells, widths: Mapping[int, int]) -> None:
        """Write cells of a tab."""
        part = self._tabs[title]
        data = with_cells(self._package.read(part), cells, widths)
        written = {_reference(row, column): cell for row, line in cells.items() for column, cell in line.items()}
        data, gone = without_hyperlinks(data, written.keys())
        if gone:
            self._package.unrelate(part, gone)
        links = self._links(part, {place: cell.link for place, cell in written.items() if cell.link})
        self._package.put(part, with_hyperlinks(data, links, _KINDS[self._strict]))

    def replace_tab(self, title: str, rows: Rows, widths: Sequence[int], frozen: int) -> None:
        """Replace the content of a tab.

        The calculation chain is removed, because it must not name a cell without a formula; it is optional.
        """
        part = self._tabs[title]
        self._package.unrelate(part, without_hyperlinks(self._package.read(part)).gone)
        self._package.put(part, self._sheet(part, rows, widths, frozen))
        for relation in self._package.relations(self._part):
            if relation.kind == "calcChain":
                name = relations_part(self._part)
                self._package.put(name, without(self._package.read(name), [relation.element]))
                self._package.remove(relation.target)

    def add_tab(self, title: str, rows: Rows, widths: Sequence[int], frozen: int) -> None:
        """Add a tab after all others."""
        folder = self._part.rpartition("/")[0]
        part = next(
            name for n in range(1, 100_000) if (name := f"{folder}/worksheets/sheet{n}.xml") not in self._package
        )
        self._package.put(part, self._sheet(part, rows, widths, frozen))
        self._package.declare(part, _SHEET_TYPE)
        relation_id = self._package.relate(self._part, f"{_KINDS[self._strict]}/worksheet", part)
        workbook = self._package.read(self._part)
        [sheets] = elements(workbook, "sheets")
        number = 1 + max(int(each.attributes["sheetId"]) for each in elements(workbook, "sheet"))
        entry = (
            f"<{sheets.prefix}sheet xmlns:r={quoteattr(_KINDS[self._strict])} name={quoteattr(title)} "
            f'sheetId="{number}" r:id="{relation_id}"/>'
        )
        self._package.put(self._part, splice(workbook, [appended(workbook, sheets, markup(entry))]))
        self._tabs[title] = part

    def open_on(self, title: str) -> None:
        """Let the workbook open on a tab, unless that tab is hidden."""
        workbook = with_active_tab(self._package.read(self._part), title)
        if active_tab(workbook) != title:
            return
        self._replace(self._part, workbook)
        for name, part in self._tabs.items():
            self._replace(part, with_selection(self._package.read(part), name == title))

    def _replace(self, part: str, data: bytes) -> None:
        """Replace a part if its content is another one, so that its encoding stays as it is otherwise."""
        if data != self._package.read(part):
            self._package.put(part, data)

    def save(self, path: Path) -> None:
        """Write the workbook; a template becomes a document."""
        self._package.make_document()
        self._package.save(path)

    def _add_styles(self) -> dict[str, int]:
        part = next((each.target for each in self._package.relations(self._part) if each.kind == "styles"), "")
        if part not in self._package:
            return {}
        data, styles = add_styles(self._package.read(part))
        self._package.put(part, data)
        return styles

    def _sheet(self, part: str, rows: Rows, widths: Sequence[int], frozen: int) -> bytes:
        columns = "".join(
            f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
            for number, width in enumerate(widths, 1)
        )
        lines = "".join(row_xml(number, line) for number, line in enumerate(rows, 1))
        places = {place: cell.link for place, cell in _places(rows).items() if cell.link}
        links = links_xml(self._links(part, places), _KINDS[self._strict])
        links = f"<hyperlinks>{links}</hyperlinks>" if links else ""
        last = f"{letter(len(widths) - 1)}{max(len(rows), frozen)}"
        return markup(
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
            f'<worksheet xmlns="{_MAIN[self._strict]}"><dimension ref="A1:{last}"/>'
            f'<sheetViews><sheetView workbookViewId="0"><pane ySplit="{frozen}" topLeftCell="A{frozen + 1}" '
            'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f"<cols>{columns}</cols><sheetData>{lines}</sheetData>"
            f'<autoFilter ref="A{frozen}:{last}"/>{links}</worksheet>'
        )

    def _links(self, part: str, targets: Mapping[str, str]) -> dict[str, str]:
        """Add relationships for hyperlinks and return their ids by cell."""
        ids = self._package.relate_outside(part, f"{_KINDS[self._strict]}/hyperlink", targets.values())
        return {place: ids[target] for place, target in targets.items()}


def _places(rows: Rows) -> dict[str, NewCell]:
    return {_reference(number, column): cell for number, line in enumerate(rows, 1) for column, cell in line.items()}


def _reference(row: int, column: int) -> str:
    return f"{letter(column)}{row}"
