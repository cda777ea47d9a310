"""Text of people in files that a spreadsheet program will open: no formula, nothing illegal in XML."""

import re

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?", re.ASCII)
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def guarded(text: str) -> str:
    """Return the text with an apostrophe before what a program would take for a formula.

    ``unguarded`` takes it off again; text that has apostrophes there already gets one more, so
    that every text comes back as it was.
    """
    return "'" + text if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Return the text without the apostrophe that ``guarded`` or a person put before a formula."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def cell_value(text: str) -> str | float | int:
    """Return what to write into a workbook's cell: numbers as numbers, other text guarded.

    Characters that XML cannot hold are written the way that the format escapes them.
    """
    found = _NUMBER.fullmatch(text)
    if found and text != "-0":
        number = float(text) if found[2] else int(text)
        if f"{number:.15g}" == text:
            return number
    safe = _ESCAPED.sub("_x005F_", guarded(text))
    return ILLEGAL_CHARACTERS_RE.sub(lambda bad: f"_x{ord(bad[0]):04X}_", safe).replace("\r", "_x000D_")
