"""Options and weights of other tools in a prompt: ``--ar 9:16``, ``(red:1.2)``. A model reads them as text."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from manifests.placement import RATIOS, parse_placement

_FLAGS = (
    "ar|aspect|v|version|niji|seed|sameseed|no|neg|negative|q|quality|s|stylize|style|c|chaos|iw|weird|w|tile|stop|hd|"
    "fast|relax|turbo|video|raw|sref|cref|oref|sw|cw|ow|p|profile|repeat|motion|loop|end|bs|draft|exp|fps|duration|"
    "camera|gs|guidance|upbeta|uplight|steps|cfg|width|height|size|resolution|hq"
)
_FLAG = re.compile(rf"(?<!\S)--({_FLAGS})\b(?:[ =]+(?!-)([^\s|]+))?", re.IGNORECASE)
_NUMBERED = re.compile(rf"(?<!\S)(?:-|—|–)({_FLAGS})[ =]+(\d[^\s|]*)", re.IGNORECASE)
"""With one dash, or with the long dash that spreadsheet programs put for two, only before a number."""
_NO = re.compile(r"(?<!\S)(?:--|—)(?:no|neg|negative)[ =]+(.+?)(?=\s+(?:--|—)\w|$)", re.IGNORECASE)
_COMMAND = re.compile(r"^\s*/(?:imagine|create|animate|video|generate)\b(?:\s*prompt\s*:)?", re.IGNORECASE)
_NETWORK = re.compile(r"<(?:lora|lyco|lycoris|hypernet|embedding|ti):[^<>]*>", re.IGNORECASE)
_WEIGHT = re.compile(
    r"\([^()]*[^\W\d][^()]*(?<!\d):\s*-?\d*\.?\d+\s*\)|\(\([^()]+\)\)|\([^()]+\)(?:\d\.\d+|\+{1,4})(?!\w)"
    r"|\b[^\W\d]\w*::(?:\s*-?\d*\.?\d+|(?=\s|$))"
)
_SCHEDULE = re.compile(r"\[[^][|{}]*[^\W\d][^][|{}]*:\s*\d*\.?\d+\s*\]")
_BREAK = re.compile(r"(?<![^\s,.;])BREAK(?![^\s,.;])")
_NEGATIVE = re.compile(
    r"\bneg(?:ative)?[ _]?prompt\s*[:=]\s*(.+?)(?=\s*\b(?:steps|sampler|seed|cfg(?: scale)?|size)\s*:|$)", re.IGNORECASE
)
_SETTING = re.compile(
    r"\b(steps|sampler|cfg scale|cfg|guidance scale|seed|size|model hash|clip skip|scheduler|denoising strength)"
    r"\s*:\s*([^,;|\s]+(?: [^,;|:\s]+){0,3}(?=\s*(?:[,;|]|$)))",
    re.IGNORECASE,
)
_SINGLE = frozenset(("steps", "cfg scale", "cfg", "guidance scale", "seed", "clip skip"))
"""Settings that are recognised alone if their value is a number."""


class Option(NamedTuple):
    """A part of a prompt, and what to do in addition to removing it.

    Attributes:
        text: the part as typed.
        column: our name of the column to which its value belongs, or an empty text.
        value: the value for this column.
        is_weight: whether it contains words of the prompt.
    """

    text: str
    column: str = ""
    value: str = ""
    is_weight: bool = False


def foreign_options(template: str, header: Callable[[str], str]) -> tuple[str, str] | None:
    """Return all options of other tools in a prompt and one message about them, or None.

    Args:
        header: returns the header of one of our columns.
    """
    found = list(dict.fromkeys(_options(template)))
    if not found:
        return None
    values: dict[str, str] = {}
    for option in found:
        if option.column:
            values.setdefault(option.column, option.value)
    moved = [f"{value} into the column '{header(column)}'" for column, value in values.items()]
    *first, last = moved or [""]
    listed = " and ".join(filter(None, (", ".join(first), last)))
    several = len(found) > 1
    also = f" To use {'their values' if several else 'its value'}, put {listed}." if moved else ""
    if any(option.is_weight for option in found):
        also = f" Keep the words of a weight, without its number.{also}"
    them, are = ("them", "are") if several else ("it", "is")
    return (
        ", ".join(option.text for option in found),
        f"{are} syntax of other tools, which has no effect here: the model reads {them} as text. Remove {them} from "
        f"the prompt.{also}",
    )


def _options(template: str) -> Iterator[Option]:
    rest = template
    for pattern in (_COMMAND, _NETWORK):
        yield from (Option(found[0].strip()) for found in pattern.finditer(rest))
    for found in _NEGATIVE.finditer(rest):
        yield Option(found[0], "negative_prompt", found[1].rstrip(" .,;"))
    for found in _NO.finditer(rest):
        yield Option(found[0], "negative_prompt", found[1].rstrip(" .,;"))
    rest = _NO.sub(" ", rest)
    for pattern in (_FLAG, _NUMBERED):
        yield from (_with_column(found[0], found[1].lower(), found[2] or "") for found in pattern.finditer(rest))
    settings = list(_SETTING.finditer(rest))
    if len(settings) > 1 or any(each[1].lower() in _SINGLE and each[2][0].isdigit() for each in settings):
        yield from (_with_column(each[0], each[1].lower(), each[2]) for each in settings)
    for pattern in (_WEIGHT, _SCHEDULE):
        yield from (Option(found[0], is_weight=True) for found in pattern.finditer(rest))
    if template != template.upper():
        yield from (Option(found[0]) for found in _BREAK.finditer(rest))


def _with_column(text: str, name: str, value: str) -> Option:
    value = value.rstrip(".,;")
    if name == "seed" and value.isdecimal() and int(value) < 2**32:
        return Option(text, "seed", value)
    if name in ("ar", "aspect", "size", "resolution") and (ratio := _ratio(value)):
        return Option(text, "placements", ratio)
    return Option(text)


def _ratio(text: str) -> str:
    try:
        ratio = parse_placement(text).aspect_ratio
    except ValueError:
        return ""
    return ratio if ratio in RATIOS else ""
