"""The ZIP package of a workbook: its parts, however their names are spelled, and the relations between them."""

import io
import posixpath
import zipfile
import zlib
from typing import IO, NamedTuple
from urllib.parse import unquote
from xml.parsers import expat

from python_calamine import CalamineError

from adapters.sheets.file_kind import PROTECTED
from adapters.sheets.workbook.xml_stream import Elements, walk
from manifests.errors import UnreadableSheetError

DAMAGED = "is damaged. Open it in a spreadsheet program and save it again as XLSX"
INCOMPLETE = "is damaged or incomplete. Copy or download it again"
MAX_UNPACKED = 300 * 2**20
MAX_RATIO = 200
"""Maximum ratio of unpacked to packed size, for parts over 8 MiB. 100,000 rows of ten equal cells reach 39."""
_JUDGED = 8 * 2**20
DAMAGE = (
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


class Relation(NamedTuple):
    """A reference from one part of a package to another one.

    Attributes:
        kind: last word of its type, such as ``worksheet``; the rest differs between editions of the standard.
        target: name of the part.
    """

    kind: str
    target: str


class Package:
    """The parts of a package. Names are compared without case, and backslashes count as slashes.

    Raises:
        UnreadableSheetError: not a ZIP file, encrypted, or a ZIP bomb.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, RuntimeError, ValueError) as error:
            raise UnreadableSheetError(INCOMPLETE) from error
        members = self._zip.infolist()
        if any(member.flag_bits & 1 for member in members):
            raise UnreadableSheetError(PROTECTED)
        bombs = [m for m in members if m.file_size > _JUDGED and m.file_size > MAX_RATIO * m.compress_size]
        if bombs or sum(member.file_size for member in members) > MAX_UNPACKED:
            raise UnreadableSheetError("unpacks to far more data than a sheet needs. Copy the table to a new sheet")
        self._members = {_key(member.filename): member for member in members}

    def __contains__(self, part: str) -> bool:
        return _key(part) in self._members

    def spelled(self, part: str) -> str:
        """Return a part's name as it is spelled in the ZIP file."""
        return self._members[_key(part)].filename

    def open(self, part: str) -> IO[bytes]:
        """Open a part.

        Raises:
            KeyError: there is no such part.
        """
        return self._zip.open(self._members[_key(part)])

    def read(self, part: str) -> bytes:
        """Return a part's bytes.

        Raises:
            KeyError: there is no such part.
        """
        with self.open(part) as stream:
            return stream.read()

    def relations(self, part: str) -> dict[str, Relation]:
        """Return the relations of a part by their ids; an empty name stands for the package itself."""
        folder, name = posixpath.split(part)
        listed = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, Relation] = {}
        if listed not in self:
            return found

        def add(attributes: dict[str, str]) -> None:
            if attributes.get("TargetMode", "").lower() != "external":
                kind = attributes.get("Type", "").rpartition("/")[2]
                found[attributes["Id"]] = Relation(kind, self._target(folder, attributes["Target"]))

        with self.open(listed) as stream:
            walk(stream, Elements(Relationship=add))
        return found

    def _target(self, folder: str, target: str) -> str:
        """Return the name of a target; it should be relative to the folder, but some programs count from the root."""
        path = target.replace("\\", "/")
        relative = posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")
        options = (relative, unquote(relative), path.lstrip("/"))
        return next((option for option in options if option in self), relative)

    def workbook_part(self) -> str | None:
        """Return the name of the part that lists the tabs, or None if the package is no Excel workbook."""
        targets = [relation.target for relation in self.relations("").values() if relation.kind == "officeDocument"]
        names = (*targets, "xl/workbook.xml", "xl/workbook.bin")
        return next((name for name in names if name in self and _is_workbook(name, self)), None)


def _is_workbook(name: str, package: Package) -> bool:
    """Return whether a main part belongs to a workbook, and not to a text document or a presentation."""
    if name.lower().startswith(("word/", "ppt/", "visio/")):
        return False
    if name.lower().endswith(".bin"):
        return True
    kinds = {relation.kind for relation in package.relations(name).values()}
    return "worksheet" in kinds or name.lower() == "xl/workbook.xml"


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
