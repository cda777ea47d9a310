"""The states of a variant, and which may follow which."""

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

MOVES: dict[str, frozenset[str]] = {
    PLANNED: frozenset({LEASED, QUARANTINED}),
    LEASED: frozenset({PLANNED, LEASED, RENDERED, FAILED, QUARANTINED}),
    RENDERED: frozenset({LEASED, RENDERED, PASSED, FAILED, QUARANTINED}),
    PASSED: frozenset({APPROVED, REJECTED, FAILED, QUARANTINED}),
    FAILED: frozenset({PLANNED, PASSED, APPROVED, REJECTED, QUARANTINED}),
    APPROVED: frozenset({PLANNED, SIGNING, QUARANTINED, PASSED, FAILED}),
    SIGNING: frozenset({PLANNED, SIGNING, PUBLISHED, QUARANTINED}),
    PUBLISHED: frozenset({WITHDRAWN}),
    REJECTED: frozenset({PASSED, FAILED}),
    QUARANTINED: frozenset({PLANNED, SIGNING}),
    WITHDRAWN: frozenset(),
}
STATES = tuple(MOVES)


def sources_of(state: str) -> list[str]:
    """Return the states from which ``state`` may be entered."""
    return [source for source, targets in MOVES.items() if state in targets]
