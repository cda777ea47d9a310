"""What driver and child tell each other, as JSON: cards, variants, items and errors."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from manifests import errors
from manifests.variant import Variant
from models.card import ModelCard

KINDS = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ReelmillError)
}


def opening(what: str, card: ModelCard, device: str, threads: int | None, weights_root: Path | None) -> dict[str, Any]:
    """Return the first request to a child, which sees only one GPU."""
    return {
        "do": what,
        "card": card_to_json(card),
        "device": "cuda" if device.startswith("cuda") else device,
        "threads": threads,
        "weights_root": str(weights_root) if weights_root else None,
    }


def card_to_json(card: ModelCard) -> dict[str, Any]:
    """Return a card with the base folder of its relative paths."""
    return {**card.model_dump(mode="json"), "home": str(card.home)}


def card_from_json(content: dict[str, Any]) -> ModelCard:
    """Return the card of ``card_to_json``."""
    return ModelCard.model_validate({**content, "home": Path(content["home"])})


def variants_to_json(variants: Iterable[Variant]) -> list[dict[str, Any]]:
    """Return variants as JSON objects."""
    return [variant._asdict() for variant in variants]


def variants_from_json(content: Iterable[dict[str, Any]]) -> list[Variant]:
    """Return the variants of ``variants_to_json``."""
    return [
        Variant(**{**each, "loras": tuple(each["loras"]), "reference_sha256s": tuple(each["reference_sha256s"])})
        for each in content
    ]


def error_to_json(error: BaseException) -> dict[str, str]:
    """Return the kind and the message of an error; errors of other libraries become a ModelError with their name."""
    if isinstance(error, errors.ReelmillError):
        return {"kind": type(error).__name__, "text": str(error)}
    first = (str(error).strip().splitlines() or [""])[0]
    return {"kind": errors.ModelError.__name__, "text": f"{type(error).__name__}: {first}"}


def error_from_json(content: dict[str, str]) -> errors.ReelmillError:
    """Return the error of ``error_to_json``; an unknown kind becomes a ModelError."""
    return KINDS.get(str(content["kind"]), errors.ModelError)(str(content["text"]))
