"""Prompt syntax of other tools, which means something else here: ``{a|b}``, ``[a|b]``, ``{{name}}``, ``${name}``."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from itertools import chain, count
from typing import NamedTuple

from manifests.sheet import cells
from manifests.sheet.columns import normalise

_DOUBLED = re.compile(r"\{\{\s*([^{}|]+?)\s*\}\}")
_PREFIXED = re.compile(r"(?<!\{)([$#%@])(\{{1,2})([^{}|]+)\}{1,2}")
_WRAPPED = re.compile(r"\[([^][|]+)\]|<<?([^<>|]+)>>?|«([^«»|]+)»|%([\w ]+)%|\$([^\W\d]\w*)")
_WEIGHT = re.compile(r"^\s*(\d*\.?\d+::|[\d-]+\$\$)")
_NUMBER = re.compile(r"[\d.,\s%]+")
_FIGURES = re.compile(r"\d[.,]\d{3}|\b(?:19|20)\d{2}\b")
"""Thousands and years: the commas of such texts belong to numbers and dates."""
_LISTED = re.compile(r"\s*(?:[,;\n、，；]|\s(?:and|or|und|oder|et|ou|y|&|\+)\s)\s*(?:(?:and|or|und|oder|et|ou|y|&)\s)?")
_SLASHES = re.compile(r"\s*/\s*")
_JSON_LIKE = re.compile(r"""^\s*[{\[]\s*["'“”„‘’«]""")
_SINGLE_WORDS = re.compile(r"(?<![^\s(\"'“„‘])[^\W_][\w'’-]*(?:\|[^\W_][\w'’-]*)+(?![\w|])")
_ARTICLES = frozenset(("a", "an", "the", "A", "An", "The", "ein", "eine", "Ein", "Eine", "un", "une", "Un", "Une"))
"""Words that begin a prompt, so that a bar before them separates prompts."""
LISTED_WORDS, LISTED_LENGTH = 3, 30
"""Longest value, in words and characters, of a text that is read as a list of values."""


class Finding(NamedTuple):
    """What a prompt contains, and how to write it here; ``is_error`` if it cannot be generated as it is."""

    text: str
    message: str
    is_error: bool = False


def findings(
    template: str, names: Mapping[str, str], value_of: Callable[[str], str], options: list[str]
) -> Iterator[Finding]:
    """Yield the syntax of other tools in a prompt.

    Args:
        names: names of the columns that a prompt can use, by normalised header.
        value_of: returns the first value of a column in this row.
        options: names of the columns that earlier findings of this row suggest; more are added.
    """
    yield from _choices(template, names, options)
    yield from _doubled(template, names)
    yield from _prefixed(template, names, value_of)
    yield from _wrapped(template, names)


def new_column(names: Collection[str], taken: Collection[str], first: str = "option") -> str:
    """Return a header for a column of options that neither the sheet nor an earlier advice has."""
    numbered = (f"option {number}" for number in count(2 if first == "option" else 1))
    return next(name for name in chain([first], numbered) if name not in names and name not in taken)


def single_words(text: str) -> str:
    """Return ``red|blue`` from ``a red|blue cup on a table``, or an empty text if bars separate whole prompts."""
    found = _SINGLE_WORDS.search(text)
    if not found or text.count("|") != found[0].count("|") or any(word in _ARTICLES for word in found[0].split("|")):
        return ""
    return found[0] if len(text.split()) > 1 else ""


def _choices(template: str, names: Mapping[str, str], options: list[str]) -> Iterator[Finding]:
    """Yield brackets with a ``|``, with which other tools choose between values."""
    texts = [template[start : end + 1] for start, end in cells.bracketed(template)]
    choices = [text for text in texts if "|" in text]
    for text in choices:
        values = "|".join(_options(text))
        name = new_column(names, options, "option 1" if len(choices) > 1 else "option")
        options.append(name)
        advice = f"put {values} into a column '{name}', and write {{{name}}} in the prompt."
        if text.startswith("{") and not text.startswith("{{"):
            yield Finding(text, f"is a choice between values. For a clip of each value, {advice}", is_error=True)
        else:
            yield Finding(
                text, f"contains a | inside brackets, which is kept as text. For a clip of each value, {advice}"
            )


def _options(text: str) -> list[str]:
    """Return the values of a choice, also of nested ones, without weights."""
    flat = re.sub(r"[][(){}<>]", "|", text).split("|")
    return list(dict.fromkeys(value for part in flat if (value := _WEIGHT.sub("", part).strip())))


def _doubled(template: str, names: Mapping[str, str]) -> Iterator[Finding]:
    for found in _DOUBLED.finditer(template):
        near = get_close_matches(normalise(found[1]), names, 1, 0.8)
        if near and not template[: found.start()].endswith(("$", "#", "%", "@")):
            yield Finding(
                found[0],
                f"is kept as the text {{{found[1]}}}, because double braces are literal. To insert the column, write "
                f"{{{names[near[0]]}}}.",
            )


def _prefixed(template: str, names: Mapping[str, str], value_of: Callable[[str], str]) -> Iterator[Finding]:
    for found in _PREFIXED.finditer(template):
        name = names.get(normalise(found[3]))
        if name is None or _NUMBER.fullmatch(value_of(name)):  # ${price} may be an amount in dollars
            continue
        given = found[1] + (value_of(name) if len(found[2]) == 1 else f"{{{found[3]}}}")
        yield Finding(found[0], f"gives '{given}'. To insert only the column, write {{{name}}}.")


def _wrapped(template: str, names: Mapping[str, str]) -> Iterator[Finding]:
    for found in _WRAPPED.finditer(template):
        inner = next(filter(None, found.groups()))
        name = names.get(normalise(inner))
        if name is not None:
            yield Finding(found[0], f"is kept as text. To insert the column, write {{{name}}}.")


def looks_like_json(text: str) -> bool:
    """Return whether a text starts as JSON does, which it may not quite be."""
    return bool(_JSON_LIKE.match(text))


def listed(text: str) -> tuple[str, ...]:
    """Return the values that a text without ``|`` seems to list, such as ``red, green and blue``; empty if it does not.

    Only short values make a list, and numbers never do, because a comma may be a part of them.
    """
    if _FIGURES.search(text):
        return ()
    for separator in (_LISTED, _SLASHES):
        values = tuple(value.strip(" .") for value in separator.split(text.strip()) if value.strip(" ."))
        if len(values) > 1 and all(map(_is_listed, values)):
            return values
    return ()


def _is_listed(value: str) -> bool:
    is_short = len(value) <= LISTED_LENGTH and len(value.split()) <= LISTED_WORDS
    return is_short and len(value) > 1 and not _NUMBER.fullmatch(value)
