"""Prompt templates: text in which ``{name}`` stands for a column; ``{{`` and ``}}`` are braces."""

import re
from collections.abc import Callable, Mapping

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def placeholders(template: str) -> tuple[str, ...]:
    """Return the names in braces, each once, in order.

    Raises:
        ValueError: a brace without its partner, or nothing between braces.
    """
    names: dict[str, None] = {}
    _replace(template, lambda name: names.setdefault(name) or "")
    return tuple(names)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the template with every ``{name}`` replaced; what is filled in is not searched again.

    Raises:
        KeyError: a name has no value.
        ValueError: as placeholders().
    """
    return _replace(template, values.__getitem__, lambda brace: brace[0])


def rename(template: str, names: Mapping[str, str]) -> str:
    """Return the template with its names spelt as ``names`` has them; all else stays."""
    return _replace(template, lambda name: "{" + names[name] + "}")


def _replace(template: str, named: Callable[[str], str], braces: Callable[[str], str] = str) -> str:
    def part(found: re.Match[str]) -> str:
        text = found[0]
        if len(text) == 1:
            raise ValueError(f"has a {text} without its partner. Write {text * 2} where a brace is meant.")
        if found[1] is None:
            return braces(text)
        if not found[1].strip():
            raise ValueError("has empty braces. Name a column in them, or write {{}} where braces are meant.")
        return named(found[1])

    return _PART.sub(part, template) if "{" in template or "}" in template else template
