"""The models that the server offers, with their sizes and lengths in the format of the API."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from manifests.errors import LicenceNotAttestedError, ModelError
from models.card import ModelCard
from models.registry import get_local_card, weights_problem
from tasks.plan.licence import clearance_of, refuse_unattested_use, refuse_unsupported
from tasks.runtime.resources import Resources

ROUNDING_S = 0.5
"""A length rounds to a whole number of seconds that differs by at most this."""


def offered_cards(resources: Resources, names: Sequence[str]) -> dict[str, ModelCard]:
    """Return the cards to offer.

    Clients receive the files, so that an offered model needs the attestation that runs need for publishing.

    Raises:
        ModelError: a card is unknown, is hosted, cannot run, or lacks weights or an attestation.
    """
    cards = {name: get_local_card(name, resources.model_folders) for name in names}
    refuse_unsupported(resources, names)
    refuse_unattested_use(resources, names)
    for name, card in cards.items():
        clearance = clearance_of(resources, card)
        if not clearance.is_given:
            raise LicenceNotAttestedError(f"{name} cannot be offered to others yet: {clearance.why}")
        if problem := weights_problem(card, resources.weights_root, quick=True):
            raise ModelError(f"{name} cannot be offered: {problem}")
    return cards


def sizes_of(card: ModelCard) -> dict[str, tuple[int, int]]:
    """Return the card's sizes as the API names them, ``WIDTHxHEIGHT``, with height and width."""
    return {f"{size.width}x{size.height}": (size.height, size.width) for size in card.sizes.values()}


def frames_of(card: ModelCard, seconds: float) -> int | None:
    """Return the card's number of frames for a length in seconds; None if no length of the card rounds to it.

    A card with clips of 2.125 s thus accepts 2 s.
    """
    rules = card.rules
    if not math.isfinite(seconds):
        return None
    frames = min(max(rules.nearest(seconds * rules.fps), rules.min_frames), rules.max_frames)
    return frames if abs(frames / rules.fps - seconds) <= ROUNDING_S else None


def seconds_text(card: ModelCard, frames: int) -> str:
    """Return a length as the API names it: whole seconds, at least 1."""
    return str(max(1, math.floor(frames / card.rules.fps + 0.5)))


def seconds_of(card: ModelCard) -> tuple[str, ...]:
    """Return the whole seconds that the card accepts."""
    rules = card.rules
    highest = math.floor(rules.max_frames / rules.fps + ROUNDING_S)
    return tuple(str(each) for each in range(1, highest + 1) if frames_of(card, each) is not None) or ("1",)


def models_list(cards: Mapping[str, ModelCard]) -> list[dict[str, Any]]:
    """Return the model objects of the API, with what each accepts."""
    return [
        {
            "id": card.name,
            "object": "model",
            "created": STARTED,
            "owned_by": "reelmill",
            "title": card.title,
            "kind": card.kind,
            "sizes": list(sizes_of(card)),
            "seconds": list(seconds_of(card)),
            "fps": card.rules.fps,
        }
        for card in cards.values()
    ]


STARTED = int(time.time())
"""The API requires a time at which a model was created; cards have none."""
