"""Another threshold for a campaign, and the verdicts that follow from it."""

from typing import NamedTuple

from tasks.wiring import Wiring, catalogue_of
from tasks.work import Remaining


class Applied(NamedTuple):
    """How many verdicts changed."""

    changed: int


def apply_threshold(wiring: Wiring, campaign_id: str, threshold: float | None, actor: str,
                    max_rank_share: float) -> Applied:
    """Set a campaign's threshold and judge again what waits for a decision; briefs with one of their own keep it.

    Clips that people have decided, and what was published, stay as they are.

    Args:
        threshold: a cosine; None leaves it to the model cards again.
    """
    catalogue_of(wiring).set_threshold(campaign_id, threshold, actor)
    return Applied(Remaining(wiring, campaign_id, max_rank_share).regate(actor))
