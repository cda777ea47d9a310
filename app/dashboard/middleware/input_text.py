"""Reject texts and numbers that no part of the program can store, wherever they enter a request."""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from manifests.errors import ReelmillError

MAX_DEPTH = 16
"""Maximum nesting of a JSON body; the API's bodies have two levels."""
MAX_TEXT = 200_000
"""Maximum length of one text in characters. The longest ones are lists of a thousand clips, with 60,000."""
MAX_REASON = 1000
"""Maximum length of a reason that a person enters, in characters."""
MAX_NUMBER = 2**63 - 1
"""Largest whole number that both databases store."""


class InvalidInputError(ReelmillError):
    """The request contains a character or a number that cannot be stored. Remove it."""


async def check_input(request: Request) -> None:
    """Check every text and number of a request; each route depends on it.

    JSON can contain lone surrogates (``"\\ud800"``), which UTF-8 cannot encode, and forms can contain NUL characters,
    which PostgreSQL rejects. The body was parsed before, or is not read at all.

    Raises:
        InvalidInputError: a value cannot be stored.
    """
    for value in (*request.path_params.values(), *request.cookies.values()):
        check_value(value)
    for name, value in request.query_params.multi_items():
        check_value(name)
        check_value(value)
    # FastAPI caches the parsed body here. Reading it again would read the bodies that RequestLimits ignores.
    check_value(getattr(request, "_json", None))
    form: FormData | None = getattr(request, "_form", None)
    for name, given in form.multi_items() if form is not None else ():
        check_value(name)
        check_value(given.filename if isinstance(given, UploadFile) else given)


def check_value(value: Any) -> None:
    """Check a value and everything in it, without recursion.

    Raises:
        InvalidInputError: the value or a part of it cannot be stored.
    """
    waiting: list[Iterator[Any]] = [iter((value,))]
    while waiting:
        for part in waiting[-1]:
            _check_one(part)
            if inner := _parts(part):
                waiting.append(iter(inner))
                break
        else:
            waiting.pop()
        if len(waiting) > MAX_DEPTH:
            raise InvalidInputError(f"The JSON body is nested too deeply. Use at most {MAX_DEPTH} levels.")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else ()


def _check_one(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not isfinite(value):
        raise InvalidInputError("The JSON body contains NaN or Infinity. Send a finite number.")
    elif isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise InvalidInputError("The JSON body contains a number with more than 63 bits. Send a smaller number.")


def reason_of(text: str) -> str:
    """Return a reason without spaces around it.

    Raises:
        InvalidInputError: it is too long.
    """
    if len(text.strip()) > MAX_REASON:
        raise InvalidInputError(f"The reason is longer than {MAX_REASON:,} characters. Shorten it.")
    return text.strip()


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise InvalidInputError(f"The request contains a text with more than {MAX_TEXT:,} characters. Shorten it.")
    if "\x00" in text:
        raise InvalidInputError("The request contains a NUL character. Remove it.")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInputError(
            "The request contains half of a surrogate pair, which is not a character. Send the text as valid Unicode."
        )
