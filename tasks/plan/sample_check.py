"""Refuse a sample if a run would generate more: a run works on everything that its campaign has registered."""

from collections.abc import Iterable

from adapters.catalogue import Catalogue
from manifests.errors import PlanError
from manifests.pluralize import counted, one_or_more
from manifests.states import UNFINISHED


def check_sample(catalogue: Catalogue, campaign_id: str, sampled: Iterable[str]) -> None:
    """Check that all unfinished variants of a campaign belong to a sample; a campaign without variants has none.

    Retries and fallbacks of the sample belong to it.

    Args:
        sampled: ids of the variants of the sample.

    Raises:
        PlanError: a run would generate others as well; nothing was registered.
    """
    allowed, left = set(sampled), 0
    parents = {row.variant_id: row.parent_id for row in catalogue.variants.of_campaign(campaign_id)}
    spare = catalogue.progress.not_needed(campaign_id)
    for row in catalogue.variants.of_campaign(campaign_id, UNFINISHED):
        first, seen = row.variant_id, {row.variant_id}
        while first not in allowed and (parent := parents.get(first)) and parent not in seen:
            first = parent
            seen.add(first)
        left += first not in allowed and row.variant_id not in spare
    if left:
        raise PlanError(_refusal(campaign_id, len(allowed), left))


def _refusal(campaign_id: str, number: int, left: int) -> str:
    others = counted(left, "other unfinished clip{s}")
    return (
        f"--sample {number} does not limit this run: {campaign_id} was already started with more, and a run would also "
        f"generate {others}. To generate only the sample, copy the sheet under another name and run the copy with "
        f"--sample {number}. To generate {one_or_more(left, 'it', 'them')} too, run the sheet without --sample."
    )
