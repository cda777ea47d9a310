"""Hosted models: the wire format of each protocol, without network access."""

from functools import cache
from importlib import import_module
from typing import cast

from manifests.errors import ModelError
from models.hosted.wire_format import WireFormat
from models.hosted_card import HostedCard

__all__ = ["format_of"]

FORMATS = {
    "openai_videos": "OpenAiVideos",
    "runway": "Runway",
    "google_omni": "GoogleOmni",
    "vertex_veo": "VertexVeo",
    "fal": "Fal",
    "adobe_firefly": "AdobeFirefly",
    "ark": "Ark",
    "kling": "Kling",
    "luma": "Luma",
    "dashscope": "DashScope",
}
"""Class of each protocol, in the module of its name."""


def format_of(card: HostedCard) -> WireFormat:
    """Return the wire format of a card's protocol.

    Raises:
        ModelError: the card has none, because its model no longer exists.
    """
    if card.protocol not in FORMATS:
        raise ModelError(f"{card.name} cannot run: {card.retired}")
    return _format(card.protocol)


@cache
def _format(protocol: str) -> WireFormat:
    module = import_module(f"models.hosted.{protocol}")
    return cast("WireFormat", getattr(module, FORMATS[protocol])())
