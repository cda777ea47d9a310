"""Prompt templates, in which ``{name}`` stands for a column, and ``{{`` and ``}}`` are literal braces."""

import json
import re
from collections.abc import Callable, Mapping

from manifests.sheet.cells import SOFT_HYPHEN

_WILDCARD = re.compile(r"(?<!_)__([^\s_](?:[\w./*-]*?[^\s_])?)__(?!_)")
_NAME = re.compile(r"\{([^{}\"]*)\}")
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def placeholders(template: str) -> tuple[str, ...]:
    """Return the names in braces, each once, in order.

    Raises:
        ValueError: unmatched or empty braces.
    """
    names: dict[str, None] = {}
    _replace(template, lambda name: names.setdefault(name) or "")
    return tuple(names)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the template with every ``{name}`` replaced; braces in the values stay as they are.

    Soft hyphens of the values are left out: they only concern how a finish template draws the text.

    Raises:
        KeyError: a name has no value.
        ValueError: as placeholders().
    """
    return _replace(template, lambda name: values[name].replace(SOFT_HYPHEN, ""), lambda brace: brace[0])


def rename(template: str, names: Mapping[str, str]) -> str:
    """Return the template with its names replaced as in ``names``; everything else stays."""
    return _replace(template, lambda name: "{" + names[name] + "}")


def wildcards(template: str) -> tuple[str, ...]:
    """Return the names in double underscores, such as ``colours`` for ``__colours__``, each once, in order."""
    return tuple(dict.fromkeys(found[1] for found in _WILDCARD.finditer(template)))


def with_wildcard(template: str, name: str) -> str:
    """Return the template with ``{__name__}`` in place of a wildcard, with or without braces around it."""
    wildcard = f"__{name}__"
    bare = re.sub(r"(?<!\{)\{\s*" + re.escape(wildcard) + r"\s*\}(?!\})", lambda _: wildcard, template)
    return bare.replace(wildcard, "{" + wildcard + "}")


def is_json(text: str) -> bool:
    """Return whether a prompt is a JSON object or list, which some models expect; its braces are text."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def json_template(text: str, is_column: Callable[[str], bool]) -> str:
    """Return the template of a JSON prompt: its braces are literal, except those around the name of a column."""
    done, start = [], 0
    for found in _NAME.finditer(text):
        if is_column(found[1]):
            done += [literal(text[start : found.start()]), found[0]]
            start = found.end()
    return "".join((*done, literal(text[start:])))


def literal(text: str) -> str:
    """Return the template of a text in which no column is meant."""
    return text.replace("{", "{{").replace("}", "}}")


def _replace(template: str, named: Callable[[str], str], braces: Callable[[str], str] = str) -> str:
    def part(found: re.Match[str]) -> str:
        text = found[0]
        if len(text) == 1:
            other = "}" if text == "{" else "{"
            raise ValueError(f"has a {text} without a matching {other}. For a literal {text}, write {text * 2}.")
        if found[1] is None:
            return braces(text)
        if not found[1].strip():
            raise ValueError("has empty braces. Put the name of a column in them, or write {{}} for literal braces.")
        return named(found[1])

    return _PART.sub(part, template) if "{" in template or "}" in template else template
