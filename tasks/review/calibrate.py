"""Set a campaign's score threshold and update its verdicts."""

from typing import NamedTuple

from tasks.plan.remaining import Remaining
from tasks.runtime.resources import Resources, catalogue_of


class Applied(NamedTuple):
    """Result of a changed threshold.

    Attributes:
        changed: number of verdicts that changed.
    """

    changed: int


def apply_threshold(
    resources: Resources, campaign_id: str, card: str, threshold: float | None, actor: str, max_rank_share: float
) -> Applied:
    """Set a campaign's threshold for a card's clips and update the verdicts of clips that are not decided yet.

    Briefs with their own threshold keep it. Clips that were reviewed or published do not change.

    Args:
        threshold: a cosine; None restores the card's default.
    """
    catalogue_of(resources).campaigns.set_threshold(campaign_id, card, threshold, actor)
    return Applied(Remaining(resources, campaign_id, max_rank_share).regate(actor))
