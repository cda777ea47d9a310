"""Requests and jobs of hosted cards, for tests of wire formats."""

import json
from typing import Any

from manifests.hosted.wire import Answer, Wire
from manifests.variant import Variant
from models.hosted.wire_format import JobRef, JobRequest, Picture
from models.hosted_card import HostedCard
from models.registry import get_card

REFERENCE = "0123456789abcdef0123456789abcdef"
PNG = Picture(b"\x89PNG", "image/png")
PNG_URI = "data:image/png;base64,iVBORw=="


def hosted_card(name: str, **changes: Any) -> HostedCard:
    """Return a bundled hosted card with some fields changed."""
    card = get_card(name)
    assert isinstance(card, HostedCard)
    return HostedCard.model_validate({**card.model_dump(), **changes})


def variant_of(card: HostedCard, ratio: str = "16:9", seconds: int = 0, **changes: Any) -> Variant:
    """Return a variant of a card, of its default length unless ``seconds`` is given."""
    size = card.size_for(ratio)
    frames = card.frames_for(seconds or card.durations.default_s)
    found = Variant(
        card.name, card.revision, "a red ball", "blurry", 7, size.height, size.width, frames, card.fps, 0, 0.0
    )
    return found._replace(**changes)


def request_of(card: HostedCard, variant: Variant | None = None, **changes: Any) -> JobRequest:
    """Return a request for a variant, or for the card's usual one."""
    return JobRequest(card, variant or variant_of(card), REFERENCE, card.base_url)._replace(**changes)


def job_of(card: HostedCard, vendor_ref: str = "", **changes: Any) -> JobRef:
    """Return a job of the card's usual variant."""
    found = JobRef(card, variant_of(card), REFERENCE, card.base_url, 1_780_000_000.0, vendor_ref=vendor_ref)
    return found._replace(**changes)


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """Return an answer with a body as JSON, or with these bytes; ``_`` in names of headers is a dash."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def has_null(value: Any) -> bool:
    """Return whether a JSON value contains null at any depth."""
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return value is None or (isinstance(value, list) and any(map(has_null, value)))


def fields_of(wire: Wire) -> dict[str, str]:
    """Return the form fields of a multipart request, without files."""
    return {part.name: part.content.decode() for part in wire.parts if not part.file_name}
