"""Good clips, and clips in progress, by goal: a brief or a combination that wants a number of clips."""

from collections import defaultdict
from collections.abc import Collection, Mapping

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


def goals_in_flight(catalogue: Catalogue, campaign_id: str, goals: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return the variants that workers generate or judge at the moment, with the goals that each counts towards."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for each in catalogue.leases.in_flight(campaign_id, {brief_of(goal) for goal in goals}):
        both = {each.brief_id, combination_goal(each.brief_id, each.labels)}
        found[each.variant_id] |= both.intersection(goals)
    return {variant_id: frozenset(own) for variant_id, own in found.items() if own}
