"""Reading of answers whose content cannot be trusted. No function here raises an error for any content."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from manifests.costs.money import MOST_UNITS, Money
from manifests.hosted.wire import Answer

MOST_MESSAGE = 500
MOST_REFERENCE = 300
MOST_ADDRESS = 8000
MOST_WORD = 60
MOST_DECIMALS = 12
"""Smaller numbers count as 0: written out, they can have a million digits."""
MOST_WAIT_S = 86400.0
"""Longer waits are cut; a provider that asks for more is asked again the next day."""


def parse(content: bytes) -> Any:
    """Return the JSON value in a body, with Decimal for fractions; None if it is not JSON."""
    try:
        return json.loads(content, parse_float=_fraction, parse_constant=lambda _: None)
    except (ValueError, RecursionError):  # the answer may contain very long numbers or deep nesting
        return None


def at(body: Any, path: str) -> Any:
    """Return the value at a dotted path, or None.

    A step is a member's name, an index (negative ones count from the end), or ``type=video``: the first element of a
    list with this member. An empty path is the body itself.
    """
    for step in path.split(".") if path else ():
        body = _member(body, step)
    return body


def text(value: Any, most: int = MOST_MESSAGE) -> str:
    """Return a string, number or truth value as one line of printable text; empty for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return _digits(value)[:most]
    if not isinstance(value, str):
        return ""
    shown = "".join(char if char.isprintable() else " " for char in value[: most * 2])
    return " ".join(shown.split())[:most]


def number(value: Any) -> Decimal | None:
    """Return a number, also one that is written as a string, from 0 to 10^12; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        found = +Decimal(value) if not isinstance(value, str) or len(value) <= 40 else Decimal("NaN")
    except (ArithmeticError, ValueError):
        return None
    if not (found.is_finite() and 0 <= found <= MOST_UNITS):
        return None
    return found if found.adjusted() > -MOST_DECIMALS else Decimal(0)


def money(value: Any, currency: str, unit: Decimal | int = 1) -> Money | None:
    """Return an amount of the provider's own units, each worth ``unit``, as money; None if it is not a number."""
    amount = number(value)
    return None if amount is None else Money.of(amount * unit, currency)


def reference(value: Any) -> str:
    """Return a provider's reference; empty if it cannot be one: control characters, too long, or a path step."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    found = value if isinstance(value, str) else _digits(value)
    is_valid = 0 < len(found) <= MOST_REFERENCE and found.isprintable() and found.strip(" .") != ""
    return found if is_valid else ""


def address(value: Any) -> str:
    """Return an http or https address without a user name; empty if it is none."""
    if not isinstance(value, str) or not 0 < len(value) <= MOST_ADDRESS or not value.isprintable() or " " in value:
        return ""
    try:
        parts = urlsplit(value)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        return value if is_valid and parts.port != 0 else ""
    except ValueError:
        return ""


def fact(value: Any) -> str | int | float | None:
    """Return a value as it is stored with a clip; None if it is neither text nor a number."""
    if isinstance(value, Decimal):
        return float(value) if math.isfinite(float(value)) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return text(value, most=4000) or None
    return value if abs(value) < 2**63 else None


def retry_after(answer: Answer) -> float | None:
    """Return the wait in seconds that an answer asks for, as seconds or as a date; None if it does not."""
    value = answer.headers.get("retry-after", "").strip()
    if not value:
        return None
    seconds = number(value)
    found = float(seconds) if seconds is not None else _until(value, answer.headers)
    return None if found is None else min(max(found, 0.0), MOST_WAIT_S)


def _until(value: str, headers: Mapping[str, str]) -> float | None:
    """Return the seconds from the answer's own date if it has one: this machine's clock may be wrong."""
    try:
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _member(body: Any, step: str) -> Any:
    if isinstance(body, dict):
        return body.get(step)
    if not isinstance(body, list):
        return None
    name, is_search, wanted = step.partition("=")
    if is_search:
        return next((each for each in body if isinstance(each, dict) and each.get(name) == wanted), None)
    index = int(step) if step.lstrip("-").isdecimal() else len(body)
    return body[index] if -len(body) <= index < len(body) else None


def _fraction(digits: str) -> Decimal | None:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent that is too large
        return None


def _digits(value: int | Decimal) -> str:
    try:
        return str(value)
    except ValueError:  # more than 4,300 digits
        return ""
