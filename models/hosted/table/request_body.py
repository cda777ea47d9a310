"""Parts of requests that several protocols share."""

import base64
from collections.abc import Mapping
from typing import Any

from manifests.errors import CardRuleError
from manifests.variant import Variant
from models.hosted.wire_format import JobRequest, Picture


def seconds_of(variant: Variant) -> int:
    """Return the length of a variant in whole seconds."""
    return round(variant.num_frames / variant.fps)


def data_uri(picture: Picture, most_bytes: int | None = None) -> str:
    """Return a picture as a ``data:`` address.

    Args:
        most_bytes: longest address that the provider accepts.

    Raises:
        CardRuleError: the address would be longer.
    """
    found = f"data:{picture.media_type};base64,{base64.b64encode(picture.content).decode()}"
    if most_bytes is not None and len(found) > most_bytes:
        raise CardRuleError(
            f"The picture has {len(picture.content):,} bytes, more than the provider accepts in a request "
            f"({most_bytes * 3 // 4:,}). Use a smaller one."
        )
    return found


def sound_of(request: JobRequest) -> bool | None:
    """Return whether the clip is to have sound; None if the request does not decide it."""
    return request.card.sound if request.card.audio == "switch" else None


def seed_of(request: JobRequest, most: int = 2**32 - 1) -> int | None:
    """Return the seed, reduced to the provider's range of 0 to ``most``; None if the provider uses none."""
    return request.variant.seed % (most + 1) if request.card.takes_seed else None


def negative_prompt_of(request: JobRequest) -> str | None:
    """Return the negative prompt; None if there is none or the provider does not accept one."""
    return (request.variant.negative_prompt or None) if request.card.supports_negative_prompt else None


def compact(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members without those that are None, also in nested objects; empty objects are left out."""
    found = {name: compact(value) if isinstance(value, dict) else value for name, value in members.items()}
    return {name: value for name, value in found.items() if value is not None and value != {}}


def with_options(body: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with a card's fixed members, which replace members of the same name; objects are merged."""
    merged = dict(body)
    for name, value in options.items():
        is_object = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = with_options(merged[name], value) if is_object else value
    return merged
