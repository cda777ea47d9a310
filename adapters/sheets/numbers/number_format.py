"""Number formats: a number as the text that its format shows, such as 50%, $19.90, 00042 or 24 Dec 2026."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from adapters.sheets.numbers.date_format import render_date
from adapters.sheets.numbers.digits import render_digits

GENERAL = "General"
REGION = "[$-F800]"
"""Marks formats whose order of day, month and year follows the settings of each computer."""
BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: '"$"#,##0_);("$"#,##0)',
    6: '"$"#,##0_);("$"#,##0)',
    7: '"$"#,##0.00_);("$"#,##0.00)',
    8: '"$"#,##0.00_);("$"#,##0.00)',
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: f"{REGION}yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: f"{REGION}yyyy-mm-dd h:mm",
    **dict.fromkeys((27, 28, 29, 30, 31, 34, 35, 36, *range(50, 59)), f"{REGION}yyyy-mm-dd"),
    **dict.fromkeys((32, 33), "h:mm:ss"),
    37: "#,##0_);(#,##0)",
    38: "#,##0_);(#,##0)",
    39: "#,##0.00_);(#,##0.00)",
    40: "#,##0.00_);(#,##0.00)",
    41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)',
    42: '_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}
"""The codes of ECMA-376, part 1, 18.8.30, as Excel shows them in the United States; dates without a fixed order are
shown as 2026-12-24. Codes that a file defines itself take precedence.
"""
_LONGEST = 255
"""Excel's limit for the length of a code."""
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]|'
    r"(?P<general>General)|(?P<half>AM/PM|A/P)|(?P<exponent>E[+-])|(?P<date>y+|m+|d+|h+|s+|e+|g+|b+)|(?P<digit>[0#?])|"
    r"(?P<mark>[.,%/@])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"\s*(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d*)?(?:E[+-]?\d+)?)\s*", re.IGNORECASE)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)


class Token(NamedTuple):
    """A part of a format: its kind and its text.

    Attributes:
        kind: ``text``, ``general``, ``half``, ``exponent``, ``date``, ``elapsed``, ``digit`` or ``mark``.
    """

    kind: str
    text: str


class Section(NamedTuple):
    """One of the parts of a format that are separated by semicolons.

    Attributes:
        condition: operator and number, such as ``(">", 100.0)``; None if there is none.
        language: number or name of the language of names of months and days; empty for English.
        kinds: the kinds of the tokens.
        is_date: whether it shows a date, a time or a duration.
        is_text: whether it is for texts.
    """

    tokens: tuple[Token, ...]
    condition: tuple[str, float] | None
    language: str
    kinds: frozenset[str]
    is_date: bool
    is_text: bool


def plain(value: float) -> str:
    """Return a number as the format General shows it in a wide cell: 99, 0.5, 1.23456789012346e+19."""
    return f"{value:.15g}"


@lru_cache(maxsize=1_000)
def is_date(code: str) -> bool:
    """Return whether a format shows a date, a time or a duration."""
    return any(section.is_date for section in sections_of(code)[:1])


@lru_cache(maxsize=1_000)
def is_duration(code: str) -> bool:
    """Return whether a format counts hours, minutes or seconds beyond a day, such as [h]:mm."""
    return any("elapsed" in section.kinds for section in sections_of(code)[:1])


@lru_cache(maxsize=1_000)
def follows_region(code: str) -> bool:
    """Return whether a format's order of day, month and year follows the settings of each computer."""
    return REGION in code.upper() or "[$-x-sysdate]" in code.lower()


@lru_cache(maxsize=10_000)
def render(value: float, code: str) -> str:
    """Return a number as its format shows it; if the format cannot be used, as General does."""
    if code == GENERAL or not code or len(code) > _LONGEST:
        return plain(value)
    try:
        shown = _render(value, sections_of(code), follows_region(code))
    except (ValueError, ArithmeticError, LookupError):
        shown = None
    return plain(value) if shown is None else shown.strip()


def render_text(text: str, code: str) -> str:
    """Return a text as its format shows it; only a section with @ changes texts."""
    found = [section for section in sections_of(code) if section.is_text]
    if not found or len(code) > _LONGEST:
        return text
    return "".join(text if token == Token("mark", "@") else token.text for token in found[-1].tokens).strip()


@lru_cache(maxsize=1_000)
def changes_texts(code: str) -> bool:
    """Return whether a format adds something to texts."""
    return any(
        section.is_text and any(token.kind == "text" and token.text.strip() for token in section.tokens)
        for section in sections_of(code)
    )


@lru_cache(maxsize=1_000)
def _numeric(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """Return the sections that are for numbers."""
    return tuple(section for section in sections if not section.is_text)[:3] or sections[:1]


def _render(value: float, sections: tuple[Section, ...], region: bool) -> str | None:
    section, sign = _chosen(value, _numeric(sections))
    if section is None:
        return None
    if not section.tokens:
        return ""
    if section.is_text:
        return "".join(plain(value) if token == Token("mark", "@") else token.text for token in section.tokens)
    if section.is_date:
        return render_date(value, _iso(section) if region else section.tokens, section.language)
    if "general" in section.kinds:
        number = plain(abs(value))
        return sign + "".join(number if token.kind == "general" else token.text for token in section.tokens)
    return render_digits(abs(value), section.tokens, sign)


def _chosen(value: float, sections: Sequence[Section]) -> tuple[Section | None, str]:
    """Return the section for a value and the sign to show before its absolute value."""
    sign = "-" if value < 0 else ""
    if any(section.condition for section in sections):
        return _conditional(value, sections, sign)
    if len(sections) == 1:
        return sections[0], sign
    if value < 0:
        return sections[1], ""
    return sections[2 if value == 0 and len(sections) > 2 else 0], ""


def _conditional(value: float, sections: Sequence[Section], sign: str) -> tuple[Section | None, str]:
    for index, section in enumerate(sections):
        condition = section.condition or _default_condition(index, sections)
        if condition is None or _holds(value, *condition):
            hides_sign = index == 1 or (index == 0 and section.condition is not None)  # as Excel does
            return section, "" if hides_sign else sign
    return None, sign


def _default_condition(index: int, sections: Sequence[Section]) -> tuple[str, float] | None:
    """Return what a section without a condition of its own is for: the second one of three is for negative numbers."""
    if index == 0:
        return (">", 0.0)
    return ("<", 0.0) if index == 1 and len(sections) > 2 else None


def _holds(value: float, operator: str, limit: float) -> bool:
    return {
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
        "=": value == limit,
        "<>": value != limit,
    }[operator]


@lru_cache(maxsize=1_000)
def sections_of(code: str) -> tuple[Section, ...]:
    """Split a code into its sections."""
    return tuple(_section(text) for text in _split(code[:_LONGEST])[:4])


def _split(code: str) -> list[str]:
    """Split at semicolons that are neither quoted nor escaped."""
    parts = [""]
    for found in re.finditer(r'"[^"]*"?|\\.|\[[^\]]*\]|.', code, re.DOTALL):
        if found[0] == ";":
            parts.append("")
        else:
            parts[-1] += found[0]
    return parts


def _section(text: str) -> Section:
    tokens: list[Token] = []
    condition, language = None, ""
    for found in _TOKEN.finditer(text):
        kind = str(found.lastgroup)
        word = found[kind]
        if kind == "bracket":
            token, condition, language = _bracket(word, condition, language)
            tokens += [token] if token else []
        else:
            tokens.append(_token(kind, word))
    typed = _typed(tokens)
    kinds = frozenset(token.kind for token in typed)
    is_date = bool(kinds & {"date", "elapsed", "half"})
    return Section(typed, condition, language, kinds, is_date, Token("mark", "@") in typed)


def _token(kind: str, word: str) -> Token:
    if kind == "space":
        return Token("text", " ")
    if kind == "fill":
        return Token("text", " " if word == " " else "")
    return Token("text" if kind in ("quoted", "escaped", "other") else kind, word)


def _bracket(
    word: str, condition: tuple[str, float] | None, language: str
) -> tuple[Token | None, tuple[str, float] | None, str]:
    """Return the token, condition and language of a text in brackets; colours and the like have no effect."""
    if word.startswith("$"):
        currency, _, locale = word[1:].partition("-")
        return Token("text", currency), condition, locale or language
    if _ELAPSED.fullmatch(word):
        return Token("elapsed", word.lower()), condition, language
    found = _CONDITION.fullmatch(word)
    return None, (found[1], float(found[2])) if found else condition, language


def _typed(tokens: list[Token]) -> tuple[Token, ...]:
    """Make letters in a format with digits texts: some programs write 0 pcs without quotes, and s means seconds."""
    is_number = any(
        token.kind == "digit" and (token.text in "#?" or not _is_fraction_of_seconds(tokens, index))
        for index, token in enumerate(tokens)
    )
    if not is_number:
        return tuple(tokens)
    return tuple(Token("text", token.text) if token.kind in ("date", "half", "elapsed") else token for token in tokens)


def _is_fraction_of_seconds(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the digits up to this one follow seconds and a decimal point, as in ss.00."""
    while index and tokens[index].kind == "digit":
        index -= 1
    before = tokens[index - 1] if index else Token("text", "")
    return tokens[index].text in ".," and before.kind in ("date", "elapsed") and before.text[:1] in "sS"


def _iso(section: Section) -> tuple[Token, ...]:
    """Return the tokens of a date without a fixed order: 2026-12-24, with the hours and minutes if it shows them."""
    words = {token.text[0].lower() for token in section.tokens if token.kind in ("date", "elapsed")}
    code = "yyyy\\-mm\\-dd" if words & set("yd") else ""
    if "h" in words:
        code += " h:mm" if code else "h:mm"
    return sections_of(code)[0].tokens
