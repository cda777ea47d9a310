"""Plain messages for values that do not fit the description of a route; pydantic writes for programmers."""

from collections.abc import Mapping
from typing import Any

from app.api.clip_query import CURSOR
from app.api.records import CLIP_ID, NOT_BLANK, NUL_FREE

MESSAGES = {
    "literal_error": "use {expected}",
    "missing": "it is required",
    "extra_forbidden": "this field does not exist",
    "greater_than_equal": "enter at least {ge:,}",
    "less_than_equal": "enter at most {le:,}",
    "less_than": "enter less than {lt:,}",
    "string_too_long": "enter at most {max_length:,} characters",
    "too_short": "it has too few items; send at least {min_length:,}",
    "too_long": "it has too many items; send at most {max_length:,}",
    "list_type": "send a list",
    "model_attributes_type": "send a JSON object",
    "dict_type": "send a JSON object",
    "model_type": "send a JSON object",
    "string_type": "enter a text",
}
"""By the type of pydantic's error, with the values of its context."""

KINDS = {
    "a whole number": ("int_parsing", "int_parsing_size", "int_from_float", "int_type"),
    "a number": ("float_parsing", "float_type", "finite_number"),
    "a date as YYYY-MM-DD, for example 2026-11-24": ("date_parsing", "date_from_datetime_parsing", "date_type"),
    "true or false": ("bool_parsing", "bool_type"),
}
PATTERNS = {
    rf"^{CLIP_ID}$": "enter a clip id, which has 32 characters from 0-9 and a-f",
    CURSOR: "send the value `after` of the last response",
    NOT_BLANK: "enter a text that is not blank and has no NUL character",
    NUL_FREE: "remove the NUL character",
}
"""By the regular expression that a text does not match."""


def invalid_value(error: Mapping[str, Any]) -> str:
    """Return ``Invalid value for order: use 'score', '-score', 'newest' or 'oldest'.``

    Args:
        error: the first of pydantic's errors.
    """
    return f"Invalid value for {_name(error['loc'])}: {_advice(error)}."


def _name(location: tuple[str | int, ...]) -> str:
    """Return the name of a field; an item of a list has the name of the list."""
    parts = [part for part in location[1:] if isinstance(part, str) and part != "[key]"]
    return ".".join(parts) or "the request body"


def _advice(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], "the text has the wrong format")
    if kind in MESSAGES:
        return MESSAGES[kind].format(**{name: _plain(value) for name, value in context.items()})
    found = next((f"enter {words}" for words, kinds in KINDS.items() if kind in kinds), str(error["msg"]))
    return found.rstrip(".")


def _plain(value: object) -> object:
    """Return 1 for the limit 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
