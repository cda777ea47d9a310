"""The rule of ``want``: a brief needs no further clips once enough of them are good.

Every reader uses this rule: planning, rendering, counts, reports, alerts and receipts.
"""

from collections.abc import Collection, Iterable, Mapping

from manifests.brief import Brief
from manifests.states import GOOD, UNFINISHED


def good_in(states: Mapping[str, int]) -> int:
    """Return how many clips of a count by state are good."""
    return sum(states.get(state, 0) for state in GOOD)


def has_enough(brief: Brief, good: int) -> bool:
    """Return whether a brief with this number of good clips needs no further ones."""
    return brief.want is not None and good >= brief.want


def satisfied_briefs(briefs: Iterable[Brief], good: Mapping[str, int]) -> frozenset[str]:
    """Return the ids of the briefs that need no further clips.

    Args:
        good: number of good clips by brief id; a brief that is missing has none.
    """
    return frozenset(brief.brief_id for brief in briefs if has_enough(brief, good.get(brief.brief_id, 0)))


def is_not_needed(state: str, brief_ids: Collection[str], satisfied: Collection[str]) -> bool:
    """Return whether no run generates a variant: it is unfinished, and none of its briefs needs further clips.

    Args:
        brief_ids: its briefs in the campaign. Another campaign may need the same variant.
        satisfied: see ``satisfied_briefs``.
    """
    return state in UNFINISHED and bool(brief_ids) and all(brief_id in satisfied for brief_id in brief_ids)
