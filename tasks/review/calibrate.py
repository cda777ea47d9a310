"""Another threshold for a campaign, and the verdicts that follow from it."""

from typing import NamedTuple

from tasks.plan.remaining import Remaining
from tasks.runtime.resources import Resources, catalogue_of


class Applied(NamedTuple):
    """How many verdicts changed."""

    changed: int


def apply_threshold(
    resources: Resources, campaign_id: str, card: str, threshold: float | None, actor: str, max_rank_share: float
) -> Applied:
    """Set a campaign's threshold for a card's clips and judge again what waits; briefs with one of their own keep it.

    Clips that people have decided, and what was published, stay as they are.

    Args:
        threshold: a cosine; None leaves it to the card again.
    """
    catalogue_of(resources).campaigns.set_threshold(campaign_id, card, threshold, actor)
    return Applied(Remaining(resources, campaign_id, max_rank_share).regate(actor))
