"""Text of another script that is short enough to be read as a row of accented letters or symbols.

``東京`` in Shift-JIS reads ``ìåãû`` in Mac Roman. Statistics say little about a few bytes, but no Latin text has words
without a single ASCII letter, while the same bytes are a usual word in the other encoding.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

LATIN = frozenset(
    (
        "cp1252",
        "cp1250",
        "cp1254",
        "cp1257",
        "cp1258",
        "mac-roman",
        "mac-latin2",
        "mac-turkish",
        "cp437",
        "cp850",
        "cp852",
        "cp857",
        "iso8859-2",
        "iso8859-13",
        "iso8859-15",
    )
)
"""Codecs of encodings for languages that are written with Latin letters."""
_ALPHABETS = ("CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI")
_COMMON: Mapping[str, tuple[str, Iterable[int]]] = {
    "gb18030": ("gb2312", range(0xB0, 0xD8)),
    "big5hkscs": ("big5", range(0xA4, 0xC7)),
    "cp932": ("euc_jp", (0x8E, 0xA4, 0xA5, *range(0xB0, 0xD0))),
    "euc_jis_2004": ("euc_jp", (0xA4, 0xA5, *range(0xB0, 0xD0))),
    "cp949": ("euc_kr", range(0xB0, 0xC9)),
}
"""The national character set of each multibyte codec, and the first bytes of its most common characters."""
_RUN = re.compile(r"[^\x00-\x7f]{3,}")
_WORD = re.compile(r"[^\W\d_]+")
_OPENING, _CLOSING = "“„«‘¿¡\xa0", "”“»’…™®–—€\xa0"
_LONG_RUN = 4
_MOSTLY = 0.5
"""Share of the characters beyond ASCII that must be in such runs."""


def is_doubtful(text: str) -> bool:
    """Return whether most accented letters and symbols of a Latin text are in runs without ASCII letters."""
    number = sum(not character.isascii() for character in text)
    return sum(_odd_length(text, found) for found in _RUN.finditer(text)) > _MOSTLY * number


def _odd_length(text: str, found: re.Match[str]) -> int:
    run = found[0].lstrip(_OPENING).rstrip(_CLOSING)
    around = text[found.start() - 1 : found.start()] + text[found.end() : found.end() + 1]
    is_whole = not any(character.isalnum() for character in around)
    is_odd = len(set(run)) > 1 and len(run) >= (3 if is_whole else _LONG_RUN)
    return len(found[0]) if is_odd else 0


def is_usual(text: str, codec: str) -> bool:
    """Return whether the characters beyond ASCII are common ones of the encoding's languages, in usual words."""
    beyond = [character for character in text if not character.isascii() and character.isprintable()]
    if not beyond or codec in LATIN:
        return False
    if codec in _COMMON:
        common = [_is_common(character, *_COMMON[codec]) for character in beyond if character.isalpha()]
        return sum(common) >= max(1, _MOSTLY * len(common))
    words = [word for word in _WORD.findall(_without_marks(text)) if not word.isascii()]
    scripts = {unicodedata.name(character, "").split(" ")[0] for word in words for character in word}
    letters = sum(map(len, words))
    return (
        len(scripts) == 1
        and scripts <= set(_ALPHABETS)
        and letters >= 3 * len(words)
        and letters >= _MOSTLY * len(beyond)
        and all(word.islower() or word.istitle() or word.isupper() or not _has_case(word) for word in words)
    )


def _is_common(character: str, charset: str, first: Iterable[int]) -> bool:
    try:
        return character.encode(charset)[0] in first
    except UnicodeEncodeError:
        return False


def _without_marks(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character) != "Mn")


def _has_case(word: str) -> bool:
    return word.lower() != word.upper()
