"""Detection of a file's kind by its first bytes, with a helpful message for files that are not sheets."""

from manifests.errors import UnreadableSheetError

TEXT, TABLE, TSV, PROMPTS, JSON = "text", "table", "tsv", "prompts", "json"
"""Any text, text that must have a header, TSV by its name, text that can be a list of prompts (.txt), and JSON."""
WORKBOOK, OLD_WORKBOOK = "workbook", "old workbook"
WORKBOOKS = (WORKBOOK, OLD_WORKBOOK)
_KINDS_BY_SUFFIX = {
    ".tsv": TSV,
    ".tab": TSV,
    ".txt": PROMPTS,
    ".text": PROMPTS,
    ".json": JSON,
    ".jsonl": JSON,
    ".ndjson": JSON,
}
_KINDS_BY_SUFFIX |= dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), TABLE)  # text under a wrong name

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_AS_XLSX = "Open it in a spreadsheet program and save it as XLSX or CSV"
_COPY = "Copy the table to a spreadsheet and save it as XLSX"
_TYPE = "Type the table in a spreadsheet and save it as XLSX"
_UNPACK = "Unpack it first"
PROTECTED = "is protected by a password. Save a copy without a password"
EMPTY = "is empty. Enter a header and a prompt below it, or create a template with `reelmill init`"
_MAGIC = {
    b"%PDF": f"a PDF. {_COPY}",
    b"\x89PNG": f"a picture. {_TYPE}",
    b"\xff\xd8\xff": f"a picture. {_TYPE}",
    b"GIF8": f"a picture. {_TYPE}",
    b"\x1f\x8b": f"compressed. {_UNPACK}",
    b"7z\xbc\xaf": f"compressed. {_UNPACK}",
    b"Rar!": f"compressed. {_UNPACK}",
    b"PAR1": "a Parquet file. Export it as CSV",
    b"SQLite format 3": "a database. Export its table as CSV",
    b"{\\rtf": f"a text document. {_COPY}",
}
_JSON_STARTS = (b"[{", b'{"', b'["', b"[\n", b"{\n", b"[\r\n", b"{\r\n")


def kind_of(data: bytes, suffix: str = "") -> str:
    """Return a kind of text, WORKBOOK for a ZIP file, or OLD_WORKBOOK for a file of an old Office program.

    The child looks inside the last two.

    Args:
        suffix: extension of the file's name; it only decides between kinds of text.

    Raises:
        UnreadableSheetError: neither of them. The message continues after the file's name and has no full stop.
    """
    if not data.strip():
        raise UnreadableSheetError(EMPTY)
    for magic, words in _MAGIC.items():
        if data.startswith(magic):
            raise UnreadableSheetError(f"is {words}")
    if data.startswith(_OLE):
        return _old_office(data)
    if data.startswith(b"PK"):
        return WORKBOOK
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml")):
        raise UnreadableSheetError(f"is a web page or an XML file, regardless of its extension. {_AS_XLSX}")
    by_suffix = _KINDS_BY_SUFFIX.get(suffix.lower(), TEXT)
    return JSON if by_suffix in (TEXT, TABLE, TSV) and start.startswith(_JSON_STARTS) else by_suffix


def _old_office(data: bytes) -> str:
    words = {
        "EncryptedPackage": PROTECTED,
        "WordDocument": f"is a Word document. {_COPY}",
        "PowerPoint Document": f"is a presentation. {_COPY}",
    }
    for name, message in words.items():
        if name.encode("utf-16-le") in data:
            raise UnreadableSheetError(message)
    return OLD_WORKBOOK
