"""Where an ad runs."""

from typing import NamedTuple

ASPECT_RATIOS = ("16:9", "1:1", "9:16")

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


class Placement(NamedTuple):
    """A channel with the aspect ratio that it wants.

    Attributes:
        channel: a key of CHANNELS, or ``generic`` where the sheet names a ratio alone.
        aspect_ratio: one of ASPECT_RATIOS, as width:height.
        duration_s: the length wanted in seconds; None leaves it to the brief and the card.
    """

    channel: str
    aspect_ratio: str
    duration_s: float | None = None

    @property
    def label(self) -> str:
        """``tiktok 9:16``, or the ratio alone."""
        return self.aspect_ratio if self.channel == "generic" else f"{self.channel} {self.aspect_ratio}"


def parse_placement(text: str) -> Placement:
    """Read ``16:9``, ``tiktok`` or ``tiktok 1:1``.

    Raises:
        ValueError: neither a known channel nor a known ratio; the message lists both.
    """
    words = text.strip().lower().replace("_", "-").split()
    ratios = [word for word in words if word in ASPECT_RATIOS]
    channel = "-".join(word for word in words if word not in ASPECT_RATIOS)
    if len(ratios) > 1 or not words or (channel and channel not in CHANNELS):
        raise ValueError(f"use {', '.join(ASPECT_RATIOS)} or a channel: {', '.join(CHANNELS)}")
    ratio = ratios[0] if ratios else CHANNELS[channel]
    return Placement(channel or "generic", ratio)
