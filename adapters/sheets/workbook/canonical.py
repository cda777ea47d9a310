"""A copy of an XLSX package with the usual names of parts, because calamine finds only these."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from adapters.sheets.workbook.package import Package
from adapters.sheets.workbook.xml_stream import Elements, walk

if TYPE_CHECKING:
    from adapters.sheets.workbook.xlsx import Listed

WORKBOOK = "xl/workbook.xml"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT = b"purl.oclc.org"
_USUAL = {"sharedStrings": "xl/sharedStrings.xml", "styles": "xl/styles.xml"}
_FOLDERS = ("worksheets/", "/xl/worksheets/")
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_TRUE = ("1", "true", "on")


def canonical(data: bytes, package: Package, part: str, sheets: "Sequence[Listed]") -> bytes:
    """Return the package itself if its parts have the usual names, or else a copy with the usual names."""
    if _is_usual(package, part, sheets):
        return data
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for name, content in _parts(package, part, sheets):
            copy.writestr(name, content)
    return stream.getvalue()


def _is_usual(package: Package, part: str, sheets: "Sequence[Listed]") -> bool:
    relations = package.relations(part).values()
    used = {relation.kind: relation.target for relation in relations if relation.kind in _USUAL}
    expected = {
        part: WORKBOOK,
        "_rels/.rels": "_rels/.rels",
        "xl/_rels/workbook.xml.rels": "xl/_rels/workbook.xml.rels",
        **{target: _USUAL[kind] for kind, target in used.items()},
        **{sheet.part: sheet.part for sheet in sheets},
    }
    if not all(name in package and package.spelled(name) == usual for name, usual in expected.items()):
        return False
    listed = package.read(part)
    is_common = _STRICT not in listed and (b" r:id=" in listed or not sheets)
    return is_common and all(target.startswith(_FOLDERS) for target in _worksheet_targets(package))


def _worksheet_targets(package: Package) -> list[str]:
    """Return the targets of worksheets as the file spells them."""
    found: list[str] = []

    def add(attributes: dict[str, str]) -> None:
        if attributes.get("Type", "").endswith("/worksheet"):
            found.append(attributes.get("Target", ""))

    with package.open("xl/_rels/workbook.xml.rels") as stream:
        walk(stream, Elements(Relationship=add))
    return found


def _parts(package: Package, part: str, sheets: "Sequence[Listed]") -> Iterable[tuple[str, bytes | str]]:
    """Yield the parts that calamine reads; the lists of tabs and relations are generated."""
    relations = {relation.kind: relation.target for relation in package.relations(part).values()}
    shared = [(kind, usual) for kind, usual in _USUAL.items() if relations.get(kind, "") in package]
    parts = [(f"xl/worksheets/sheet{number}.xml", sheet.part) for number, sheet in enumerate(sheets, 1)]
    yield "[Content_Types].xml", f'{_XML}<Types xmlns="{_PACKAGE}/content-types"/>'
    yield "_rels/.rels", _relations([("officeDocument", WORKBOOK)])
    yield WORKBOOK, _workbook(sheets, counts_from_1904(package, part))
    targets = [("worksheet", name) for name, _ in parts] + shared
    yield "xl/_rels/workbook.xml.rels", _relations([(kind, name.removeprefix("xl/")) for kind, name in targets])
    for kind, usual in shared:
        yield usual, package.read(relations[kind])
    for name, source in parts:
        yield name, package.read(source)


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _workbook(sheets: "Sequence[Listed]", from_1904: bool) -> str:
    listed = "".join(
        f'<sheet name={quoteattr(sheet.name)} sheetId="{number}" r:id="rId{number}"/>'
        for number, sheet in enumerate(sheets, 1)
    )
    properties = '<workbookPr date1904="1"/>' if from_1904 else ""
    return f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{properties}<sheets>{listed}</sheets></workbook>'


def counts_from_1904(package: Package, part: str) -> bool:
    """Return whether a workbook counts days from 1904 instead of 1900."""
    found: list[str] = []
    with package.open(part) as stream:
        walk(stream, Elements(workbookPr=lambda attributes: found.append(attributes.get("date1904", ""))))
    return any(value in _TRUE for value in found)
