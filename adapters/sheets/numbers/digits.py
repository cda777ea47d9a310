"""Numbers as their formats show them: digits, thousands, decimals, percent, powers of ten and fractions."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from adapters.sheets.numbers.date_format import Token

_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)


class Shape(NamedTuple):
    """A format of digits, split at its decimal point.

    Attributes:
        whole, decimals: tokens before and after the decimal point, without commas.
        has_point: whether there is a decimal point.
        grouped: whether thousands are separated.
        scale: power of ten that the number is multiplied with: 2 for each percent sign, -3 for each trailing comma.
    """

    whole: list[Token]
    decimals: list[Token]
    has_point: bool
    grouped: bool
    scale: int


def render_digits(value: float, tokens: tuple[Token, ...], sign: str) -> str:
    """Return a number that is not negative.

    Args:
        sign: text to put before a number with other digits than 0.
    """
    slash, exponent = _special(tokens)
    if slash:
        return _fraction(value, tokens, slash, sign)
    if exponent is not None:
        return _scientific(value, tokens, exponent, sign)
    shape = _shape(tokens)
    number = Decimal(f"{value:.15g}").scaleb(shape.scale, _EXACT)
    return _fixed(number, shape, sign)


@lru_cache(maxsize=1_000)
def _shape(tokens: tuple[Token, ...]) -> Shape:
    digits = [index for index, token in enumerate(tokens) if token.kind == "digit"]
    point = next((i for i, token in enumerate(tokens) if token.kind == "mark" and token.text == "."), len(tokens))
    whole = [index for index in digits if index < point]
    commas = [index for index, token in enumerate(tokens) if token.kind == "mark" and token.text == ","]
    grouped = any(whole and whole[0] < comma < whole[-1] for comma in commas)
    last = whole[-1] if whole else -1
    thousands = sum(_run_of_commas(tokens, end + 1) for end in {last, digits[-1] if digits else -1})
    percents = sum(1 for token in tokens if token.kind == "mark" and token.text == "%")
    return Shape(
        _without_commas(tokens[:point]),
        _without_commas(tokens[point + 1 :]),
        point < len(tokens),
        grouped,
        2 * percents - 3 * thousands,
    )


def _run_of_commas(tokens: Sequence[Token], start: int) -> int:
    end = start
    while end < len(tokens) and tokens[end].kind == "mark" and tokens[end].text == ",":
        end += 1
    return end - start if start else 0


def _without_commas(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.text != "," or token.kind != "mark"]


def _fixed(number: Decimal, shape: Shape, sign: str) -> str:
    """Return a number with the decimals of a format; a number that is rounded to 0 has no sign."""
    places = sum(1 for token in shape.decimals if token.kind == "digit")
    rounded = number.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    whole, _, decimals = f"{rounded:f}".partition(".")
    text = _whole(whole.lstrip("0"), shape.whole, shape.grouped, shape.has_point)
    return f"{sign if rounded else ''}{text}{'.' * shape.has_point}{_decimals(decimals, shape.decimals)}"


def _whole(digits: str, tokens: Sequence[Token], grouped: bool, has_point: bool = False) -> str:
    """Fill the places before the decimal point from the right; the first place takes all digits that are left.

    A format without any place shows only its texts; ``.00`` shows the whole part anyway.
    """
    places = [index for index, token in enumerate(tokens) if token.kind == "digit"]
    parts = [token.text for token in tokens]
    if not places:
        return "".join(parts) + (digits if has_point else "")
    position, rest = 0, digits
    for index in reversed(places):
        is_first = index == places[0]
        taken = rest if is_first else rest[-1:]
        rest = "" if is_first else rest[:-1]
        filled = taken or {"0": "0", "#": "", "?": " "}[tokens[index].text]
        parts[index] = _grouped(filled, position) if grouped and filled.strip() else filled
        position += max(len(filled), 1)
    return "".join(parts)


def _grouped(digits: str, position: int) -> str:
    """Put a comma after every digit with a multiple of three digits to its right."""
    text = ""
    for digit in reversed(digits):
        text = digit + ("," if position and position % 3 == 0 else "") + text
        position += 1
    return text


def _decimals(digits: str, tokens: Sequence[Token]) -> str:
    """Fill the places after the decimal point; zeros at the end are shown only where the format has a 0."""
    places = [index for index, token in enumerate(tokens) if token.kind == "digit"]
    parts = [token.text for token in tokens]
    significant = len(digits.rstrip("0"))
    for order, index in enumerate(places):
        is_shown = order < significant or tokens[index].text == "0"
        parts[index] = digits[order] if is_shown else " " if tokens[index].text == "?" else ""
    return "".join(parts)


def _scientific(value: float, tokens: tuple[Token, ...], index: int, sign: str) -> str:
    shape = _shape(tokens[:index])
    step = max(1, sum(1 for token in shape.whole if token.kind == "digit"))
    number = Decimal(f"{value:.15g}").scaleb(shape.scale, _EXACT)
    power = _power(number, step)
    mantissa = _fixed(number.scaleb(-power, _EXACT), shape, sign)
    if _digits_before_point(mantissa) > step:  # rounding made one digit more, as in 9.99 → 10.0
        power += step
        mantissa = _fixed(number.scaleb(-power, _EXACT), shape, sign)
    mark = "-" if power < 0 else "+" if tokens[index].text.endswith("+") else ""
    return f"{mantissa}E{mark}{_whole(str(abs(power)).lstrip('0'), tokens[index + 1 :], False)}"


def _power(number: Decimal, step: int) -> int:
    """Return the power of ten to show; it is a multiple of the number of places before the decimal point."""
    return number.adjusted() // step * step if number else 0


def _digits_before_point(text: str) -> int:
    return sum(1 for character in text.partition(".")[0] if character.isdigit())


@lru_cache(maxsize=1_000)
def _special(tokens: tuple[Token, ...]) -> tuple[int | None, int | None]:
    """Return the index of the slash of a fraction, and of the exponent of a power of ten."""
    return _slash(tokens), next((index for index, token in enumerate(tokens) if token.kind == "exponent"), None)


def _slash(tokens: Sequence[Token]) -> int | None:
    """Return the index of the slash of a fraction: it follows a digit's place, and digits follow it."""
    for index, token in enumerate(tokens):
        if token.kind == "mark" and token.text == "/" and 0 < index < len(tokens) - 1:
            after = tokens[index + 1]
            if tokens[index - 1].kind == "digit" and (after.kind == "digit" or after.text.isdigit()):
                return index
    return None


def _fraction(value: float, tokens: Sequence[Token], slash: int, sign: str) -> str:
    """Return ``1 1/2``, or ``3/2`` if the format has no place for the whole part."""
    start, end = slash, slash + 1
    while start and tokens[start - 1].kind == "digit":
        start -= 1
    while end < len(tokens) and (tokens[end].kind == "digit" or tokens[end].text.isdigit()):
        end += 1
    before, after = tokens[:start], tokens[end:]
    exact = Fraction(f"{value:.15g}")
    near = _nearest(exact, tokens[slash + 1 : end])
    places = [index for index, token in enumerate(before) if token.kind == "digit"]
    parts = [token.text for token in before]
    whole = int(near) if places else 0
    numerator, denominator = (near - whole).numerator, (near - whole).denominator
    fixed = "".join(token.text for token in tokens[slash + 1 : end])
    if fixed.strip("0#?") and fixed.isdigit():
        numerator, denominator = int((near - whole) * int(fixed)), int(fixed)
    shown = f"{numerator}/{denominator}" if numerator or not places else ""
    digits = str(whole) if whole or not shown or any(before[index].text == "0" for index in places) else ""
    for index in places:
        parts[index] = ""
    if places:
        parts[places[-1]] = digits
    return f"{sign if near else ''}{''.join(parts).lstrip()}{shown}{''.join(token.text for token in after)}"


def _nearest(exact: Fraction, places: Sequence[Token]) -> Fraction:
    """Return the nearest fraction with a given denominator, or with at most as many digits as there are places."""
    text = "".join(token.text for token in places)
    if text.isdigit() and text.strip("0"):
        return Fraction(round(exact * int(text)), int(text))
    return exact.limit_denominator(10 ** min(len(places), 7) - 1)
