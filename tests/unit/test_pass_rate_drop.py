"""Pass rate drops, and verdicts that only look like one."""

import random

import pytest

from tasks.alerts.pass_rate_drop import EARLIER, OPENING, WINDOWS, pass_rate_drop_of


def newest_first(*runs: tuple[bool, int]) -> list[bool]:
    """Return verdicts, newest first, from runs in chronological order."""
    return [passed for passed, number in reversed(runs) for _ in range(number)]


def test_a_steep_drop_is_detected_after_the_shortest_window():
    assert pass_rate_drop_of(newest_first((True, 100), (False, WINDOWS[0] - 3))) is None, "a tenth passed"
    found = pass_rate_drop_of(newest_first((True, 100), (False, WINDOWS[0])))
    assert found == (WINDOWS[0], 0, 1.0)
    assert found.sentence == "none of the last 30 clips passed the gate, compared with 100% before."


def test_a_constant_rate_is_not_a_drop():
    chance = random.Random(7)
    for share in (0.05, 0.15, 0.3, 0.5, 0.9):
        verdicts = [chance.random() < share for _ in range(2000)]
        assert not any(
            pass_rate_drop_of(verdicts[start : start + 400], alerted_before=True) for start in range(0, 1600, 5)
        )


def test_a_drop_from_a_low_rate_needs_many_clips():
    few = [each % 5 == 0 for each in range(300)]
    assert pass_rate_drop_of([False] * WINDOWS[0] + few) is None
    assert pass_rate_drop_of([False] * WINDOWS[-1] + few) is not None


def test_no_passes_from_the_beginning_are_reported_once():
    assert pass_rate_drop_of([False] * (OPENING - 1)) is None
    found = pass_rate_drop_of([False] * OPENING)
    assert found == (OPENING, 0, None)
    assert found.sentence == f"none of its first {OPENING} clips passed the gate."
    assert pass_rate_drop_of([False] * 400, alerted_before=True) is None


@pytest.mark.parametrize(
    "verdicts", [[], [True], [False] * 10, [True] * 400, [False] * WINDOWS[0] + [True] * (EARLIER - 1)]
)
def test_few_or_good_verdicts_are_not_a_drop(verdicts):
    assert pass_rate_drop_of(verdicts) is None
