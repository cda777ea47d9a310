"""When a pass rate has collapsed, and when it only looks so."""

import random

import pytest

from tasks.alerts.pass_rate_drop import EARLIER, OPENING, WINDOWS, pass_rate_drop_of


def newest_first(*runs: tuple[bool, int]) -> list[bool]:
    """Return verdicts, the newest first, from runs in the order of time."""
    return [passed for passed, number in reversed(runs) for _ in range(number)]


def test_a_good_campaign_that_stops_passing_is_told_after_the_shortest_window():
    assert pass_rate_drop_of(newest_first((True, 100), (False, WINDOWS[0] - 3))) is None, "a tenth passed"
    found = pass_rate_drop_of(newest_first((True, 100), (False, WINDOWS[0])))
    assert found == (WINDOWS[0], 0, 1.0)
    assert found.sentence == "none of the last 30 judged clips passed the gate, and 100% did before."


def test_a_campaign_that_never_passed_many_does_not_collapse():
    chance = random.Random(7)
    for share in (0.05, 0.15, 0.3, 0.5, 0.9):
        verdicts = [chance.random() < share for _ in range(2000)]
        assert not any(
            pass_rate_drop_of(verdicts[start : start + 400], told_before=True) for start in range(0, 1600, 5)
        )


def test_a_strict_gate_that_falls_from_few_to_none_needs_many_clips():
    few = [each % 5 == 0 for each in range(300)]
    assert pass_rate_drop_of([False] * WINDOWS[0] + few) is None
    assert pass_rate_drop_of([False] * WINDOWS[-1] + few) is not None


def test_nothing_at_all_from_the_beginning_is_told_once():
    assert pass_rate_drop_of([False] * (OPENING - 1)) is None
    found = pass_rate_drop_of([False] * OPENING)
    assert found == (OPENING, 0, None)
    assert found.sentence == f"none of its first {OPENING} judged clips passed the gate."
    assert pass_rate_drop_of([False] * 400, told_before=True) is None


@pytest.mark.parametrize(
    "verdicts", [[], [True], [False] * 10, [True] * 400, [False] * WINDOWS[0] + [True] * (EARLIER - 1)]
)
def test_too_few_or_good_is_none(verdicts):
    assert pass_rate_drop_of(verdicts) is None
