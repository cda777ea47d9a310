"""Files as spreadsheet programs and people create them, as bytes."""

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from openpyxl import Workbook

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
    'Target="{target}"/></Relationships>'
)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
WORKBOOK = (
    f'<?xml version="1.0"?><workbook xmlns="{MAIN}" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="Campaign" sheetId="1" r:id="rId1"/></sheets></workbook>'
)


def lines(*rows: str, encoding: str = "utf-8") -> bytes:
    """Return a text file with these lines."""
    return "".join(f"{row}\r\n" for row in rows).encode(encoding)


def workbook(
    rows: Iterable[Sequence[Any]], change: Callable[[Any], None] = lambda tab: None, title: str = "Campaign"
) -> bytes:
    """Return a workbook written by openpyxl; ``change`` can modify its tab."""
    book = Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(list(row))
    change(book.active)
    return saved(book)


def saved(book: Workbook) -> bytes:
    """Return the bytes of a workbook."""
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def archive(members: dict[str, bytes | str]) -> bytes:
    """Return a ZIP file with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in members.items():
            package.writestr(name, data)
    return stream.getvalue()


def raw_workbook(cells: str | bytes, **members: bytes | str) -> bytes:
    """Return a workbook with this XML in the sheetData of its only tab; ``shared`` contains its shared strings."""
    sheet = (
        cells
        if isinstance(cells, bytes)
        else (f'<?xml version="1.0"?><worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>')
    )
    return archive(
        {
            "[Content_Types].xml": CONTENT_TYPES,
            "_rels/.rels": RELATIONS.format(kind="officeDocument", target="xl/workbook.xml"),
            "xl/workbook.xml": WORKBOOK,
            "xl/_rels/workbook.xml.rels": RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": sheet,
            **members,
        }
    )


def text_cell(place: str, text: str) -> str:
    """Return the XML of a text cell."""
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def far_cell() -> bytes:
    """Return 4 KB that make calamine allocate 17 billion cells: A1 and XFD1048576."""
    return raw_workbook(
        f'<row r="1">{text_cell("A1", "Prompt")}</row><row r="1048576">{text_cell("XFD1048576", "x")}</row>'
    )


def bomb() -> bytes:
    """Return 1 MB that unpacks to 326 MB."""
    row = b'<row><c t="inlineStr"><is><t>' + b"a" * 200 + b"</t></is></c></row>"
    start = f'<?xml version="1.0"?><worksheet xmlns="{MAIN}"><sheetData>'.encode()
    return raw_workbook(start + row * (326 * 10**6 // len(row)) + b"</sheetData></worksheet>")


def billion_laughs() -> bytes:
    """Return a workbook with entities that refer to each other ten times, nine levels deep."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    sheet = (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{levels}]>'
        f'<worksheet xmlns="{MAIN}"><sheetData><row r="1">{text_cell("A1", "&l9;")}</row>'
        "</sheetData></worksheet>"
    )
    return raw_workbook(sheet.encode())


def one_text_many_times(characters: int = 30_000, times: int = 20_000) -> bytes:
    """Return a workbook in which many cells share one string: small when packed and parsed, 600 MB when expanded."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, times + 1))
    shared = f'<?xml version="1.0"?><sst xmlns="{MAIN}"><si><t>{"a" * characters}</t></si></sst>'
    relations = RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml").replace(
        "</Relationships>",
        '<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    )
    return raw_workbook(rows, **{"xl/sharedStrings.xml": shared, "xl/_rels/workbook.xml.rels": relations})
