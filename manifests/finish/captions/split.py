"""Split a text into captions of at most two lines, at the ends of sentences and clauses where possible."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from manifests.finish.captions.limits import MAX_LINES, SPACELESS, limits_of, width_of
from manifests.finish.texts.languages import primary

_SENTENCE = tuple(".!?…。！？؟۔।॥")
_CLAUSE = tuple(",;:،؛、，；：—–")
_CLOSING = "\"'”’»)]}」』）】》"
_NOT_FIRST = frozenset("。、，．！？；：」』）】》〉ー…‥・ゝゞ々ぁぃぅぇぉっゃゅょァィゥェォッャュョ%％")
"""Characters that must not begin a line in Japanese and Chinese."""
_NOT_LAST = frozenset("「『（【《〈“‘$¥￥#＃")
SENTENCE, CLAUSE, WORD = 0, 1, 2
"""Kinds of a break: after a sentence, after a clause, and between words."""
_BREAK_COST = {SENTENCE: 0.0, CLAUSE: 6.0, WORD: 30.0}
_SPOKEN_COST = {SENTENCE: 0.0, CLAUSE: 0.0, WORD: 200.0}
"""With a voice, only the ends of its clauses have exact times, so other breaks are the last resort."""


class Token(NamedTuple):
    """A word, or a character of a language without spaces.

    Attributes:
        text: with its punctuation.
        glue: what joins it to the token before: a space or nothing.
        ends: the kind of the break after it.
        letters: number of letters and digits up to its end, from the start of the text.
    """

    text: str
    glue: str
    ends: int
    letters: int


def letters_in(text: str) -> int:
    """Return the number of letters, digits and marks of letters: what a voice speaks."""
    return sum(1 for character in text if _is_spoken(character))


def _is_spoken(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"


def split_text(text: str, language: str, clause_ends: Collection[int] = ()) -> list[tuple[Token, ...]]:
    """Return the tokens of each caption.

    Args:
        clause_ends: numbers of letters after which the voice ends a clause; empty without a voice. Captions then end
            there, and elsewhere only if a clause is longer than a caption.
    """
    tokens = tokens_of(text, language)
    if not tokens:
        return []
    if clause_ends:
        tokens = [each._replace(ends=_spoken_end(each, clause_ends)) for each in tokens]
    costs = _SPOKEN_COST if clause_ends else _BREAK_COST
    return _grouped(tokens, language, costs)


def _spoken_end(token: Token, clause_ends: Collection[int]) -> int:
    if token.letters not in clause_ends:
        return WORD
    return SENTENCE if token.ends == SENTENCE else CLAUSE


def tokens_of(text: str, language: str) -> list[Token]:
    """Return the words of a text, or the characters of a language without spaces; lines end a sentence.

    Signs without a word, such as an emoji or the ``!`` of French, belong to the word before them.
    """
    tokens: list[Token] = []
    for line in text.splitlines():
        parts = [part for word in line.split() for part in _parts(word, language)]
        for index, (part, is_joined) in enumerate(parts):
            token = Token(part, "" if is_joined or not tokens else " ", _ending(part), letters_in(part))
            if index == len(parts) - 1:
                token = token._replace(ends=SENTENCE)
            before = tokens.pop() if tokens and not (token.letters and tokens[-1].letters) else None
            tokens.append(_merged(before, token) if before else token)
    totals = accumulate(token.letters for token in tokens)
    return [token._replace(letters=total) for token, total in zip(tokens, totals, strict=True)]


def _merged(one: Token, two: Token) -> Token:
    return Token(one.text + two.glue + two.text, one.glue, two.ends, one.letters + two.letters)


def _parts(word: str, language: str) -> list[tuple[str, bool]]:
    """Return the parts at which a word may be broken, and whether each is joined to the one before without a space."""
    if primary(language) not in SPACELESS:
        return [(word, False)]
    parts: list[str] = []
    for character in word:
        if parts and _sticks(parts[-1], character):
            parts[-1] += character
        else:
            parts.append(character)
    return [(part, index > 0) for index, part in enumerate(parts)]


def _sticks(before: str, character: str) -> bool:
    """Return whether a character must stay with the ones before it: marks, punctuation, and Latin words."""
    if unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf") or character in _NOT_FIRST:
        return True
    if character in _CLOSING or before[-1] in _NOT_LAST:
        return True
    latin = re.compile(r"[\w.,'@&%-]", re.ASCII)
    return bool(latin.match(before[-1]) and latin.match(character))


def _ending(word: str) -> int:
    bare = word.rstrip(_CLOSING) or word
    if bare.endswith(_SENTENCE):
        return SENTENCE
    return CLAUSE if bare.endswith(_CLAUSE) else WORD


def _grouped(tokens: Sequence[Token], language: str, costs: dict[int, float]) -> list[tuple[Token, ...]]:
    """Choose the breaks with the lowest total cost, by dynamic programming over the tokens."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(tokens) + 1):
        found: tuple[float, int] | None = None
        for start in range(end - 1, -1, -1):
            if start < end - 1 and not _fits(tuple(tokens[start:end]), language):
                break
            cost = best[start][0] + _cost(tokens[start:end], language, costs, is_last=end == len(tokens))
            if found is None or cost < found[0]:
                found = (cost, start)
        assert found is not None
        best.append(found)
    groups: list[tuple[Token, ...]] = []
    end = len(tokens)
    while end:
        start = best[end][1]
        groups.insert(0, tuple(tokens[start:end]))
        end = start
    return groups


def _cost(group: Sequence[Token], language: str, costs: dict[int, float], *, is_last: bool) -> float:
    """Return how bad a caption is: a break inside a clause, a sentence's end inside, one word alone, many captions."""
    inside = sum(8.0 for token in group[:-1] if token.ends == SENTENCE)
    least = limits_of(language).chars_per_line / 4
    short = max(0.0, least - width_of(joined(group), language))
    alone = 10.0 if len(group) == 1 and group[0].ends == WORD else 0.0
    return 4.0 + (0.0 if is_last else costs[group[-1].ends]) + inside + short + alone


def joined(tokens: Sequence[Token]) -> str:
    """Return the text of tokens on one line."""
    return "".join((token.glue if index else "") + token.text for index, token in enumerate(tokens))


@lru_cache(8192)
def _fits(tokens: tuple[Token, ...], language: str) -> bool:
    limit, lines, width = limits_of(language).chars_per_line, 1, 0.0
    for index, token in enumerate(tokens):
        own = width_of(token.text, language)
        gap = width_of(token.glue, language) if index else 0.0
        if width and width + gap + own > limit:
            lines, width = lines + 1, own
        else:
            width += own + gap
    return lines <= MAX_LINES


def lines_of(tokens: Sequence[Token], language: str) -> str:
    """Return the text of a caption: on one line if it fits, else on two lines of similar length."""
    limit = limits_of(language).chars_per_line
    text = joined(tokens)
    if width_of(text, language) <= limit or len(tokens) < 2:
        return text
    places = range(1, len(tokens))
    place = min(places, key=lambda index: _line_cost(tokens[:index], tokens[index:], language, limit))
    return f"{joined(tokens[:place])}\n{joined(tokens[place:])}"


def _line_cost(first: Sequence[Token], second: Sequence[Token], language: str, limit: int) -> float:
    one, two = width_of(joined(first), language), width_of(joined(second), language)
    over = max(0.0, one - limit) + max(0.0, two - limit)
    orphan = 12.0 if min(len(first), len(second)) == 1 and len(first) + len(second) > 3 and _has_spaces(second) else 0.0
    return 1000 * over + abs(one - two) + orphan + (6.0 if first[-1].ends == WORD else 0.0)


def _has_spaces(tokens: Sequence[Token]) -> bool:
    return any(token.glue for token in tokens)
