"""The states of a variant: which may follow which, and the sets that steps ask about."""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """The state of a variant, as the catalogue stores it."""

    PLANNED = "planned"
    LEASED = "leased"
    RENDERED = "rendered"
    PASSED = "passed"
    FAILED = "failed"
    APPROVED = "approved"
    REJECTED = "rejected"
    SIGNING = "signing"
    PUBLISHED = "published"
    QUARANTINED = "quarantined"
    WITHDRAWN = "withdrawn"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.PLANNED: frozenset({State.LEASED, State.QUARANTINED}),
    State.LEASED: frozenset({State.PLANNED, State.LEASED, State.RENDERED, State.FAILED, State.QUARANTINED}),
    State.RENDERED: frozenset({State.LEASED, State.RENDERED, State.PASSED, State.FAILED, State.QUARANTINED}),
    State.PASSED: frozenset({State.APPROVED, State.REJECTED, State.FAILED, State.QUARANTINED}),
    State.FAILED: frozenset({State.PLANNED, State.PASSED, State.APPROVED, State.REJECTED, State.QUARANTINED}),
    State.APPROVED: frozenset({State.PLANNED, State.SIGNING, State.QUARANTINED, State.PASSED, State.FAILED}),
    State.SIGNING: frozenset({State.PLANNED, State.SIGNING, State.PUBLISHED, State.QUARANTINED}),
    State.PUBLISHED: frozenset({State.WITHDRAWN}),
    State.REJECTED: frozenset({State.PASSED, State.FAILED}),
    State.QUARANTINED: frozenset({State.PLANNED, State.SIGNING}),
    State.WITHDRAWN: frozenset(),
}
"""For each state, the states that may follow it."""

STATES = tuple(State)

UNFINISHED = frozenset({State.PLANNED, State.LEASED, State.RENDERED})
"""Still to be generated, scored or judged."""
IN_PROGRESS = frozenset({State.LEASED, State.RENDERED})
"""A worker has it, or had it when it died."""
FINISHED = frozenset(State) - UNFINISHED
"""Generated and judged, or set aside; a run has nothing to generate for it."""
UNDELIVERED = frozenset({State.APPROVED, State.SIGNING})
"""Approved, and not yet published."""
GOOD = frozenset({State.PASSED, State.APPROVED, State.SIGNING, State.PUBLISHED})
"""Counts towards the number of clips that a brief wants."""
PASSED_OR_LATER = GOOD | {State.REJECTED, State.WITHDRAWN}
"""Passed the gate, or decided by a person; see also ``has_passed``."""
SENT = frozenset({State.SIGNING, State.PUBLISHED})
"""Its keys are committed, and objects may be in the bucket."""
DECIDED = frozenset({State.APPROVED, State.REJECTED, State.WITHDRAWN})
"""Results of a decision, by a person or by policy."""


NOT_NEEDED = "not needed"
"""In counts of a campaign: unfinished variants that no run generates, because of `want`. It is derived by
`manifests.goals.want` and never stored: it ends as soon as a person rejects a clip or the sheet wants more."""

REPLACED = "replaced by a fallback"
"""In counts of a campaign: failed variants without a clip that a fallback model generates instead. It is never stored:
the variant is failed, and the replacement has it as its parent."""


def has_passed(state: str, has_reasons: bool) -> bool:
    """Return whether a clip passed the gate or was approved; a rejected clip with reasons had failed the gate."""
    return state in PASSED_OR_LATER and not (state == State.REJECTED and has_reasons)


def unfinished_in(states: Mapping[str, int]) -> int:
    """Return how many variants of a count by state still have to be generated, scored or judged."""
    return sum(states.get(state, 0) for state in UNFINISHED)


def done_in(states: Mapping[str, int]) -> int:
    """Return how many variants of a count by state need no device time, including those that are not needed."""
    return sum(states.values()) - unfinished_in(states)


def sources_of(state: State) -> list[State]:
    """Return the states from which a variant may change to ``state``."""
    return [source for source, targets in TRANSITIONS.items() if state in targets]
