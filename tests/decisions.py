"""Record decisions of people as the dashboard does, on the current state of the clips."""

from collections.abc import Iterable

from adapters.catalogue import Catalogue


def decide(catalogue: Catalogue, variant_ids: Iterable[str], outcome: str, actor: str, reason: str = "") -> list[str]:
    """Record a decision; return the ids that changed, in the order given."""
    asked = list(dict.fromkeys(variant_ids))
    moved = catalogue.reviews.record(catalogue.variants.last_events(asked), outcome, actor, reason=reason).moved
    return [key for key in asked if key in moved]
