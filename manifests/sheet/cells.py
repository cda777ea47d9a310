"""Parsers for the text of a cell. Each raises ValueError with a message that continues after the quoted text."""

import re
import unicodedata
from collections.abc import Callable

PROMPT_LENGTH = 2_000
ID_LENGTH = 120
EXCEL_ERRORS = frozenset(
    (
        "#N/A",
        "#REF!",
        "#VALUE!",
        "#NAME?",
        "#DIV/0!",
        "#NULL!",
        "#NUM!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#GETTING_DATA",
        "#NV",
        "#BEZUG!",
        "#WERT!",
        "#ZAHL!",
    )
)

HARMFUL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters, bidirectional overrides and lone surrogates, which make a text look different from what it is."""
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens, zero-width spaces and byte order marks, which are often copied along with a text."""

_SPLIT = re.compile(r"(?<!\\)\|")
_DECIMAL = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+([.,]0{1,2})?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})+", re.ASCII)
_SECONDS = re.compile(r"\s*(s|sec|secs|second|seconds)\.?$", re.IGNORECASE)


def invalid_reason(text: str) -> str | None:
    """Return why a cell's text is invalid in any column, or None."""
    if text.strip() in EXCEL_ERRORS:
        return "is a spreadsheet error. Fix the formula, or enter the value."
    found = HARMFUL.search(text)
    if found:
        return f"contains an invisible control character (U+{ord(found[0]):04X}). Clear the cell and type it again."
    return None


def clean(text: str) -> str:
    """Return the text in NFC without invisible characters, on one line, with single spaces."""
    visible = INVISIBLE.sub("", text) if not text.isascii() else text
    return " ".join(unicodedata.normalize("NFC", visible).split())


def split(text: str) -> tuple[str, ...]:
    r"""Return the values of a cell: split at ``|``, each cleaned; ``\|`` is a literal bar.

    Raises:
        ValueError: a value is empty.
    """
    if "|" not in text:
        return (clean(text),)
    values = tuple(clean(part) for part in parts(text))
    if not all(values):
        raise ValueError("has an empty value before or after a |. Remove the |, or enter the value.")
    return values


def parts(text: str) -> list[str]:
    """Return the texts between the bars of a cell, as typed."""
    return [part.replace("\\|", "|") for part in _SPLIT.split(text)]


def parse_prompt(text: str) -> str:
    """Accept a prompt of at most PROMPT_LENGTH characters."""
    if len(text) > PROMPT_LENGTH:
        raise ValueError(f"has {len(text):,} characters. Shorten it to at most {PROMPT_LENGTH:,}.")
    return text


def parse_brief_id(text: str) -> str:
    """Accept a name of at most ID_LENGTH characters."""
    if len(text) > ID_LENGTH:
        raise ValueError(f"has {len(text):,} characters. Shorten it to at most {ID_LENGTH}.")
    return text


def parse_text(text: str) -> str:
    """Accept any text."""
    return text


def parse_name(text: str) -> str:
    """Return a name in lower case."""
    return text.lower()


def parse_axes(text: str) -> str:
    """Accept cartesian or zip."""
    if text.lower() not in ("cartesian", "zip"):
        raise ValueError("is not allowed. Use cartesian (every combination) or zip (first with first).")
    return text.lower()


def parse_seconds(text: str) -> float:
    """Accept 0.1 to 600, with ``.`` or ``,`` and optionally a unit such as ``s``."""
    advice = "Enter a number of seconds that the model supports, or leave the cell empty to use the model's default."
    return _decimal(_SECONDS.sub("", text), 0.1, 600, advice)


def parse_adherence(text: str) -> float:
    """Accept -1 to 1."""
    return _decimal(text, -1, 1, "Enter a number from -1 to 1, or leave the cell empty.")


def whole_parser(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Return a parser for whole numbers in an inclusive range."""
    allowed = f"of {lowest} or more" if highest is None else f"from {lowest} to {highest}"

    def parse(text: str) -> int:
        digits = _plain(text)
        if not _WHOLE.fullmatch(digits):
            raise ValueError(f"is not a whole number. Enter a whole number {allowed}.")
        value = int(re.split("[.,]", digits)[0]) if len(digits) < 30 else None
        if value is None or value < lowest or (highest is not None and value > highest):
            raise ValueError(f"is out of range. Enter a whole number {allowed}.")
        return value

    return parse


def _decimal(text: str, lowest: float, highest: float, advice: str) -> float:
    digits = _plain(text)
    if _THOUSANDS.fullmatch(digits):
        raise ValueError(f"is ambiguous: its separator could mean thousands or decimals. {advice}")
    if len(digits) >= 30 or not _DECIMAL.fullmatch(digits):
        raise ValueError(f"is not a number. {advice}")
    value = float(digits.replace(",", "."))
    if not lowest <= value <= highest:
        raise ValueError(f"is out of range. {advice}")
    return value


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip()
