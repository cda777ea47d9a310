"""How odd a text looks if its encoding was guessed wrong.

A wrong encoding gives capitals after small letters (``cafÉ``), currency signs inside words (``m€gkij``), letters of two
scripts in one word (``cafй``) and control characters. These rules need no knowledge of a language.
"""

import re
import unicodedata
from functools import lru_cache

_SCRIPTS = {
    "LATIN": "latin",
    "CYRILLIC": "cyrillic",
    "GREEK": "greek",
    "HEBREW": "hebrew",
    "ARABIC": "arabic",
    "HANGUL": "hangul",
    "CJK": "han",
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "HALFWIDTH": "halfwidth",
}
_ALPHABETS = {"latin", "cyrillic", "greek", "hebrew", "arabic"}
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u00ad\u2060\ufeff"
_MARKS = "¿¡§¶†‡•…‰·"
"""Punctuation that is as odd inside a word as a symbol."""
_LETTERLIKE = "ƒˆ˜ˇﬁﬂ"
_HARDLY_USED = "¤¦¬¨¸´¯ˇ˘˙˛˝‡\uf8ff"
_AFTER_WORDS = "®™©…°‰²³"
_BEFORE_WORDS = "©•°…§¶€£$"
_IN_WORDS = "’‐‑"
_ONE_LETTER_WORDS = "àáéèíìóòöåøőįýÀÁÉÈÍÌÓÒÖÅØŐĮÝæÆªºµ"
_USUAL_SYMBOLS = re.compile(
    r"[€£¢](?=[\s\d;,/.)]|$)|[©®™°…–—±×÷²³•]|§(?=\s?\d)|¥(?=\d)|(?<=\d)\s?¥|[½¾]|(?<!\d)¼|(?<=\d)[ªº]"
    r"|[“„«‘](?=\w[^“„«‘]*[”“»’])|(?<=[\w.!?])[”“»’](?!\w)|¡(?=[^¡\n]*!)|¿(?=[^¿\n]*\?)"
    r"|(?:(?<=\bit)|(?<=\bhe)|(?<=\bwe)|(?<=[a-z]{3})|(?<=n)(?=.t))’(?:s|t|re|ll|ve|d|m)\b"
    r"|\b(?:[dljnscm]|qu)’(?=[aeiouhyàâéèê]\w\w|or\b|un\b)"
    r"|(?<!\w)’(?:\d\ds?\b|tis\b|twas\b|til\b|n\b)",
    re.IGNORECASE,
)
"""Symbols and punctuation that people type, in the places where they stand."""


def has_only_usual_symbols(text: str) -> bool:
    """Return whether everything beyond ASCII is a usual symbol or punctuation mark in a usual place."""
    return _USUAL_SYMBOLS.sub("", text).isascii()


def oddities(text: str) -> float:
    """Return how many places of a text look as if its encoding was guessed wrong."""
    padded = f" {text} "
    return sum(
        _oddity(padded[place - 1], character, padded[place + 1])
        for place, character in enumerate(padded)
        if not character.isascii()
    )


@lru_cache(maxsize=50_000)
def _oddity(before: str, character: str, after: str) -> float:
    category = unicodedata.category(character)
    if category[0] == "C":
        return 0 if character in _INVISIBLE else 3
    if category[0] in "LM":
        return _odd_letter(before, character, after, category)
    if character == "·":
        return 0 if before in "lL" and after in "lL" else 1  # Catalan: col·lecció
    if character in "–—":
        return 0.5 if before.isalpha() and after.isalpha() else 0
    if character == "‚":
        return 1 if before.isalpha() else 0
    if category[0] in "SN" or character in _MARKS:
        return _odd_symbol(before, character, after)
    return 1 if before.isalpha() and after.isalpha() and character not in _IN_WORDS else 0


def _odd_letter(before: str, character: str, after: str, category: str) -> float:
    odd = 0.0
    if category == "Lu" and before.islower():
        odd += 1
    if category == "Lu" and before.isupper() and after.islower():
        odd += 0.5
    if category != "Lu" and after.isupper() and _script(character) in ("latin", "cyrillic", "greek"):
        odd += 1
    odd += sum(_mixed(_script(character), _script(other)) for other in (before, after) if other.isalpha())
    if category == "Mn" and not before.isalpha() and unicodedata.category(before) != "Mn":
        odd += 2
    if character in "ªº" and after.isalpha():
        odd += 1
    odd += 0.5 * _stands_alone(before, character, after)
    return odd + (character in _LETTERLIKE)


def _stands_alone(before: str, character: str, after: str) -> bool:
    """Return whether a letter is alone like ``Ä`` in ``19 Ä`` although it is not a word in any language."""
    if before.isalpha() or after.isalpha() or (_script(character) != "latin" and character != "Ω"):
        return False
    return character not in _ONE_LETTER_WORDS or ((before.isdigit() or after.isdigit()) and character not in "ªºµ")


def _mixed(one: str, other: str) -> bool:
    """Return whether letters of two scripts do not stand side by side in any language; ``3D红色`` is usual."""
    if not one or not other or one == other:
        return False
    pair = {one, other}
    return bool(pair & (_ALPHABETS - {"latin"})) or "halfwidth" in pair or ("hangul" in pair and "latin" not in pair)


def _odd_symbol(before: str, character: str, after: str) -> float:
    odd = 1.0 if character in _HARDLY_USED else 0.0
    if unicodedata.name(character, "").startswith(("BOX DRAWINGS", "BLOCK", "LIGHT SHADE", "DARK SHADE")):
        odd += 2
    if character in "¿¡":
        return odd + before.isalnum()
    if before.isalpha():
        return odd + (character not in _AFTER_WORDS or after.isalpha())
    return odd + (after.isalpha() and character not in _BEFORE_WORDS)


@lru_cache(maxsize=50_000)
def _script(character: str) -> str:
    return _SCRIPTS.get(unicodedata.name(character, "").split(" ")[0].split("-")[0], "")
