"""Prompt syntax of other tools, which means something else here: ``{a|b}``, ``[a|b]``, ``{{name}}``, ``${name}``."""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from manifests.sheet import cells
from manifests.sheet.columns import normalise

_DOUBLED = re.compile(r"\{\{\s*([^{}|]+?)\s*\}\}")
_PREFIXED = re.compile(r"(?<!\{)([$#%@])(\{{1,2})([^{}|]+)\}{1,2}")
_WRAPPED = re.compile(r"\[([^][|]+)\]|<<?([^<>|]+)>>?|«([^«»|]+)»|%([\w ]+)%|\$([^\W\d]\w*)")
_WEIGHT = re.compile(r"^\s*(\d*\.?\d+::|[\d-]+\$\$)")
_NUMBER = re.compile(r"[\d.,\s%]+")
_LISTED = re.compile(r"\s*(?:[,;\n、，；]|\s(?:and|or|und|oder|et|ou|y|&|\+)\s)\s*(?:(?:and|or|und|oder|et|ou|y|&)\s)?")
_SLASHES = re.compile(r"\s*/\s*")
_JSON_LIKE = re.compile(r"""^\s*[{\[]\s*["'“”„‘’«]""")
LISTED_WORDS, LISTED_LENGTH = 3, 30
"""Longest value, in words and characters, of a text that is read as a list of values."""


class Finding(NamedTuple):
    """What a prompt contains, and how to write it here; ``is_error`` if it cannot be generated as it is."""

    text: str
    message: str
    is_error: bool = False


def findings(template: str, names: Mapping[str, str], value_of: Callable[[str], str]) -> Iterator[Finding]:
    """Yield the syntax of other tools in a prompt.

    Args:
        names: names of the columns that a prompt can use, by normalised header.
        value_of: returns the first value of a column in this row.
    """
    yield from _choices(template, names)
    yield from _doubled(template, names)
    yield from _prefixed(template, names, value_of)
    yield from _wrapped(template, names)


def _choices(template: str, names: Mapping[str, str]) -> Iterator[Finding]:
    """Yield brackets with a ``|``, with which other tools choose between values."""
    for start, end in cells.bracketed(template):
        text = template[start : end + 1]
        if "|" not in text:
            continue
        values = "|".join(_options(text))
        name = next(name for name in ("option", *(f"option {n}" for n in range(2, 99))) if name not in names)
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
    for separator in (_LISTED, _SLASHES):
        values = tuple(value.strip(" .") for value in separator.split(text.strip()) if value.strip(" ."))
        if len(values) > 1 and all(map(_is_listed, values)):
            return values
    return ()


def _is_listed(value: str) -> bool:
    is_short = len(value) <= LISTED_LENGTH and len(value.split()) <= LISTED_WORDS
    return is_short and len(value) > 1 and not _NUMBER.fullmatch(value)
