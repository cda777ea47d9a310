"""The parts of an XLSX file and their relationships."""

import io
import posixpath
import zipfile
from collections.abc import Container, Iterable
from itertools import count
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from adapters.sheets.package.xml_splice import Edit, Element, appended, elements, markup, readable, splice

CONTENT_TYPES = "[Content_Types].xml"
_NO_RELATIONS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>'
_TEMPLATES = {
    b"template.main+xml": b"sheet.main+xml",
    b"template.macroEnabled.main+xml": b"sheet.macroEnabled.main+xml",
}


class Relation(NamedTuple):
    """A relationship of a part; ``target`` is the name of a part, and ``element`` is its XML."""

    relation_id: str
    kind: str
    target: str
    element: Element


class Package:
    """The parts of a file by name. Names are compared regardless of case, and backslashes count as slashes."""

    def __init__(self, data: bytes) -> None:
        """Read all parts.

        Raises:
            zipfile.BadZipFile: not a ZIP file; zlib errors for damaged parts.
        """
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = {_clean(info.filename): info for info in archive.infolist() if not info.is_dir()}
            self._parts = {name: archive.read(info) for name, info in infos.items()}
        self._names = {name.lower(): name for name in self._parts}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def read(self, name: str) -> bytes:
        """Return the content of a part; KeyError if it does not exist."""
        return readable(self._parts[self._names[name.lower()]])

    def put(self, name: str, data: bytes) -> None:
        """Add or replace a part."""
        self._parts[self._names.setdefault(name.lower(), name)] = data

    def remove(self, name: str) -> None:
        """Remove a part with its content type."""
        del self._parts[self._names.pop(name.lower())]
        data = self.read(CONTENT_TYPES)
        gone = [e for e in elements(data, "Override") if _clean(e.attribute("PartName") or "").lower() == name.lower()]
        self.put(CONTENT_TYPES, without(data, gone))

    def save(self, path: Path) -> None:
        """Write the file."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in self._parts.items():
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)

    def relations(self, part: str) -> list[Relation]:
        """Return the relationships of a part to other parts; those of the package for an empty name."""
        name = relations_part(part)
        found = elements(self.read(name), "Relationship") if name in self else []
        return [
            Relation(
                each.attributes["Id"],
                each.attributes["Type"].rpartition("/")[2],
                _resolved(part, each.attributes["Target"]),
                each,
            )
            for each in found
            if each.attributes.get("TargetMode") != "External"
        ]

    def relate(self, part: str, kind: str, target: str) -> str:
        """Add a relationship to another part and return its id; ``kind`` is the full type."""
        data = self.read(relations_part(part))
        used = {each.attributes.get("Id") for each in elements(data, "Relationship")}
        relation_id = next(key for n in range(1, len(used) + 2) if (key := f"rIdReelmill{n}") not in used)
        [root] = elements(data, "Relationships")
        place = posixpath.relpath(target, posixpath.dirname(part) or ".")
        entry = f'<{root.prefix}Relationship Id="{relation_id}" Type={quoteattr(kind)} Target={quoteattr(place)}/>'
        self.put(relations_part(part), splice(data, [appended(data, root, markup(entry))]))
        return relation_id

    def relate_outside(self, part: str, kind: str, targets: Iterable[str]) -> dict[str, str]:
        """Add a relationship for each different URL and return the ids by URL; ``kind`` is the full type."""
        name = relations_part(part)
        data = self.read(name) if name in self else markup(_NO_RELATIONS)
        used = {each.attributes.get("Id") for each in elements(data, "Relationship")}
        free = (key for n in count(1) if (key := f"rIdReelmillLink{n}") not in used)
        ids = {target: next(free) for target in dict.fromkeys(targets)}
        if ids:
            [root] = elements(data, "Relationships")
            start = f'<{root.prefix}Relationship Type={quoteattr(kind)} TargetMode="External"'
            entries = "".join(f"{start} Id={quoteattr(key)} Target={quoteattr(url)}/>" for url, key in ids.items())
            self.put(name, splice(data, [appended(data, root, markup(entries))]))
        return ids

    def unrelate(self, part: str, relation_ids: Container[str]) -> None:
        """Remove relationships of a part."""
        name = relations_part(part)
        if name in self:
            data = self.read(name)
            gone = [each for each in elements(data, "Relationship") if each.attributes.get("Id") in relation_ids]
            self.put(name, without(data, gone))

    def declare(self, part: str, content_type: str) -> None:
        """Declare the content type of a new part."""
        data = self.read(CONTENT_TYPES)
        [root] = elements(data, "Types")
        entry = f"<{root.prefix}Override PartName={quoteattr('/' + part)} ContentType={quoteattr(content_type)}/>"
        self.put(CONTENT_TYPES, splice(data, [appended(data, root, markup(entry))]))

    def make_document(self) -> None:
        """Turn a template into a workbook: a spreadsheet program refuses a template with the extension .xlsx."""
        data = self.read(CONTENT_TYPES)
        for template, document in _TEMPLATES.items():
            data = data.replace(template, document)
        self.put(CONTENT_TYPES, data)


def relations_part(part: str) -> str:
    """Return the name of the part with a part's relationships."""
    folder, _, name = part.rpartition("/")
    return f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels"


def without(data: bytes, gone: list[Element]) -> bytes:
    """Return XML without some of its elements."""
    return splice(data, [Edit(each.start, each.end, b"") for each in gone])


def _clean(name: str) -> str:
    return name.replace("\\", "/").lstrip("/")


def _resolved(part: str, target: str) -> str:
    target = target.replace("\\", "/")
    if target.startswith("/"):
        return target.lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(part), target))
