"""Titles and keywords of stock clips: cleaned texts of the sheet, or words of the prompt."""

import re
import unicodedata
from collections.abc import Iterable

_COMMAS = re.compile("[,，、؛،;]")
_SEPARATORS = re.compile(r"[,，、،;؛|\n]")
_LEADING = re.compile(r"^[\s=+\-@'\"*#.:!?]+")
"""Signs at the start of a text with which formulas begin in spreadsheet programs, or that are not part of a title."""
_WORD = re.compile(r"[^\W\d_][^\W_'’-]*(?:['’-][^\W_]+)*")
_KEPT = ("L", "M", "N", "P", "Z", "Sc", "Sm")
"""Unicode categories of visible text; emoji, control characters and other symbols are left out."""
_SHORTEST = 3
_STOP_WORDS = """
the and for with from into over under onto off out near very its his her their this that these those are was
were has have had not but you your our one two three while where when which who whose what there here then
than also slow slowly shot view scene video clip footage cinematic camera
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words of prompts that say nothing about what is seen."""


def clean_text(text: str) -> str:
    """Return a text without emoji, control characters and repeated spaces."""
    visible = "".join(sign if _is_kept(sign) else " " for sign in unicodedata.normalize("NFC", text))
    return " ".join(visible.split())


def title_of(text: str, longest: int) -> str:
    """Return a title without commas, cut between words; empty if nothing is left."""
    plain = _LEADING.sub("", clean_text(_COMMAS.sub(" ", text)))
    if len(plain) > longest:
        cut = plain[: longest + 1]
        plain = cut[: cut.rindex(" ")] if " " in cut else cut[:longest]
    return plain.rstrip(" .-–—:;")


def keywords_of(texts: Iterable[str], most: int) -> tuple[str, ...]:
    """Return the keywords of texts that are separated by commas, semicolons, ``|`` or lines, each once."""
    parts = (part for text in texts for part in _SEPARATORS.split(text))
    found = dict[str, str]()
    for part in parts:
        if word := _LEADING.sub("", clean_text(part)):
            found.setdefault(word.casefold(), word)
    return tuple(found.values())[:most]


def words_of_prompt(prompt: str, most: int) -> tuple[str, ...]:
    """Return the words of a prompt that can be keywords, in lower case and in their order."""
    words = (word.lower() for word in _WORD.findall(clean_text(prompt)))
    kept = [word for word in words if len(word) >= _SHORTEST and word not in STOP_WORDS]
    return tuple(dict.fromkeys(kept))[:most]


def _is_kept(sign: str) -> bool:
    return unicodedata.category(sign).startswith(_KEPT)
