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

HARMFUL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202d\u202e\ud800-\udfff\ufffe\uffff]")
"""Control characters, bidirectional overrides and lone surrogates, which make a text look different from what it is."""
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens, zero-width spaces and byte order marks, which are often copied along with a text."""
DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]")
"""Direction marks, embeddings and isolates: right-to-left text needs them, and programs put them around numbers."""
_ISOLATE = re.compile("[\u202a-\u202c\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")

ANY = frozenset(
    ("auto", "automatic", "random", "rand", "rnd", "any", "none", "default", "zufällig", "zufall", "*", "?")
)
"""Words with which people leave a number to the program."""

_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_OPENING = {closing: opening for opening, closing in _CLOSING.items()}
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


SOFT_HYPHEN = "\u00ad"
"""Where a long word may be broken: finish templates draw a hyphen there if the word is wider than its line."""


def has_invisible(text: str, *, hyphens: bool = False) -> bool:
    """Return whether ``clean`` removes invisible characters from a text; with ``hyphens``, soft hyphens are not."""
    text = text.replace(SOFT_HYPHEN, "") if hyphens else text
    return not text.isascii() and bool(INVISIBLE.search(text) or _stray_isolates(text))


def _stray_isolates(text: str) -> bool:
    """Return whether a text has isolates without any right-to-left letter that would need them."""
    return bool(_ISOLATE.search(text)) and not _RIGHT_TO_LEFT.search(text)


def without_direction(text: str) -> str:
    """Return the text without direction marks, for columns whose values are no text: numbers, ratios, names."""
    return text if text.isascii() else DIRECTION.sub("", text)


def clean(text: str, *, hyphens: bool = False) -> str:
    """Return the text in NFC without invisible characters, on one line, with single spaces.

    Args:
        hyphens: keep soft hyphens.
    """
    visible = text
    if not text.isascii():
        visible = INVISIBLE.sub(lambda found: found[0] if hyphens and found[0] == SOFT_HYPHEN else "", text)
        visible = _ISOLATE.sub("", visible) if _stray_isolates(visible) else visible
    return " ".join(unicodedata.normalize("NFC", visible).split())


def split(text: str, *, hyphens: bool = False) -> tuple[str, ...]:
    r"""Return the values of a cell: split at ``|`` outside brackets, each cleaned; ``\|`` is a literal bar.

    Args:
        hyphens: keep soft hyphens.

    Raises:
        ValueError: a value is empty.
    """
    if "|" not in text:
        return (clean(text, hyphens=hyphens),)
    values = tuple(clean(part, hyphens=hyphens) for part in parts(text))
    if not all(values):
        raise ValueError("has an empty value before or after a |. Remove the |, or enter the value.")
    return values


def parts(text: str) -> list[str]:
    """Return the texts between the bars of a cell that are outside brackets, as typed."""
    spans = bracketed(text) if "|" in text else []
    found, start = [], 0
    for place, character in enumerate(text):
        if character == "|" and not _is_escaped(text, place) and not any(low < place < high for low, high in spans):
            found.append(text[start:place])
            start = place + 1
    return [part.replace("\\|", "|") for part in (*found, text[start:])]


def bracketed(text: str) -> list[tuple[int, int]]:
    """Return the places of the outermost matching brackets of a text, in order; unmatched brackets are text."""
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    for place, character in enumerate(text):
        if _is_escaped(text, place):
            continue
        if character in _CLOSING and (character != "<" or text[place + 1 : place + 2].strip()):
            opened.append(place)
        elif character in _OPENING:
            match = next((n for n in reversed(range(len(opened))) if text[opened[n]] == _OPENING[character]), None)
            if match is not None:
                spans = [span for span in spans if span[0] < opened[match]]
                spans.append((opened[match], place))
                del opened[match:]
    return spans


def _is_escaped(text: str, place: int) -> bool:
    return place > 0 and text[place - 1] == "\\"


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
    """Accept cartesian, pairwise or zip."""
    if text.lower() not in ("cartesian", "pairwise", "zip"):
        raise ValueError(
            "is not allowed. Use cartesian (every combination), zip (first with first) or pairwise (every pair of "
            "values)."
        )
    return text.lower()


def parse_want_scope(text: str) -> str:
    """Accept combination or brief."""
    if text.lower() not in ("combination", "brief"):
        raise ValueError("is not allowed. Use combination (each combination of the row) or brief (the whole row).")
    return text.lower()


def parse_seconds(text: str) -> float:
    """Accept 0.1 to 600, with ``.`` or ``,`` and optionally a unit such as ``s``."""
    advice = "Enter a number of seconds that the model supports, or leave the cell empty to use the model's default."
    return _decimal(_SECONDS.sub("", text), 0.1, 600, advice)


def parse_adherence(text: str) -> float:
    """Accept -1 to 1, also as a percentage: 25% is 0.25."""
    advice = "Enter a number from -1 to 1, for example 0.25, or leave the cell empty."
    if text.endswith(("%", "٪")):
        return round(_decimal(text[:-1], -100, 100, advice) / 100, 9)
    try:
        return _decimal(text, -1, 1, advice)
    except ValueError as error:
        digits = _plain(text).replace(",", ".")
        if not re.fullmatch(r"\d{1,2}(\.\d+)?|100", digits, re.ASCII) or not 1 < float(digits) <= 100:
            raise
        raise ValueError(f"{error} For {digits} percent, enter {digits}% or {float(digits) / 100:g}.") from None


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
