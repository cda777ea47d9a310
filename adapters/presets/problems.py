"""Check the content of a preset file against its record; pydantic's errors become sentences with a line and a fix."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from adapters.presets.errors import InvalidPresetError
from adapters.presets.yaml_file import YamlFile
from manifests.pluralize import any_of

Record = TypeVar("Record", bound=BaseModel)
SHOWN = 60
"""Longest value that a message quotes."""
_LIMITS = {
    "greater_than": ("gt", "must be larger than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be smaller than {}"),
    "less_than_equal": ("le", "must be at most {}"),
}
_TYPES = {
    "string_type": 'must be a text. Put it in quotes, such as "{}"',
    "float_type": "must be a number, such as 0.5",
    "float_parsing": "must be a number, such as 0.5",
    "int_type": "must be a whole number, such as 2",
    "int_parsing": "must be a whole number, such as 2",
    "int_from_float": "must be a whole number, such as 2",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list. Begin each entry with a dash, in a line of its own",
    "dict_type": "must contain fields such as `name: value`",
    "model_type": "must contain fields such as `name: value`",
    "model_attributes_type": "must contain fields such as `name: value`",
}


class _Problem(NamedTuple):
    """One problem. A misspelt field is reported first: the field that it means is missing as a result."""

    is_misspelt: bool
    location: tuple[str | int, ...]
    sentence: str


def record_of(file: YamlFile, kind: type[Record]) -> Record:
    """Return the record that a file contains.

    Raises:
        InvalidPresetError: the file does not match it; one sentence with the file, the line, the field and the fix.
    """
    try:
        return kind.model_validate(file.content)
    except ValidationError as error:
        problems = [_problem(file, kind, each) for each in error.errors()]
        first = min(problems, key=lambda each: not each.is_misspelt)
        raise InvalidPresetError(problem_text(file, first.location, first.sentence)) from error


def problem_text(file: YamlFile, location: Sequence[str | int], sentence: str) -> str:
    """Return ``FILE, line 7, layers[0].size: SENTENCE``."""
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")
    return f"{file.path}, line {file.line(location)}{f', {field}' if field else ''}: {sentence}"


def _problem(file: YamlFile, kind: type[BaseModel], error: Mapping[str, Any]) -> _Problem:
    location = tuple(_steps_in(file.content, error["loc"]))
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _fields_at(kind, error["loc"][:-1]), n=1)
        fix = f"Did you mean {near[0]}?" if near else "Remove it."
        return _Problem(bool(near), location, f"unknown field. {fix}")
    return _Problem(False, location, f"{_sentence(error, file)}.")


def _sentence(error: Mapping[str, Any], file: YamlFile) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return "missing. Add it"
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if value is None and "#" in file.text:
        return 'the value is empty. Put colours in quotes, such as "#e5322d", because # begins a comment'
    if kind == "union_tag_not_found":
        return f"has no kind. Add one, such as kind: {_expected(kind, context, 'text')}"
    if kind in ("literal_error", "union_tag_invalid"):
        return _choice(kind, value, context)
    if kind in _LIMITS:
        name, rule = _LIMITS[kind]
        return f"{_quoted(value)} {rule.format(f'{context[name]:g}')}"
    if kind in _TYPES:
        return f"{_quoted(value)} {_TYPES[kind].format(value)}"
    return f"{_quoted(value)} {re.sub('^[A-Z][a-z]+ should ', 'must ', error['msg'])}"


def _choice(kind: str, value: Any, context: Mapping[str, Any]) -> str:
    """Return that a word is not one of those allowed."""
    word = value.get("kind") if isinstance(value, dict) else value
    listed = re.findall(r"'([^']+)'", context["expected" if kind == "literal_error" else "expected_tags"])
    near = difflib.get_close_matches(str(word), listed, n=1)
    numbers = "" if listed else f" must be {context.get('expected', '')}"
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{_quoted(word)}{numbers or f' is not allowed. {hint}Use {any_of(listed)}'}"


def _expected(kind: str, context: Mapping[str, Any], fallback: str) -> str:
    return str(context.get("expected", fallback)) if kind == "literal_error" else fallback


def _quoted(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else f"{value}"
    if value is None:
        return "an empty value"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _steps_in(content: Any, location: Sequence[str | int]) -> Iterator[str | int]:
    """Leave out what pydantic adds to the path of a field: the names of the kinds of a union."""
    for number, step in enumerate(location):
        found = _part(content, step)
        if found is not None:
            content = found[0]
        elif number < len(location) - 1 or not isinstance(content, dict):
            continue
        yield step


def _part(content: Any, step: str | int) -> tuple[Any] | None:
    """Return the part of a mapping or list; None if it has no such part."""
    is_index = isinstance(content, list) and isinstance(step, int) and step < len(content)
    return (content[step],) if is_index or (isinstance(content, dict) and step in content) else None


def _fields_at(kind: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the fields of the record at a location."""
    records = [kind]
    for step in location:
        inner = [found for record in records for found in _records_below(record, str(step))]
        tagged = [record for record in records if _has_kind(record, str(step))]
        records = inner or tagged or records
    return sorted({name for record in records for name in record.model_fields})


def _records_below(record: type[BaseModel], field: str) -> list[type[BaseModel]]:
    return list(_records_in(record.model_fields[field].annotation)) if field in record.model_fields else []


def _records_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        if get_origin(annotation) is not Literal:
            yield from _records_in(part)


def _has_kind(record: type[BaseModel], word: str) -> bool:
    field = record.model_fields.get("kind")
    return bool(field) and word in get_args(field.annotation if field else None)
