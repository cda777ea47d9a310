"""What a file is, by its first bytes; what is no sheet gets the sentence that helps."""

import io
import zipfile
import zlib

from manifests.errors import UnreadableSheetError

TEXT, WORKBOOK = "text", "workbook"

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_AS_XLSX = "open it in its program and save it as XLSX or CSV"
_MAGIC = {
    b"%PDF": "a PDF; copy the table into a spreadsheet and save it as XLSX",
    b"\x89PNG": "a picture; type the table into a spreadsheet and save it as XLSX",
    b"\xff\xd8\xff": "a picture; type the table into a spreadsheet and save it as XLSX",
    b"GIF8": "a picture; type the table into a spreadsheet and save it as XLSX",
    b"\x1f\x8b": "compressed; unpack it first",
    b"7z\xbc\xaf": "compressed; unpack it first",
    b"Rar!": "compressed; unpack it first",
    b"PAR1": "a Parquet file; export it as CSV",
    b"SQLite format 3": "a database; export its table as CSV",
    b"{\\rtf": f"a text document; copy the table into a spreadsheet, or {_AS_XLSX}",
}
_MEMBERS = {
    "xl/workbook.bin": f"a binary workbook (XLSB); {_AS_XLSX}",
    "word/document.xml": "a Word document; copy the table into a spreadsheet and save it as XLSX",
    "ppt/presentation.xml": "a presentation; copy the table into a spreadsheet and save it as XLSX",
    "Index/Document.iwa": "a Numbers document; export it as Excel (XLSX) or CSV",
    "Index.zip": "a Numbers document; export it as Excel (XLSX) or CSV",
}


def kind_of(data: bytes) -> str:
    """Return TEXT, or WORKBOOK for what ``check_package`` has still to look into.

    Raises:
        UnreadableSheetError: neither; the message goes on after the file's name.
    """
    if not data.strip():
        raise UnreadableSheetError("is empty; write a header and a prompt below it, or start from `reelmill init`")
    for magic, words in _MAGIC.items():
        if data.startswith(magic):
            raise UnreadableSheetError(f"is {words}")
    if data.startswith(_OLE):
        raise UnreadableSheetError(_old_office(data))
    if data.startswith(b"PK"):
        return WORKBOOK
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml")):
        raise UnreadableSheetError(f"is a web page or XML, whatever its name says; {_AS_XLSX}")
    if start.startswith((b"[{", b'{"', b"[\n", b"{\n")):
        raise UnreadableSheetError("is JSON; export the table as CSV")
    return TEXT


def _old_office(data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "is protected by a password; save a copy without one"
    if "WordDocument".encode("utf-16-le") in data:
        return "is a Word document; copy the table into a spreadsheet and save it as XLSX"
    return f"is an old Excel file (XLS); {_AS_XLSX}"


def check_package(data: bytes) -> None:
    """Make sure that a ZIP is a workbook. For the child: even a list of members can be made to harm.

    Raises:
        UnreadableSheetError: damaged, or something else; the message goes on after the file's name.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = set(package.namelist())
            mime = package.open("mimetype").read(80) if "mimetype" in names else b""
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise UnreadableSheetError("is damaged or cut short; copy or download it again") from error
    if "xl/workbook.xml" in names:
        return
    if b"opendocument" in mime:
        raise UnreadableSheetError(f"is an OpenDocument file (ODS); {_AS_XLSX}")
    words = next((words for name, words in _MEMBERS.items() if name in names), None)
    raise UnreadableSheetError(f"is {words}" if words else "is a ZIP archive; unpack it and name the sheet inside")
