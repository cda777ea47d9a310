"""Requests and jobs of hosted cards for tests of wire formats."""

import json
from typing import Any

from manifests.hosted.wire import Answer, Wire
from manifests.variant import Variant
from models.hosted.wire_format import JobRef, JobRequest, Picture
from models.hosted_card import HostedCard
from models.registry import get_card

REFERENCE = "0123456789abcdef0123456789abcdef"
FIRST, LAST = Picture(b"first", "image/png"), Picture(b"last", "image/jpeg")
FIRST_URI, LAST_URI = "data:image/png;base64,Zmlyc3Q=", "data:image/jpeg;base64,bGFzdA=="

PNG, PNG_URI = Picture(b"\x89PNG", "image/png"), "data:image/png;base64,iVBORw=="


def hosted_card(name: str, /, **changes: Any) -> HostedCard:
    """Return a bundled card, with changed fields."""
    card = get_card(name)
    assert isinstance(card, HostedCard)
    return card.model_copy(update=changes)


def variant_of(card: HostedCard, ratio: str = "16:9", seconds: int = 0, **changes: Any) -> Variant:
    """Return a variant, of the card's default length unless ``seconds`` is given."""
    size = card.sizes[ratio]
    made = Variant(
        card=card.name,
        revision=card.revision,
        prompt="a red ball",
        negative_prompt="blur",
        seed=7,
        height=size.height,
        width=size.width,
        num_frames=(seconds or card.durations.default_s) * card.fps,
        fps=card.fps,
        num_inference_steps=0,
        guidance_scale=0.0,
    )
    return made._replace(**changes)


def request_of(card: HostedCard, ratio: str = "16:9", **changes: Any) -> JobRequest:
    """Return the request of one job."""
    return JobRequest(card, variant_of(card, ratio), REFERENCE, card.base_url)._replace(**changes)


def job_of(card: HostedCard, vendor_ref: str = "ref-1", **changes: Any) -> JobRef:
    """Return a job that was submitted at second 1,000."""
    made = JobRef(card, variant_of(card), REFERENCE, card.base_url, 1000.0, vendor_ref=vendor_ref)
    return made._replace(**changes)


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """Return an answer with a JSON body; bytes are sent as they are."""
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
