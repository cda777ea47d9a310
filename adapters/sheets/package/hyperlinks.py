"""Hyperlinks of a worksheet. Their targets are relationships, so that no cell needs a formula."""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from adapters.sheets.package.xml_splice import Edit, Element, appended, close, local, markup, splice, tag_end, walk

_BEFORE = frozenset(
    (
        *("sheetCalcPr", "sheetProtection", "protectedRanges", "scenarios", "autoFilter", "sortState"),
        *("dataConsolidate", "customSheetViews", "mergeCells", "phoneticPr", "conditionalFormatting"),
        "dataValidations",
    )
)
"""Elements between sheetData and hyperlinks; Excel refuses a worksheet whose elements are in another order."""


class Replaced(NamedTuple):
    """A worksheet without the hyperlinks of some cells, and the ids of the relationships that they had."""

    data: bytes
    gone: frozenset[str]


def number_of_hyperlinks(data: bytes) -> int:
    """Return how many hyperlinks a worksheet has."""
    return len(_found(data).links)


def without_hyperlinks(data: bytes, cells: Collection[str] | None = None) -> Replaced:
    """Remove the hyperlinks of cells, given by their references, such as B7, or all hyperlinks."""
    found = _found(data)
    gone = [link for link in found.links if cells is None or link.attributes.get("ref") in cells]
    kept = {link.attribute("id") for link in found.links if link not in gone}
    # An element without hyperlinks is not allowed.
    edits = [found.list] if found.list and gone and len(gone) == len(found.links) else gone
    ids = frozenset(key for link in gone if (key := link.attribute("id")) and key not in kept)
    return Replaced(splice(data, [Edit(each.start, each.end, b"") for each in edits]), ids)


def with_hyperlinks(data: bytes, links: Mapping[str, str], namespace: str) -> bytes:
    """Add hyperlinks.

    Args:
        links: id of the relationship by the reference of the cell.
        namespace: that of relationships.
    """
    if not links:
        return data
    found = _found(data)
    inner = links_xml(links, namespace, found.prefix)
    if found.list:
        return splice(data, [appended(data, found.list, markup(inner))])
    p = found.prefix
    return splice(data, [Edit(found.place, found.place, markup(f"<{p}hyperlinks>{inner}</{p}hyperlinks>"))])


def links_xml(links: Mapping[str, str], namespace: str, prefix: str = "") -> str:
    """Return the XML of hyperlinks, without the element that encloses them."""
    start = f"<{prefix}hyperlink xmlns:r={quoteattr(namespace)}"
    return "".join(f"{start} ref={quoteattr(ref)} r:id={quoteattr(key)}/>" for ref, key in links.items())


def _found(data: bytes) -> "_Finder":
    finder = _Finder(data)
    walk(data, finder.start, finder.end)
    return finder


class _Finder:
    """Finds the hyperlinks of a worksheet.

    Attributes:
        list: the element that encloses them, if there is one.
        place: where it belongs otherwise.
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.depth, self.prefix = data, 0, ""
        self.list: Element | None = None
        self.links: list[Element] = []
        self.place, self._is_below, self._is_placed = 0, False, False

    def start(self, at: int, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        name = local(tag)
        if self.depth == 1:
            self.prefix = tag[: -len(name)]
        elif self.depth == 2 and self._is_below and not self._is_placed and name not in _BEFORE:
            self.place, self._is_placed = at, True
        if self.depth == 2 and name == "hyperlinks":
            self.list = Element(tag, attributes, at, tag_end(self.data, at))
        elif self.depth == 3 and name == "hyperlink":
            self.links.append(Element(tag, attributes, at, tag_end(self.data, at)))

    def end(self, at: int, tag: str) -> None:
        name = local(tag)
        if self.depth == 2:
            self._is_below = self._is_below or name == "sheetData"
            if name == "hyperlinks" and self.list:
                close(self.data, self.list, at)
        elif self.depth == 3 and name == "hyperlink":
            close(self.data, self.links[-1], at)
        elif self.depth == 1 and not self._is_placed:
            self.place = at
        self.depth -= 1
