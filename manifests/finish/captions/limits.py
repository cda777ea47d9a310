"""How fast and how wide captions may be, by language."""

import unicodedata
from typing import NamedTuple

from manifests.finish.texts.languages import primary


class CaptionLimits(NamedTuple):
    """Limits of a language.

    Attributes:
        chars_per_s: fastest reading speed, in characters per second, spaces included.
        chars_per_line: longest line, in characters; in East Asian languages, Latin letters count half.
    """

    chars_per_s: float
    chars_per_line: int


MAX_LINES = 2
MIN_S, MAX_S = 0.8, 7.0
"""Shortest and longest time of a cue in seconds. The guides below ask for 5/6 s to 7 s."""
_DEFAULT = CaptionLimits(17, 42)
_LIMITS = {
    "en": CaptionLimits(20, 42),
    "ar": CaptionLimits(20, 42),
    "hi": CaptionLimits(20, 42),
    "zh": CaptionLimits(11, 16),
    "yue": CaptionLimits(11, 16),
    "cmn": CaptionLimits(11, 16),
    "ko": CaptionLimits(12, 16),
    # The guide asks for 4 a second in translated dialogue of films, which hardly any advertisement keeps.
    "ja": CaptionLimits(11, 16),
    "th": CaptionLimits(17, 35),
}
"""After Netflix's Timed Text Style Guides: https://partnerhelp.netflixstudios.com/hc/en-us/articles/215758617 and the
guides of the languages, as summed up at https://sublingo.cc/guides/subtitle-specs-by-language (read December 2026)."""
EAST_ASIAN = frozenset(("zh", "yue", "cmn", "ja", "ko"))
SPACELESS = frozenset(("zh", "yue", "cmn", "ja", "th", "lo", "km", "my"))
"""Languages that do not put spaces between words."""


def limits_of(language: str) -> CaptionLimits:
    """Return the limits of a language tag; those of most European languages for one that is not listed."""
    return _LIMITS.get(primary(language), _DEFAULT)


def width_of(text: str, language: str = "") -> float:
    """Return the length of a text in characters that a reader sees; combining marks count nothing."""
    halves = primary(language) in EAST_ASIAN
    return sum(_width(character, halves) for character in text)


def _width(character: str, halves: bool) -> float:
    if character == "\n" or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    if halves and unicodedata.east_asian_width(character) not in ("W", "F", "A"):
        return 0.5
    return 1.0
