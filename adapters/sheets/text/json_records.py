"""Records of JSON and JSON Lines files: objects whose keys are headers, texts that are prompts, or lists of cells."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from adapters.sheets.text.prompt_list import HEADER
from adapters.sheets.text.records import LINE_END, MAX_CELL_LENGTH, TOO_LONG, Records
from manifests.errors import UnreadableSheetError
from manifests.sheet.reading import BadRow
from manifests.sheet.table import MAX_COLUMNS, MAX_ROWS, SPARE_ROWS, Row

JSON, JSON_LINES = "JSON", "JSON Lines"
_NO_TABLE = (
    'has no list of objects. Write one object for each row, such as [{"prompt": "a red circle"}], or export the table '
    "as CSV"
)
_NEXT_OBJECT = re.compile(r"\}\s*,?\s*(?=\{)")
_NEXT_TEXT = re.compile(r",\s*[\r\n]\s*(?=\")")
_FILLER = re.compile(r"[\s,]*")
_LIST_OF_KEY = re.compile(r'"((?:[^"\\]|\\.)*+)"\s*:\s*\[(?=\s*[{"\[])')


class JsonTable(NamedTuple):
    """The records of a JSON file; ``records.rows`` starts with the header unless the file contains lists of cells."""

    kind: str
    records: Records
    has_header: bool = True


class _Number(str):
    """A number as it is written in the file."""


class _Object(dict[str, Any]):
    """An object that knows a key that is used twice."""

    repeated: str = ""


class _Item(NamedTuple):
    number: int
    value: Any


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object()
    for key, value in pairs:
        if key in found:
            found.repeated = key
        found[key] = value
    return found


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_Number, parse_int=_Number, parse_constant=_Number, strict=False
)


def read_json(text: str) -> JsonTable:
    """Return the records of a JSON or JSON Lines file; records that are not valid are reported.

    Raises:
        UnreadableSheetError: no record is valid, or the file contains something else. The message continues after the
            file's name and has no full stop.
    """
    start = len(text) - len(text.lstrip())
    bad: list[BadRow] = []
    doubts: list[BadRow] = []
    kind = JSON
    if text.startswith("[", start):
        items = _array(text, start + 1, bad, doubts)
    elif (whole := _whole(text)) is not None:
        items = _items_of(whole, doubts)
    else:
        kind, items = JSON_LINES, _lines(text, bad)
        if not items and (found := _LIST_OF_KEY.search(text)):
            kind, bad = JSON, []
            items = _array(text, found.end(), bad, doubts)
    if not items:
        raise UnreadableSheetError(_nothing(bad))
    return _table(kind, items, bad, doubts)


def _nothing(bad: Sequence[BadRow]) -> str:
    if not bad:
        return _NO_TABLE
    return f"has no valid record. Record {bad[0].number} {bad[0].message.rstrip('.')}"


def _whole(text: str) -> Any:
    """Return the value if the text is one object, or else None."""
    try:
        value = _DECODER.decode(text)
    except (json.JSONDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _items_of(whole: _Object, doubts: list[BadRow]) -> list[_Item]:
    """Return the records of an object: those of its only list, or else the object itself."""
    lists = {key: value for key, value in whole.items() if _is_list_of_records(value)}
    if not lists:
        if any(isinstance(value, (dict, list)) for value in whole.values()) and not _is_row(whole):
            raise UnreadableSheetError(_NO_TABLE)
        return [_Item(1, whole)]
    if len(lists) > 1:
        names = ", ".join(f"'{key}'" for key in list(lists)[:5])
        raise UnreadableSheetError(f"has several lists of objects: {names}. Put the rows into one list")
    [(key, records)] = lists.items()
    others = ", ".join(f"'{other}'" for other in list(whole)[:6] if other != key)
    if others:
        doubts.append(BadRow(0, "", f"Only the list '{key}' of the JSON file is read, without {others}."))
    return [_Item(number, record) for number, record in enumerate(records, 1)]


def _is_list_of_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, (dict, list)) for each in value)


def _is_row(value: _Object) -> bool:
    return all(not isinstance(each, dict) for each in value.values())


def _array(text: str, place: int, bad: list[BadRow], doubts: list[BadRow]) -> list[_Item]:
    """Return the valid elements of an array; after an error, reading continues with the next element."""
    items: list[_Item] = []
    number = 0
    while number < MAX_ROWS + SPARE_ROWS:
        place = _skipped(text, place)
        if place >= len(text):
            if not bad or bad[-1].number != number:
                doubts.append(
                    BadRow(0, "", "The JSON file has no closing ]. It may be cut off: check its last record.")
                )
            break
        if text[place] == "]":
            break
        number += 1
        try:
            value, place = _DECODER.raw_decode(text, place)
            items.append(_Item(number, value))
        except (json.JSONDecodeError, RecursionError) as error:
            bad.append(_invalid(number, text[place:], error))
            following = (_NEXT_OBJECT if text[place] == "{" else _NEXT_TEXT).search(text, place)
            place = following.end() if following else len(text)
    return items


def _skipped(text: str, place: int) -> int:
    found = _FILLER.match(text, place)
    return found.end() if found else place


def _lines(text: str, bad: list[BadRow]) -> list[_Item]:
    items: list[_Item] = []
    for number, line in enumerate(LINE_END.split(text), 1):
        if line.strip() and len(items) + len(bad) < MAX_ROWS + SPARE_ROWS:
            try:
                items.append(_Item(number, _DECODER.decode(line)))
            except (json.JSONDecodeError, RecursionError) as error:
                bad.append(_invalid(number, line, error))
    return items


def _invalid(number: int, text: str, error: Exception) -> BadRow:
    """Return the error of a record; ``text`` starts with the record."""
    value = LINE_END.split(text[:200].strip(), maxsplit=1)[0]
    if isinstance(error, RecursionError):
        return BadRow(number, value, "is nested too deeply. Use plain values.")
    return BadRow(number, value, "is not valid JSON. Check its double quotes, commas and brackets.")


def _table(kind: str, items: Sequence[_Item], bad: list[BadRow], doubts: list[BadRow]) -> JsonTable:
    values = [item.value for item in items]
    if all(isinstance(value, list) for value in values):
        rows = [Row(item.number, tuple(map(_cell, item.value))) for item in items]
        return JsonTable(kind, Records(*_short(rows, bad), doubts))
    objects = [item for item in items if isinstance(item.value, dict)]
    if not objects:
        good = [item for item in items if isinstance(item.value, str) and not isinstance(item.value, _Number)]
        bad += [
            BadRow(item.number, _cell(item.value), "is not a text in quotes.") for item in items if item not in good
        ]
        if not good:
            raise UnreadableSheetError(_NO_TABLE)
        rows, bad = _short([Row(item.number, (item.value,)) for item in good if item.value.strip()], bad)
        return JsonTable(kind, Records([HEADER, *rows], bad, doubts), has_header=False)
    for item in items:
        if not isinstance(item.value, dict):
            bad.append(BadRow(item.number, _cell(item.value)[:200], 'is not an object such as {"prompt": "…"}.'))
        elif key := _repeated(item.value):
            bad.append(BadRow(item.number, "", f"the key '{key}' is used twice. Delete one of them."))
    wrong = {row.number for row in bad}
    good_objects = [item for item in objects if item.number not in wrong]
    header = list(dict.fromkeys(key for item in good_objects for key in item.value))
    if len(header) > MAX_COLUMNS:
        raise UnreadableSheetError(f"has more than {MAX_COLUMNS} columns. Delete those that are not needed")
    rows = [Row(item.number, tuple(_cell(item.value.get(key)) for key in header)) for item in good_objects]
    rows, bad = _short([row for row in rows if any(map(str.strip, row.cells))], bad)
    return JsonTable(kind, Records([Row(0, tuple(header)), *rows], bad, doubts))


def _short(rows: Sequence[Row], bad: list[BadRow]) -> tuple[list[Row], list[BadRow]]:
    """Return the rows whose cells are not too long, and the errors with those of the others."""
    long = [row for row in rows if any(len(cell) > MAX_CELL_LENGTH for cell in row.cells)]
    errors = [BadRow(row.number, max(row.cells, key=len)[:200], TOO_LONG) for row in long]
    return [row for row in rows if row not in long] if long else list(rows), [*bad, *errors]


def _repeated(value: Any) -> str:
    """Return a key that an object, or an object inside it, uses twice."""
    if isinstance(value, list):
        return next(filter(None, map(_repeated, value)), "")
    if not isinstance(value, _Object):
        return ""
    return value.repeated or next(filter(None, map(_repeated, value.values())), "")


def _cell(value: Any) -> str:
    """Return the text of a cell: the values of a list are joined with ``|``, an object stays JSON."""
    if isinstance(value, list):
        return "|".join(
            _cell(each).replace("|", "\\|") if not isinstance(each, list) else _json(each) for each in value
        )
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    """Return a value as JSON with its numbers as they are written in the file."""
    return "".join(_parts(value))


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for index, (key, each) in enumerate(value.items()):
            yield f"{', ' * (index > 0)}{json.dumps(key, ensure_ascii=False)}: "
            yield from _parts(each)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for index, each in enumerate(value):
            yield ", " * (index > 0)
            yield from _parts(each)
        yield "]"
    else:
        yield str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
