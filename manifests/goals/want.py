"""The rule of ``want``: a brief or a combination needs no further clips once enough of them are good.

Every reader uses this rule: planning, rendering, counts, reports, alerts and receipts.
"""

from collections.abc import Collection, Iterable, Mapping

from manifests.brief import Brief
from manifests.goals.goal import brief_of
from manifests.states import GOOD, UNFINISHED


def good_in(states: Mapping[str, int]) -> int:
    """Return how many clips of a count by state are good."""
    return sum(states.get(state, 0) for state in GOOD)


def has_enough(brief: Brief, good: int) -> bool:
    """Return whether a goal of a brief with this number of good clips needs no further ones."""
    return brief.want is not None and good >= brief.want


def satisfied_goals(briefs: Iterable[Brief], good: Mapping[str, int]) -> frozenset[str]:
    """Return the goals that need no further clips: briefs, or combinations of a brief (``manifests.goals.goal``).

    Args:
        good: number of good clips by goal; a goal that is missing has none.
    """
    by_id = {brief.brief_id: brief for brief in briefs}
    known = ((goal, number, by_id.get(brief_of(goal))) for goal, number in good.items())
    return frozenset(goal for goal, number, brief in known if brief and has_enough(brief, number))


def is_not_needed(state: str, goals: Collection[str], satisfied: Collection[str]) -> bool:
    """Return whether no run generates a variant: it is unfinished, and none of its goals needs further clips.

    Args:
        goals: its goals in the campaign. Another campaign may need the same variant.
        satisfied: see ``satisfied_goals``.
    """
    return state in UNFINISHED and bool(goals) and all(goal in satisfied for goal in goals)
