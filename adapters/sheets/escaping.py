"""Text of people in files that a spreadsheet program will open: no formula, nothing illegal in XML."""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?", re.ASCII)
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f]")
"""Controls that XML 1.0 cannot hold, and the carriage return, which it makes a line feed of."""
_NO_CHARACTER = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""What XML cannot hold and the format cannot escape."""
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

    Characters that XML cannot hold are written the way that the format escapes them; lone
    surrogates and noncharacters, which it cannot, become U+FFFD.
    """
    found = _NUMBER.fullmatch(text)
    if found and text != "-0":
        number = float(text) if found[2] else int(text)
        if f"{number:.15g}" == text:
            return number
    safe = _ESCAPED.sub("_x005F_", _NO_CHARACTER.sub("\ufffd", guarded(text)))
    return _ILLEGAL.sub(lambda bad: f"_x{ord(bad[0]):04X}_", safe)
