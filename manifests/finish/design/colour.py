"""Colours of brand kits and templates: names or hex digits, and their contrast."""

import difflib
import re
from collections.abc import Mapping
from typing import NamedTuple

from manifests.errors import FinishError

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
DEFAULT_COLOURS: Mapping[str, str] = {
    "primary": "#1d3fd8",
    "on_primary": "#ffffff",
    "accent": "#ffc629",
    "on_accent": "#14171f",
    "background": "#ffffff",
    "text": "#14171f",
}
"""For people without a brand kit. ``on_primary`` is for text on ``primary``, ``text`` for text on ``background``."""
_ON = {"on_primary": "primary", "on_accent": "accent", "text": "background"}
_INKS = ("#ffffff", "#14171f")


class Colour(NamedTuple):
    """sRGB with straight alpha, each 0 to 255."""

    red: int
    green: int
    blue: int
    alpha: int = 255

    @property
    def hex(self) -> str:
        """``#rrggbb``, with two more digits if it is not opaque."""
        return "#" + "".join(f"{part:02x}" for part in (self if self.alpha < 255 else self[:3]))


def parse_colour(text: str) -> Colour:
    """Read ``#rgb``, ``#rrggbb`` or ``#rrggbbaa``.

    Raises:
        ValueError: it is none of these.
    """
    if not _HEX.fullmatch(text):
        raise ValueError(f'"{text}" is not a colour. Use six hex digits in quotes, such as "#e5322d"')
    digits = text[1:] if len(text) > len("#rgb") else "".join(digit * 2 for digit in text[1:])
    return Colour(*bytes.fromhex(digits))


def colour_of(name: str, colours: Mapping[str, str]) -> Colour:
    """Return a colour of a brand by its name or hex digits.

    A brand without ``on_primary``, ``on_accent`` or ``text`` gets white or near-black for it, whichever has the
    higher contrast. Other names that the brand lacks are looked up in DEFAULT_COLOURS.

    Args:
        name: such as ``primary`` or ``#e5322d``.
        colours: of the brand kit.

    Raises:
        FinishError: there is no such colour.
    """
    if name.startswith("#"):
        return _parsed(name)
    if name in colours:
        return _parsed(colours[name])
    if name in _ON and _ON[name] in colours:
        return readable_on(_parsed(colours[_ON[name]]))
    if name in DEFAULT_COLOURS:
        return _parsed(DEFAULT_COLOURS[name])
    known = sorted({*colours, *DEFAULT_COLOURS})
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"Did you mean {near[0]}?" if near else f"Use hex digits such as #e5322d, or {', '.join(known)}."
    raise FinishError(f'the brand kit has no colour "{name}". {advice}')


def _parsed(text: str) -> Colour:
    try:
        return parse_colour(text)
    except ValueError as error:
        raise FinishError(f"{error}.") from error


def readable_on(background: Colour) -> Colour:
    """Return white or near-black, whichever has the higher contrast on a colour."""
    return max(map(parse_colour, _INKS), key=lambda ink: contrast(ink, background))


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio of WCAG 2.2, from 1 (equal) to 21 (black on white); alpha is ignored."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def over(above: Colour, below: Colour) -> Colour:
    """Return the opaque colour of one colour painted on another."""
    share = above.alpha / 255
    parts = (round(top * share + base * (1 - share)) for top, base in zip(above[:3], below[:3], strict=True))
    return Colour(*parts)


def _luminance(colour: Colour) -> float:
    """Return the relative luminance of WCAG 2.2, 0 to 1."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _unit(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _unit(colour: Colour) -> list[float]:
    return [part / 255 for part in colour[:3]]
