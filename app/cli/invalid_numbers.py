"""Plain messages for invalid numbers on the command line; Typer prints those of pydantic."""

import typer
from pydantic import ValidationError

NOT_A_NUMBER = {
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "finite_number": "a number",
}
OUT_OF_RANGE = {"greater_than_equal": "is too small", "less_than_equal": "is too large"}


def number_message(error: typer.BadParameter) -> str | None:
    """Return ``'ten' is not a whole number. Enter a whole number of at least 1.``; None for other errors."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return None
    first = cause.errors()[0]
    value, kind = first["input"], first["type"]
    if kind in NOT_A_NUMBER:
        return f"{value!r} is not {NOT_A_NUMBER[kind]}. Enter {NOT_A_NUMBER[kind]}{_range_of(error)}."
    if kind in OUT_OF_RANGE:
        return f"{value} {OUT_OF_RANGE[kind]}. Enter a number{_range_of(error)}."
    return None


def _range_of(error: typer.BadParameter) -> str:
    low, high = getattr(error.param, "min", None), getattr(error.param, "max", None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return f" of at most {high}" if high is not None else ""
