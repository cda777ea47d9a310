"""Text in pictures: characters that a font cannot draw are transliterated, so that nobody sees boxes."""

import unicodedata
from collections.abc import Callable
from functools import lru_cache

from anyascii import anyascii
from PIL import ImageFont

_NO_CHARACTER = "\uffff"
_UNSEEN = ("Cf", "Mn", "Me", "Cc")
"""Categories of characters without a picture of their own, such as joiners and variation selectors."""


def drawable(text: str, font: ImageFont.FreeTypeFont) -> str:
    """Return text that the font can draw: ``红色`` becomes ``HongSe``, and an emoji becomes its name, ``:fire:``."""
    has = _coverage(font)
    return "".join(
        character if has(character) else _transliterated(character) for character in unicodedata.normalize("NFC", text)
    )


def _transliterated(character: str) -> str:
    return "" if unicodedata.category(character) in _UNSEEN else anyascii(character) or "?"


def _coverage(font: ImageFont.FreeTypeFont) -> Callable[[str], bool]:
    """Return a function that says whether the font has a glyph for a character.

    Pillow does not expose a font's character map, so the picture is compared with that of a missing character.
    """
    missing = _picture(font, _NO_CHARACTER)

    @lru_cache(4096)
    def has(character: str) -> bool:
        if character in " \n":  # a space has no picture; others, such as the no-break space, may be boxes
            return True
        return unicodedata.category(character) not in _UNSEEN and _picture(font, character) != missing

    return has


def _picture(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)


def shortened(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Return the text, or as much of its beginning as fits in a width in pixels, followed by dots."""
    if font.getlength(text) <= width:
        return text
    end = len(text)
    while end and font.getlength(text[:end].rstrip() + "...") > width:
        end -= 1
    return text[:end].rstrip() + "..."


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: float, lines: int) -> list[str]:
    """Return the text in at most so many lines of a width in pixels; text that does not fit ends with dots."""
    found: list[str] = []
    left = " ".join(text.split())
    while left and len(found) < lines - 1:
        words = left.split(" ")
        fitting = next(n for n in range(len(words), 0, -1) if n == 1 or font.getlength(" ".join(words[:n])) <= width)
        line = " ".join(words[:fitting])
        if font.getlength(line) > width:  # one long word: it is broken
            end = next(n for n in range(len(line), 0, -1) if n == 1 or font.getlength(line[:n]) <= width)
            found.append(line[:end])
            left = left[end:].lstrip()
        else:
            found.append(line)
            left = " ".join(words[fitting:])
    return [*found, shortened(left, font, width)] if left else found
