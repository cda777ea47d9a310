"""Split a text into clauses, which are spoken one by one so that their times are exact."""

import re
from typing import NamedTuple

SENTENCE_END = ".!?…。！？؟।॥"
CLAUSE_END = ",;:،؛、，；：—–"
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "st"})
_ABBREVIATIONS = frozenset(
    {"vs", "approx", "etc", "inc", "ltd", "co", "corp", "dept", "est", "fig", "min", "max", "tel", "vol", "incl"}
    | {"excl", "e.g", "i.e", "a.m", "p.m", "u.s", "u.k", "z.b", "d.h", "ca", "bzw", "inkl", "zzgl", "sr", "jr", "mon"}
    | {"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "tue", "wed", "thu", "fri"}
)
"""Words in lower case whose full stop ends no sentence, unless a capital letter follows."""
_BREAK = re.compile(
    rf"(?P<end>[{SENTENCE_END}]+[\"'”’»)\]]*(?=\s)|[{CLAUSE_END}]+(?=\s)|[。！？、，；：।॥]+)|(?P<line>\s*\n\s*)|\s[—–-]+(?=\s)"
)
FEWEST_WORDS = 3
"""Shorter clauses are joined to the next one of the same sentence: lists of single words would sound chopped."""
MOST_CHARS = 200
"""Longer clauses are split at a space, because voices read a limited number of sounds at once."""


class TextClause(NamedTuple):
    """A clause as it is written, and whether a sentence ends after it."""

    text: str
    ends_sentence: bool


def clauses_of(text: str) -> tuple[TextClause, ...]:
    """Return the clauses of a text in order. Together they contain all its words; none is without a letter or digit."""
    found: list[TextClause] = []
    for piece in _pieces(text):
        if found and (_is_short(found[-1]) or not _speaks(piece.text)):
            previous = found.pop()
            piece = TextClause(_joined(previous.text, piece.text), piece.ends_sentence or previous.ends_sentence)
        found.append(piece)
    if len(found) > 1 and not _speaks(found[0].text):
        first, second = found[:2]
        found[:2] = [TextClause(_joined(first.text, second.text), second.ends_sentence)]
    return tuple(part for piece in found if _speaks(piece.text) for part in _split_long(piece))


def _pieces(text: str) -> list[TextClause]:
    pieces, start = [], 0
    for match in _BREAK.finditer(text):
        if (
            match["end"]
            and match["end"][0] == "."
            and _is_abbreviation(text[start : match.start()], text[match.end() :])
        ):
            continue
        ends = bool(match["line"]) or bool(match["end"] and match["end"][0] in SENTENCE_END)
        pieces.append(TextClause(text[start : match.end()].strip(), ends))
        start = match.end()
    pieces.append(TextClause(text[start:].strip(), True))
    return [TextClause(" ".join(piece.text.split()), piece.ends_sentence) for piece in pieces if piece.text]


def _is_abbreviation(before: str, after: str) -> bool:
    """Return whether the full stop between two texts belongs to an abbreviation, an initial or ``No. 1``."""
    word = (before.split() or [""])[-1].lstrip("(\"'“‘").lower()
    following = after.lstrip()[:1]
    if word in {"no", "nos", "nr"}:
        return following.isdigit()
    if word in _TITLES or (len(word) == 1 and word.isalpha() and word not in {"i", "a"}):
        return True
    return word in _ABBREVIATIONS and not following.isupper()


def _is_short(piece: TextClause) -> bool:
    """Return whether a clause is too short to be spoken alone; a language without spaces counts characters."""
    words = piece.text.split()
    few = len(words) < FEWEST_WORDS and len(piece.text) < 12
    return few and not piece.ends_sentence


def _joined(one: str, other: str) -> str:
    """Return two texts as one; full-width marks are followed by no space."""
    return one + ("" if one[-1:] in "。！？、，；：" else " ") + other


def _speaks(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _split_long(piece: TextClause) -> list[TextClause]:
    """Split a clause that is too long at spaces; words that are longer themselves are cut."""
    words = [word[at : at + MOST_CHARS] for word in piece.text.split() for at in range(0, len(word), MOST_CHARS)]
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= MOST_CHARS:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [TextClause(line, piece.ends_sentence and line is lines[-1]) for line in lines]
