"""Dates, times and durations as their formats show them."""

import calendar
import datetime
import json
import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

LAST_DAY = 2_958_465
"""31 December 9999."""
_ENGLISH = "en"
_MONTHS, _SHORT_MONTHS, _DAYS, _SHORT_DAYS = range(4)
Names = tuple[tuple[str, ...], ...]


class Token(Protocol):
    """A part of a format, see number_format.py."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def text(self) -> str:
        """Its text."""


class Moment:
    """A serial number as the parts that a format can show.

    Args:
        serial: days since 30 December 1899.
        decimals: decimals of the seconds that are shown; the time is rounded to them, as spreadsheet programs do.
        has_time: whether a time is shown; a date alone is not rounded.

    Raises:
        ValueError: the number is negative or after the year 9999.
    """

    def __init__(self, serial: float, decimals: int, has_time: bool) -> None:
        self.unit = int(10**decimals)
        self.ticks: int = round((serial if has_time else math.floor(serial)) * 86_400 * self.unit)
        days, rest = divmod(self.ticks, 86_400 * self.unit)
        if not 0 <= days <= LAST_DAY:
            raise ValueError(serial)
        start = datetime.date(1899, 12, 30 if days >= 60 else 31)  # Excel counts 29 February 1900, which never was
        self.date = start + datetime.timedelta(days=days)
        seconds, self.fraction = divmod(rest, self.unit)
        minutes, self.second = divmod(seconds, 60)
        self.hour, self.minute = divmod(minutes, 60)

    def elapsed(self, unit: str) -> int:
        """Return the whole hours, minutes or seconds (``h``, ``m``, ``s``) since the start."""
        return self.ticks // (self.unit * {"h": 3600, "m": 60, "s": 1}[unit])


def render_date(serial: float, tokens: Sequence[Token], language: str) -> str | None:
    """Return a date, a time or a duration; None for calendars and eras that are not supported.

    Raises:
        ValueError: the number is not a date.
    """
    if any(token.kind == "date" and token.text[0].lower() in "gb" for token in tokens):
        return None
    decimals = _decimals(tokens)
    has_time = any(token.kind in ("half", "elapsed") or token.text[:1] in "hHsS" for token in tokens if token.text)
    moment = Moment(serial, decimals, has_time)
    half = any(token.kind == "half" for token in tokens)
    names = _names(language)
    minutes = _minutes(tokens)
    return "".join(_part(token, index in minutes, moment, names, half, decimals) for index, token in enumerate(tokens))


def _part(token: Token, is_minute: bool, moment: Moment, names: Names, half: bool, decimals: int) -> str:
    if token.kind == "elapsed":
        return str(moment.elapsed(token.text[0])).zfill(len(token.text))
    if token.kind == "half":
        word = token.text.split("/")[moment.hour >= 12]
        return word if len(token.text) > 3 else word[:1]
    if token.kind == "date":
        letter, width = token.text[0].lower(), len(token.text)
        if letter in "hs" or is_minute:
            return _clock("m" if is_minute else letter, width, moment, half)
        return _calendar(letter, width, moment.date, names)
    if token.kind == "digit":  # all digits of the fraction of a second are written at the point
        return ""
    if token.kind == "mark" and token.text in ".," and decimals:
        return f".{moment.fraction:0{decimals}d}"
    return token.text


def _clock(letter: str, width: int, moment: Moment, half: bool) -> str:
    hour = (moment.hour % 12 or 12) if half else moment.hour
    number = {"h": hour, "m": moment.minute, "s": moment.second}[letter]
    return str(number).zfill(min(width, 2))


def _calendar(letter: str, width: int, date: datetime.date, names: Names) -> str:
    if letter in "ye":
        return f"{date.year % 100:02d}" if letter == "y" and width <= 2 else f"{date.year:04d}"
    if letter == "m":
        if width == 5:
            return names[_MONTHS][date.month - 1][:1]
        return _named((names[_SHORT_MONTHS], names[_MONTHS]), date.month - 1, width, date.month)
    return _named((names[_SHORT_DAYS], names[_DAYS]), (date.weekday() + 1) % 7, width, date.day)


def _named(names: Sequence[Sequence[str]], index: int, width: int, number: int) -> str:
    """Return ``7``, ``07``, the short name or the long name, by the number of letters in the format."""
    return str(number).zfill(width) if width < 3 else names[width > 3][index]


def _minutes(tokens: Sequence[Token]) -> set[int]:
    """Return the indexes of the tokens m and mm that mean minutes: those after hours or before seconds."""
    parts = [(index, token) for index, token in enumerate(tokens) if token.kind in ("date", "elapsed")]
    found = set()
    for place, (index, token) in enumerate(parts):
        before = parts[place - 1][1].text[0].lower() if place else ""
        after = parts[place + 1][1].text[0].lower() if place + 1 < len(parts) else ""
        if token.kind == "date" and token.text.lower() in ("m", "mm") and (before == "h" or after == "s"):
            found.add(index)
    return found


def _decimals(tokens: Iterable[Token]) -> int:
    """Return how many decimals of the seconds are shown."""
    return sum(1 for token in tokens if token.kind == "digit")


def _names(language: str) -> Names:
    """Return the names for a language such as ``407`` (hexadecimal), ``de-DE`` or none."""
    if not language:
        return _all_names()[_ENGLISH]
    name = language.split(",")[0]
    by_number = _by_number()
    try:
        return by_number.get(int(name, 16) & 0x3FF, _all_names()[_ENGLISH])  # the low 10 bits are the language
    except ValueError:
        return _all_names().get(name.split("-")[0].lower(), _all_names()[_ENGLISH])


@cache
def _all_names() -> dict[str, Names]:
    """Return long and short names of months, and of days from Sunday, by language; generated from Unicode's CLDR."""
    names = {language: tuple(tuple(text.split(";")) for text in texts) for language, (_, *texts) in _data().items()}
    english = (
        calendar.month_name[1:],
        calendar.month_abbr[1:],
        _from_sunday([*calendar.day_name]),
        _from_sunday([*calendar.day_abbr]),
    )
    return names | {_ENGLISH: tuple(map(tuple, english))}


def _from_sunday(days: Sequence[str]) -> list[str]:
    return [days[6], *days[:6]]


@cache
def _by_number() -> dict[int, Names]:
    return {number: _all_names()[language] for language, (number, *_) in _data().items()}


@cache
def _data() -> dict[str, list[Any]]:
    loaded: dict[str, list[Any]] = json.loads(Path(__file__).with_name("date_names.json").read_text("utf-8"))
    return loaded
