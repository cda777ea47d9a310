"""Channels and aspect ratios in which an ad runs."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

ASPECT_RATIOS = ("16:9", "9:16", "1:1")

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
}
SHAPES = {"landscape": "16:9", "horizontal": "16:9", "portrait": "9:16", "vertical": "9:16", "square": "1:1"}

_RATIO = re.compile(r"0*(\d{1,4})[:x×/]0*(\d{1,4})(?::00)?")
"""``16:9``, ``16x9``, and ``16:09`` or ``16:09:00``, to which spreadsheet programs convert ``16:9``."""
_SECONDS = re.compile(r"(\d{1,3}(?:[.,]\d{1,2})?)s")


class Placement(NamedTuple):
    """A channel with its aspect ratio.

    Attributes:
        channel: a key of CHANNELS, or ``generic`` if the sheet gives only a ratio.
        aspect_ratio: one of ASPECT_RATIOS, as width:height.
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

    Raises:
        ValueError: neither a known channel nor a known ratio. The message continues after the quoted text and lists
            the allowed values.
    """
    words = text.strip().lower().replace("_", "-").split()
    ratios = [_ratio(word) for word in words if _is_ratio(word)]
    lengths = [float(found[1].replace(",", ".")) for word in words if (found := _SECONDS.fullmatch(word))]
    channel = _channel([word for word in words if not _is_ratio(word) and not _SECONDS.fullmatch(word)])
    if len(ratios) > 1 or len(lengths) > 1 or not (ratios or channel):
        raise ValueError(
            f"is not a single placement. Use one channel, one of {_listed(ASPECT_RATIOS)}, or both, for example "
            "tiktok 1:1. Separate several placements with |."
        )
    return Placement(channel or "generic", ratios[0] if ratios else CHANNELS[channel], lengths[0] if lengths else None)


def _is_ratio(word: str) -> bool:
    return word in SHAPES or bool(_RATIO.fullmatch(word))


def _ratio(word: str) -> str:
    found = _RATIO.fullmatch(word)
    ratio = f"{found[1]}:{found[2]}" if found else SHAPES[word]
    if ratio not in ASPECT_RATIOS:
        raise ValueError(f"is not a supported aspect ratio. {_ALLOWED}")
    return ratio


def _channel(words: Sequence[str]) -> str:
    name = "-".join(words)
    name = OTHER_NAMES.get(name, name)
    if name and name not in CHANNELS:
        near = get_close_matches(name, [*CHANNELS, *OTHER_NAMES], 1, 0.7)
        hint = f"Did you mean {OTHER_NAMES.get(near[0], near[0])}? " if near else ""
        raise ValueError(f"is not a channel or an aspect ratio. {hint}{_ALLOWED}")
    return name


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


_ALLOWED = f"Use {_listed(ASPECT_RATIOS)}, or one of {', '.join(CHANNELS)}."
