"""A new try of a clip, wished for by a person: another seed, or other words."""

from adapters.catalogue import Catalogue
from manifests.errors import PlanError
from manifests.placement import parse_placement
from manifests.variant import PlannedVariant, Variant
from tasks.plan.expand import SEEDS

LONGEST_PROMPT = 2000
LOOK_AHEAD = 200


def reroll(catalogue: Catalogue, campaign_id: str, variant_id: str, actor: str, prompt: str | None = None) -> str:
    """Plan a variant in the place of another, which it names as its parent; return its id.

    Args:
        prompt: other words under the same seed; None keeps the words and takes the next seed that is free.

    Raises:
        PlanError: no words, too many, or these under this seed are planned already.
        CatalogueError: no such variant.
    """
    row = catalogue.variants.get(variant_id)
    variant = _reworded(row.variant, prompt) if prompt is not None else _reseeded(catalogue, row.variant)
    members = catalogue.campaigns.memberships(campaign_id, [variant_id])
    if not members:
        raise PlanError(f"Clip {variant_id[:12]} is not part of the campaign {campaign_id}.")
    if catalogue.variants.states([variant.variant_id]):
        raise PlanError("These words are planned under this seed already; change them, or take a new seed.")
    planned = [
        PlannedVariant(member.brief_id, parse_placement(member.placement), variant, variant.variant_id, member.labels)
        for member in members
    ]
    catalogue.campaigns.add_variants(campaign_id, planned, parent_id=variant_id, actor=actor)
    return variant.variant_id


def _reworded(variant: Variant, prompt: str) -> Variant:
    words = " ".join(prompt.split())
    if not words:
        raise PlanError("The prompt is empty; write what the clip shall show.")
    if len(words) > LONGEST_PROMPT:
        raise PlanError(f"The prompt has {len(words):,} characters; at most {LONGEST_PROMPT:,} are allowed.")
    return variant._replace(prompt=words)


def _reseeded(catalogue: Catalogue, variant: Variant) -> Variant:
    """Return the variant with the next seed under which the catalogue holds none, asked for many at a time."""
    first = variant.seed + 1
    for ahead in range(0, SEEDS, LOOK_AHEAD):
        tried = [variant._replace(seed=(first + ahead + step) % SEEDS) for step in range(LOOK_AHEAD)]
        taken = catalogue.variants.states([each.variant_id for each in tried])
        for each in tried:
            if each.variant_id not in taken:
                return each
    raise PlanError("Every seed of these words is planned; change the words.")
