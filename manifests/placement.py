"""Channels and aspect ratios in which an ad runs."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from math import log
from typing import NamedTuple

from manifests.pluralize import any_of

ASPECT_RATIOS = ("16:9", "9:16", "1:1")
"""Ratios that text-to-video models make in general."""
OTHER_RATIOS = ("4:5", "5:4", "4:3", "3:4", "3:2", "2:3", "21:9", "9:21", "2:1", "1:2")
"""Ratios that a model makes only if its card lists them."""
RATIOS = (*ASPECT_RATIOS, *OTHER_RATIOS)

CHANNELS = {
    "youtube": "16:9",
    "linkedin": "16:9",
    "display": "16:9",
    "instagram-feed": "1:1",
    "facebook-feed": "1:1",
    "tiktok": "9:16",
    "reels": "9:16",
    "stories": "9:16",
    "shorts": "9:16",
    "tiktok-reservation": "9:16",
    "snapchat": "9:16",
    "pinterest": "9:16",
    "x": "16:9",
    "google-app": "16:9",
    "demand-gen": "16:9",
    "ctv": "16:9",
}

OTHER_NAMES = {
    "yt": "youtube",
    "instagram": "instagram-feed",
    "facebook": "facebook-feed",
    "tik-tok": "tiktok",
    "instagram-reels": "reels",
    "reel": "reels",
    "story": "stories",
    "instagram-story": "stories",
    "instagram-stories": "stories",
    "facebook-stories": "stories",
    "youtube-shorts": "shorts",
    "tiktok-auction": "tiktok",
    "tiktok-topview": "tiktok-reservation",
    "snap": "snapchat",
    "twitter": "x",
    "google-app-campaign": "google-app",
    "google-demand-gen": "demand-gen",
    "connected-tv": "ctv",
    "meta-feed": "instagram-feed",
    "meta-reels": "reels",
    "meta-stories": "stories",
}
"""Other names of channels; those of the shipped placement presets are among them."""
SHAPES = {"landscape": "16:9", "horizontal": "16:9", "portrait": "9:16", "vertical": "9:16", "square": "1:1"}

AMBIGUOUS_SHAPES = frozenset(("portrait", "landscape"))
"""Shapes for which other ratios are common as well."""

_RATIO = re.compile(r"0*([1-9]\d{0,3})[:x×/]0*([1-9]\d{0,3})(?::00)?")
"""``16:9``, ``16x9``, and ``16:09`` or ``16:09:00``, to which spreadsheet programs convert ``16:9``."""
_PIXELS = re.compile(r"(\d{3,5})(?:px)?[x×*](\d{3,5})(?:px)?")
"""``1080x1350``. Spaces around the sign are removed before."""
_SIGN = re.compile(r"(?<=\d)\s*(?:px)?\s*([:x×*/])\s*(?=\d)|(?<=\d)\s+px\b")
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]")
_PIXEL_TOLERANCE = 0.03
"""Sizes of 16:9 that are multiples of 16, such as 832x480, are up to 2.5 % off."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?: .*)?|\d{1,2}[-. ]{1,2}[^\W\d_]{3,4}\.?(?:[-. ]{1,2}\d{2,4})?")
"""``2026-04-05`` and ``5-Apr``, to which spreadsheet programs convert ``4/5``."""
_SECONDS = re.compile(r"(\d{1,3}(?:[.,]\d{1,2})?)s")


class Placement(NamedTuple):
    """A channel with its aspect ratio.

    Attributes:
        channel: a key of CHANNELS, or ``generic`` if the sheet gives only a ratio.
        aspect_ratio: one of RATIOS, as width:height.
        duration_s: length in seconds; None for the length of the brief or the card.
    """

    channel: str
    aspect_ratio: str
    duration_s: float | None = None

    @property
    def label(self) -> str:
        """``tiktok 9:16``, or only the ratio if the channel is ``generic``."""
        return self.aspect_ratio if self.channel == "generic" else f"{self.channel} {self.aspect_ratio}"


@lru_cache(4096)
def parse_placement(text: str) -> Placement:
    """Parse ``16:9``, ``tiktok``, ``tiktok 1:1`` or ``tiktok 6s``, and the ways in which people and Excel write them.

    A size in pixels such as ``1080x1350`` is its ratio; ``reading_of`` returns a sentence about it.

    Raises:
        ValueError: neither a known channel nor a known ratio. The message continues after the quoted text and lists
            the allowed values.
    """
    if _DATE.fullmatch(text.strip()):
        raise ValueError(
            "is a date; a spreadsheet program has probably converted a ratio such as 4/5. Format the cells as text, "
            "and enter the ratio as 4:5."
        )
    words = _words(text)
    ratios = [_ratio(word) for word in words if _is_ratio(word)]
    lengths = [float(found[1].replace(",", ".")) for word in words if (found := _SECONDS.fullmatch(word))]
    channel = _channel([word for word in words if not _is_ratio(word) and not _SECONDS.fullmatch(word)])
    if len(ratios) > 1 or len(lengths) > 1 or not (ratios or channel):
        raise ValueError(
            f"is not a single placement. Use one channel, one of {any_of(ASPECT_RATIOS)}, or both, for example "
            "tiktok 1:1. Separate several placements with |."
        )
    return Placement(channel or "generic", ratios[0] if ratios else CHANNELS[channel], lengths[0] if lengths else None)


def reading_of(text: str) -> str | None:
    """Return how a valid placement is read if it could mean something else, or None; continues the quoted text."""
    words = _words(text)
    if sizes := [word for word in words if _PIXELS.fullmatch(word)]:
        return f"is read as the aspect ratio {_ratio(sizes[0])}. The model decides the size in pixels."
    if shapes := [word for word in words if word in AMBIGUOUS_SHAPES]:
        return f"is read as {SHAPES[shapes[0]]}. Enter that ratio, or another one that the model makes."
    return None


def nearest_ratio(ratio: str, allowed: Iterable[str]) -> str:
    """Return the allowed ratio that is nearest to a ratio; of two equally near ones, the first."""
    return min(allowed, key=lambda other: _distance(ratio, other))


def _words(text: str) -> list[str]:
    visible = text if text.isascii() else _DIRECTION.sub("", text)
    return _SIGN.sub(lambda found: found[1] or "", visible.strip().lower().replace("_", "-")).split()


def _is_ratio(word: str) -> bool:
    return word in SHAPES or bool(_RATIO.fullmatch(word) or _PIXELS.fullmatch(word))


def _ratio(word: str) -> str:
    if word in SHAPES:
        return SHAPES[word]
    found = _PIXELS.fullmatch(word) or _RATIO.fullmatch(word)
    assert found is not None
    ratio = f"{found[1]}:{found[2]}"
    if _PIXELS.fullmatch(word):
        near = nearest_ratio(ratio, RATIOS)
        ratio = near if _distance(ratio, near) <= _PIXEL_TOLERANCE else ratio
    if ratio not in RATIOS:
        raise ValueError(
            f"is not a supported aspect ratio. The nearest is {nearest_ratio(ratio, ASPECT_RATIOS)}. {_ALLOWED}"
        )
    return ratio


def _distance(ratio: str, other: str) -> float:
    """Return by how much two ratios differ, as a logarithm, which is symmetric for portrait and landscape."""
    return round(abs(log(_quotient(ratio)) - log(_quotient(other))), 9)


def _quotient(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return max(int(width), 1) / max(int(height), 1)


def _channel(words: Sequence[str]) -> str:
    name = "-".join(words)
    name = "" if name == "generic" else OTHER_NAMES.get(name, name)
    if name and name not in CHANNELS:
        near = get_close_matches(name, [*CHANNELS, *OTHER_NAMES], 1, 0.7)
        hint = f"Did you mean {OTHER_NAMES.get(near[0], near[0])}? " if near else ""
        raise ValueError(f"is not a channel or an aspect ratio. {hint}{_ALLOWED}")
    return name


_ALLOWED = f"Use {any_of(ASPECT_RATIOS)}, or one of {', '.join(CHANNELS)}."
