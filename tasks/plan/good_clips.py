"""Counts of the good clips by goal: a brief or a combination that wants a number of clips."""

from collections.abc import Collection

from adapters.catalogue import Catalogue
from manifests.goals.goal import brief_of, combination_goal, is_combination
from manifests.goals.want import good_in


def good_clips(catalogue: Catalogue, campaign_id: str, goals: Collection[str]) -> dict[str, int]:
    """Return how many good clips each goal has; goals without any may be missing."""
    briefs = {goal for goal in goals if not is_combination(goal)}
    others = {brief_of(goal) for goal in goals if is_combination(goal)}
    good: dict[str, int] = {}
    if briefs:
        for brief_id, states in catalogue.progress.tally_by_brief(campaign_id, briefs).items():
            good[brief_id] = good_in(states)
    if others:
        for (brief_id, labels), states in catalogue.progress.tally_by_combination(campaign_id, others).items():
            good[combination_goal(brief_id, labels)] = good_in(states)
    return good
