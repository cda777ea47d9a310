"""Regenerate a clip with a new seed or a new prompt, at a person's request."""

from adapters.catalogue import Catalogue
from manifests.errors import PlanError
from manifests.placement import parse_placement
from manifests.sheet.cells import PROMPT_LENGTH
from manifests.variant import PlannedVariant, Variant
from tasks.plan.expand import SEEDS

LOOK_AHEAD = 200


def regenerate_variant(
    catalogue: Catalogue, campaign_id: str, variant_id: str, actor: str, prompt: str | None = None
) -> str:
    """Plan a replacement for a variant, with the variant as its parent; return the new id.

    Args:
        prompt: a new prompt with the same seed; None keeps the prompt and uses the next unused seed.

    Raises:
        PlanError: the prompt is empty or too long, or this prompt is already planned with this seed.
        CatalogueError: the variant does not exist.
    """
    row = catalogue.variants.get(variant_id)
    variant = _reworded(row.variant, prompt) if prompt is not None else _reseeded(catalogue, row.variant)
    members = catalogue.campaigns.memberships(campaign_id, [variant_id])
    if not members:
        raise PlanError(f"Clip {variant_id[:12]} does not belong to the campaign {campaign_id}.")
    if catalogue.variants.states([variant.variant_id]):
        raise PlanError("This prompt is already planned with this seed. Change the prompt or use a new seed.")
    planned = [
        PlannedVariant(member.brief_id, parse_placement(member.placement), variant, variant.variant_id, member.labels)
        for member in members
    ]
    catalogue.campaigns.add_variants(campaign_id, planned, parent_id=variant_id, actor=actor)
    return variant.variant_id


def _reworded(variant: Variant, prompt: str) -> Variant:
    words = " ".join(prompt.split())
    if not words:
        raise PlanError("The prompt is empty. Describe what the clip should show.")
    if len(words) > PROMPT_LENGTH:
        raise PlanError(f"The prompt has {len(words):,} characters. The limit is {PROMPT_LENGTH:,}.")
    return variant._replace(prompt=words)


def _reseeded(catalogue: Catalogue, variant: Variant) -> Variant:
    """Return the variant with the next unused seed, looking up LOOK_AHEAD seeds at a time."""
    first = variant.seed + 1
    for ahead in range(0, SEEDS, LOOK_AHEAD):
        tried = [variant._replace(seed=(first + ahead + step) % SEEDS) for step in range(LOOK_AHEAD)]
        taken = catalogue.variants.states([each.variant_id for each in tried])
        for each in tried:
            if each.variant_id not in taken:
                return each
    raise PlanError("Every seed of this prompt is planned. Change the prompt.")
