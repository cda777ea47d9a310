"""Detection of what a ZIP file is. It happens in the child, because even a list of members can be malicious."""

from adapters.sheets.workbook.package import DAMAGE, INCOMPLETE, Package
from manifests.errors import UnreadableSheetError

XLSX, XLSB, ODS = "XLSX", "XLSB", "ODS"
_COPY = "Copy the table to a spreadsheet and save it as XLSX"
_NUMBERS = "a Numbers document. Export it as Excel (XLSX) or CSV"
_MEMBERS = {
    "word/document.xml": f"a Word document. {_COPY}",
    "ppt/presentation.xml": f"a presentation. {_COPY}",
    "Index/Document.iwa": _NUMBERS,
    "Index.zip": _NUMBERS,
}


def package_kind(package: Package) -> str:
    """Return XLSX, XLSB or ODS.

    Raises:
        UnreadableSheetError: damaged, or another kind of file. The message continues after the file's name and has no
            full stop.
    """
    try:
        part = package.workbook_part()
        mime = package.read("mimetype")[:80].strip() if "mimetype" in package else b""
    except DAMAGE as error:
        raise UnreadableSheetError(INCOMPLETE) from error
    if part:
        return XLSB if part.lower().endswith(".bin") else XLSX
    if b"opendocument" in mime:
        if b"opendocument.spreadsheet" in mime:
            return ODS
        raise UnreadableSheetError(f"is an OpenDocument file, but not a spreadsheet. {_COPY}")
    words = next((words for name, words in _MEMBERS.items() if name in package), None)
    raise UnreadableSheetError(f"is {words}" if words else "is a ZIP archive. Unpack it and use the sheet inside")
