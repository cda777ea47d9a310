"""Score thresholds: the brief's, else the campaign's, else the card's."""

from collections.abc import Iterable

from adapters.catalogue import VariantRow
from manifests.brief import Brief
from tasks.runtime.resources import Resources, card_of, catalogue_of


def lowest_threshold(briefs: Iterable[Brief], default: float) -> float:
    """Return the lowest threshold among the briefs that share a variant, since one of them can use the clip.

    Args:
        default: for briefs without a threshold: the one set by calibration for the campaign, else the card's.
    """
    return min((default if brief.min_adherence is None else brief.min_adherence for brief in briefs), default=default)


def threshold_of(resources: Resources, row: VariantRow) -> float:
    """Return the lowest threshold of a variant over all campaigns that include it, a cosine."""
    catalogue, name_of_card = catalogue_of(resources), row.variant.card
    card = card_of(resources, name_of_card).inputs.min_adherence
    found = []
    for name in catalogue.variants.campaigns_of([row.variant_id]).get(row.variant_id, ()):
        mine = {member.brief_id for member in catalogue.campaigns.memberships(name, [row.variant_id])}
        briefs = [brief for brief in catalogue.campaigns.briefs(name) if brief.brief_id in mine]
        found.append(lowest_threshold(briefs, catalogue.campaigns.get(name).thresholds.get(name_of_card, card)))
    return min(found, default=card)
