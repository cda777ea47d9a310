"""Read one card file; an error names the file, the field, its value and how to fix it."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from manifests.errors import InvalidCardError
from manifests.pluralize import any_of
from models.card import Card

SHOWN = 60
"""Longest value that a message quotes."""


def read_card(path: Path, home: Path, kinds: Mapping[str, type[Card]]) -> Card:
    """Read a card.

    Args:
        home: base folder of the card's relative paths.
        kinds: classes by the field ``kind``.

    Raises:
        InvalidCardError: it is not JSON, or does not match the schema; the message is one sentence.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidCardError(f"Invalid card {path}: not valid JSON: {error}.") from error
    if not isinstance(content, dict):
        raise InvalidCardError(f"Invalid card {path}: not a JSON object. Copy a card of models/cards/ and change it.")
    kind = kinds.get(str(content.get("kind")))
    if kind is None:
        found = f"{_quoted(content['kind'])} is not a kind" if "kind" in content else "missing"
        raise InvalidCardError(f"Invalid card {path}, field kind: {found}; use {any_of(kinds)}.")
    try:
        return kind.model_validate({**content, "home": home})
    except ValidationError as error:
        first = min((_problem(kind, each) for each in error.errors()), key=lambda each: not each.is_misspelt)
        raise InvalidCardError(f"Invalid card {path}, {first.where}: {first.sentence}") from error


class _Problem(NamedTuple):
    """A problem of a card. A misspelt field is reported first: the field that it means is missing as a result."""

    where: str
    sentence: str
    is_misspelt: bool = False


def _problem(kind: type[Card], error: Mapping[str, Any]) -> _Problem:
    path: Sequence[str | int] = error["loc"]
    where = f"field {'.'.join(map(str, path))}" if path else "whole card"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), _fields_at(kind, path[:-1]), n=1)
        if near:
            return _Problem(where, f"unknown field. Did you mean {near[0]}?", is_misspelt=True)
        return _Problem(where, "unknown field; remove it.")
    if error["type"] == "missing":
        return _Problem(where, "missing; add it.")
    if error["type"] == "value_error":
        return _Problem(where, f"{error['msg'].removeprefix('Value error, ')}.")
    return _Problem(where, f"{_quoted(error['input'])} {_rule(error['msg'])}.")


def _fields_at(record: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the fields of the part of a card at a path."""
    for part in path:  # keys and indexes of containers are no fields, and their record is already known
        field = record.model_fields.get(str(part))
        record = (field and _record_in(field.annotation)) or record
    return [name for name in record.model_fields if name != "home"]


def _record_in(annotation: Any) -> type[BaseModel] | None:
    """Return the record that a field contains, also in a mapping or in a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_record_in, get_args(annotation))), None)


def _quoted(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _rule(message: str) -> str:
    """Return ``must be a valid number`` of ``Input should be a valid number, unable to parse string as a number``."""
    rule = re.sub(r"^\w+ should ", "must ", message)
    return re.sub(r", (unable to parse|input is|got a number|invalid character).*", "", rule)
