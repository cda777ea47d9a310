"""Add the cell styles of our columns to a workbook's styles."""

import re
from collections.abc import Mapping

from adapters.sheets.package.xml_splice import Edit, Element, appended, elements, markup, splice, with_attribute

FILLS: Mapping[str, str] = {"header": "DDE6F0", "red": "F4A6A0", "yellow": "FFE699", "green": "C6E5B3"}
"""Fill colours by the name of the style; ``header`` is bold as well."""

LINK = "link"
"""Name of the style of hyperlinks, which has no fill."""


def add_styles(data: bytes) -> tuple[bytes, dict[str, int]]:
    """Return the styles with ours added, and the index of each; no index if the workbook has no complete styles."""
    lists = {element.tag.rpartition(":")[2]: element for element in elements(data, "fonts", "fills", "cellXfs")}
    if len(lists) < 3 or not all(element.children for element in lists.values()):
        return data, {}
    fonts, fills, formats = lists["fonts"], lists["fills"], lists["cellXfs"]
    p = formats.prefix
    new_fills, new_formats = "", ""
    for number, (name, colour) in enumerate(FILLS.items()):
        new_fills += (
            f'<{p}fill><{p}patternFill patternType="solid"><{p}fgColor rgb="FF{colour}"/>'
            f'<{p}bgColor indexed="64"/></{p}patternFill></{p}fill>'
        )
        font = f'fontId="{fonts.children}" applyFont="1"' if name == "header" else 'fontId="0"'
        new_formats += (
            f'<{p}xf numFmtId="0" {font} fillId="{fills.children + number}" borderId="0" xfId="0" applyFill="1"/>'
        )
    new_formats += f'<{p}xf numFmtId="0" fontId="{fonts.children + 1}" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    edits = [
        *_add(data, fonts, _bold(data, fonts) + _link(data, fonts), 2),
        *_add(data, fills, markup(new_fills), len(FILLS)),
        *_add(data, formats, markup(new_formats), len(FILLS) + 1),
    ]
    return splice(data, edits), {name: formats.children + number for number, name in enumerate((*FILLS, LINK))}


def _bold(data: bytes, fonts: Element) -> bytes:
    """Return the workbook's first font in bold."""
    first = _first(data, fonts)
    inner = data[first.inner_start : first.inner_end]
    bold = b"" if b"<b/>" in inner else markup(f"<{first.prefix}b/>")
    return markup(f"<{first.tag}>") + bold + inner + markup(f"</{first.tag}>")


def _link(data: bytes, fonts: Element) -> bytes:
    """Return the workbook's first font in blue and underlined."""
    first = _first(data, fonts)
    p = first.prefix.encode()
    inner = re.sub(rb"<%s(?:u|color)(?:\s[^>]*)?/>" % p, b"", data[first.inner_start : first.inner_end])
    blue = b'<%scolor rgb="FF0563C1"/>' % p
    # Programs expect the order in which Excel writes them: underline, size, colour, name.
    before, size, after = re.match(rb"(.*?)(<%ssz\s[^>]*/>|\Z)(.*)" % p, inner, re.DOTALL).groups()  # type: ignore[union-attr]
    if not size:
        before, after = b"", inner
    return markup(f"<{first.tag}>") + before + b"<%su/>" % p + size + blue + after + markup(f"</{first.tag}>")


def _first(data: bytes, fonts: Element) -> Element:
    return next(each for each in elements(data, "font") if each.start >= fonts.inner_start)


def _add(data: bytes, element: Element, content: bytes, number: int) -> list[Edit]:
    """Return the edits that add children to a list and update its count."""
    tag = data[element.start : element.inner_start]
    return [
        Edit(element.start, element.inner_start, with_attribute(tag, "count", str(element.children + number))),
        appended(data, element, content),
    ]
