"""Escaping of untrusted text in files for spreadsheet programs: no formulas, no characters that are illegal in XML."""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?", re.ASCII)
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f]")
"""Control characters that XML 1.0 does not allow, and the carriage return, which it converts to a line feed."""
_BLANK = re.compile(r"\A[ \n]+\Z")
"""Text that XML parsers treat as empty."""
_NO_CHARACTER = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""Characters that XML does not allow and XLSX cannot escape."""
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def escape_formula(text: str) -> str:
    """Return the text with an apostrophe in front if a spreadsheet program would treat it as a formula.

    ``unescape_formula`` removes it. Text that already starts with apostrophes gets one more, so that every text is
    restored exactly.
    """
    return "'" + text if _FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """Return the text without the apostrophe that ``escape_formula`` or a person added in front of a formula."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def cell_value(text: str) -> str | float | int:
    """Return the value for a workbook's cell: numbers as numbers, other text with formulas escaped.

    Characters that XML does not allow, and text that consists of spaces, are escaped as in XLSX. Lone surrogates and
    noncharacters, which cannot be escaped, become U+FFFD.
    """
    found = _NUMBER.fullmatch(text)
    if found and text != "-0":
        number = float(text) if found[2] else int(text)
        if f"{number:.15g}" == text:
            return number
    safe = _ESCAPED.sub("_x005F_", _NO_CHARACTER.sub("\ufffd", escape_formula(text)))
    escaped = _BLANK if _BLANK.match(safe) else _ILLEGAL
    return escaped.sub(_as_code, safe)


def _as_code(found: re.Match[str]) -> str:
    return "".join(f"_x{ord(character):04X}_" for character in found[0])
