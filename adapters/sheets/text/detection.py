"""Detection of an encoding that is not marked in the file.

chardet ranks the encodings by the languages of the text; ``plausibility`` adds how odd the text looks in each of them.
How well this works was measured: see docs/decisions/0044-encodings-are-detected-or-asked-for.md.
"""

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from adapters.sheets.text.encodings import BY_CODEC, DETECTED, Encoding
from adapters.sheets.text.other_scripts import LATIN, is_doubtful, is_usual
from adapters.sheets.text.plausibility import has_only_usual_symbols, oddities

_LOOKED_AT = 20_000
"""Number of bytes that are looked at, in lines with bytes beyond ASCII."""
_RIVAL = 0.8
"""An encoding is a rival of the best one if its score is at least this share of the best score."""
_TOO_ODD = 0.15
"""A text with more oddities than this per byte beyond ASCII is no text in this encoding."""
_FEW = 0.05
"""Share of the lines that may be damaged; one line may be in any case."""
_MULTIBYTE = {"gb18030", "big5hkscs", "cp932", "euc_jis_2004", "cp949"}
_MANY_LINES, _VERY_MANY_LINES = 3, 20
"""Number of lines from which one can be damaged: in a multibyte encoding, which hardly ever fits by chance, and in
others, where a byte without a meaning more likely shows that the text is in another encoding.
"""
_OTHERS = 2
"""Number of encodings of other scripts that are put before a doubtful Latin reading."""
_USUAL_SYMBOLS = 1.3
"""How much better than other Latin readings Windows-1252 is if it has only usual symbols in usual places."""
_LINE_ENDS = re.compile(rb"[\r\n]+")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff\x1b]")


class Guess(NamedTuple):
    """A text in one of the encodings that fit its bytes."""

    score: float
    oddity: float
    encoding: Encoding
    text: str


def detect(data: bytes) -> list[Encoding]:
    """Return the encodings in which the bytes are plausible text, the best one first.

    There is more than one only if their texts differ and none of them is clearly better than the others; there is none
    if the bytes are no text in any encoding.
    """
    lines = list(dict.fromkeys(line for line in _LINE_ENDS.split(data) if _BEYOND_ASCII.search(line)))
    if despite := _despite_damage(lines):
        return despite
    guesses = _guesses(_first(lines))
    return _with_other_scripts(_rivals(guesses), guesses)


def _with_other_scripts(found: list[Encoding], guesses: list[Guess]) -> list[Encoding]:
    """Put encodings of other scripts first if the best reading is Latin and has no usual word, but theirs have."""
    if not found or found[0].codec not in LATIN:
        return found
    best = next(guess for guess in guesses if guess.encoding == found[0])
    if not is_doubtful(best.text):
        return found
    others = [each.encoding for each in guesses if each.oddity == 0 and is_usual(each.text, each.encoding.codec)]
    # The wrong Latin reading stays in the list, so that there are always two to choose from.
    return [*others[:_OTHERS], *(each for each in found if each not in others)]


def _despite_damage(lines: list[bytes]) -> list[Encoding]:
    """Return the encoding that fits all lines except for a few and is clearly the best one for the others.

    Without this, one damaged byte in a Chinese text would leave only encodings in which every byte is a letter.
    """
    allowed = max(1, len(lines) * _FEW)
    for encoding in DETECTED:
        if len(lines) < (_MANY_LINES if encoding.codec in _MULTIBYTE else _VERY_MANY_LINES):
            continue
        good = [line for line in lines if _decodes(line, encoding.codec)]
        if 0 < len(lines) - len(good) <= allowed and _rivals(_guesses(_first(good))) == [encoding]:
            return [encoding]
    return []


def _guesses(data: bytes) -> list[Guess]:
    """Return the different texts that the bytes can be, the best one first."""
    from chardet import detect_all  # loaded only for text that is not in UTF-8

    if not data:
        return []
    number = len(_BEYOND_ASCII.findall(data))
    guesses: dict[str, Guess] = {}
    for found in detect_all(data, ignore_threshold=True, compat_names=False, include_encodings=BY_CODEC):
        encoding = BY_CODEC.get(found["encoding"] or "")
        if encoding and _decodes(data, encoding.codec):
            text = data.decode(encoding.codec)
            odd = oddities(text)
            score = found["confidence"] * encoding.weight * max(0.02, 1 - 3 * odd / number) * 0.8 ** min(4, odd)
            other = guesses.get(text) or Guess(score, odd / number, encoding, text)
            usual = min(encoding, other.encoding, key=DETECTED.index)
            guesses[text] = other._replace(score=max(score, other.score), encoding=usual)
    return sorted(_with_usual_symbols(guesses.values()), key=lambda guess: -guess.score)


def _with_usual_symbols(guesses: Collection[Guess]) -> list[Guess]:
    """Prefer Windows-1252 to other Latin readings if it has only symbols that people type, such as ``19 €``."""
    latin = max((guess.score for guess in guesses if guess.encoding.codec in LATIN), default=0)
    return [
        guess._replace(score=max(guess.score, _USUAL_SYMBOLS * latin))
        if guess.encoding.codec == "cp1252" and guess.oddity == 0 and has_only_usual_symbols(guess.text)
        else guess
        for guess in guesses
    ]


def _rivals(guesses: list[Guess]) -> list[Encoding]:
    plausible = [guess for guess in guesses if guess.oddity <= _TOO_ODD and guess.score > 0]
    return [each.encoding for each in plausible if each.score >= _RIVAL * plausible[0].score]


def _first(lines: Iterable[bytes]) -> bytes:
    """Return the first lines, up to about _LOOKED_AT bytes."""
    taken: list[bytes] = []
    length = 0
    for line in lines:
        if length < _LOOKED_AT:
            taken.append(line)
            length += len(line)
    return b"\n".join(taken)


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except (UnicodeDecodeError, ValueError):
        return False
    return True
