"""Goals: what a wanted number of clips is counted over, a whole brief or one combination of its values."""

from collections.abc import Iterable

from manifests.brief import Brief

_END = "\n"
"""A brief_id is one line, so it cannot contain this."""
Labels = Iterable[tuple[str, str]]


def goal_of(brief: Brief, labels: Labels) -> str:
    """Return the goal to which a variant of a brief belongs, a text that is unique within the campaign.

    Args:
        labels: the variant's (column, value) pairs.
    """
    return brief.brief_id if brief.want_scope == "brief" else combination_goal(brief.brief_id, labels)


def combination_goal(brief_id: str, labels: Labels) -> str:
    """Return the goal of one combination of a brief."""
    return _END.join((brief_id, *(f"{name}={value}" for name, value in labels), ""))


def is_combination(goal: str) -> bool:
    """Return whether a goal is a combination and not a whole brief."""
    return _END in goal


def brief_of(goal: str) -> str:
    """Return the brief_id of a goal."""
    return goal.partition(_END)[0]
