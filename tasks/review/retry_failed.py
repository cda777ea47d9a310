"""Retry failed variants: unchanged after an error, with a new seed after a failed verdict."""

from collections import defaultdict
from typing import NamedTuple

from adapters.catalogue import Catalogue, VariantRow
from manifests.placement import parse_placement
from manifests.states import State
from manifests.variant import PlannedVariant, Variant
from tasks.plan.expand import SEEDS


class Retried(NamedTuple):
    """Number of retried variants.

    Attributes:
        same_seed: retried unchanged.
        new_seed: replaced by a new variant with another seed.
        deliverables: number of deliverables that are made again.
    """

    same_seed: int
    new_seed: int
    deliverables: int = 0


def retry_failed(catalogue: Catalogue, campaign_id: str) -> Retried:
    """Retry every failed variant and deliverable, and nothing else.

    A clip that failed the gate would fail again with the same seed, so a variant with the next unused seed replaces
    it and records it as parent. Variants that already have a replacement, also by a fallback model, are skipped: the
    replacement's outcome counts.
    """
    rows = catalogue.variants.of_campaign(campaign_id)
    parents = {row.parent_id for row in rows}
    refused = [row for row in rows if row.state == State.FAILED and row.score and row.variant_id not in parents]
    replaced = {row.variant_id for row in rows if row.state == State.FAILED and row.variant_id in parents}
    new_seed = _regenerate_failed(catalogue, campaign_id, rows, refused)
    same_seed = catalogue.decisions.retry_failed(campaign_id, quarantined=True, scored=False, replaced=replaced)
    return Retried(same_seed, new_seed, catalogue.deliverables.retry(campaign_id))


def _regenerate_failed(
    catalogue: Catalogue, campaign_id: str, rows: list[VariantRow], refused: list[VariantRow]
) -> int:
    used: defaultdict[Variant, set[int]] = defaultdict(set)
    for row in rows:
        used[row.variant._replace(seed=0)].add(row.variant.seed)
    members = defaultdict(list)
    for member in catalogue.campaigns.memberships(campaign_id):
        members[member.variant_id].append(member)
    added = 0
    for row in refused:
        seed = _next_seed(row.variant.seed, used[row.variant._replace(seed=0)])
        variant = row.variant._replace(seed=seed)
        planned = [
            PlannedVariant(
                member.brief_id, parse_placement(member.placement), variant, variant.variant_id, member.labels
            )
            for member in members[row.variant_id]
        ]
        added += catalogue.campaigns.add_variants(campaign_id, planned, parent_id=row.variant_id)
    return added


def _next_seed(seed: int, used: set[int]) -> int:
    """Return the first seed above ``seed`` that is not used, and mark it as used."""
    while seed in used:
        seed = (seed + 1) % SEEDS
    used.add(seed)
    return seed
