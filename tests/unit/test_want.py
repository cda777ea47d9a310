"""The rule of `want`, which all readers share."""

from dataclasses import replace

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from manifests.goals.goal import combination_goal
from manifests.goals.want import good_in, has_enough, is_not_needed, satisfied_goals
from manifests.states import GOOD, NOT_NEEDED, STATES, UNFINISHED, done_in, has_passed, unfinished_in
from models.registry import load_cards
from tasks.plan.plan import make_plan

TALLIES = st.dictionaries(st.sampled_from(STATES), st.integers(0, 9))
BRIEF = samples.campaign().briefs[0]


@given(TALLIES, st.one_of(st.none(), st.integers(1, 9)))
def test_a_brief_has_enough_only_if_it_wants_a_number(states, want):
    brief = replace(BRIEF, want=want)
    assert has_enough(brief, good_in(states)) == (want is not None and sum(states.get(s, 0) for s in GOOD) >= want)
    for goal in ("b1", combination_goal("b1", [("colour", "red")])):
        satisfied = satisfied_goals([brief], {goal: good_in(states), "unknown": 9})
        assert satisfied == ({goal} if has_enough(brief, good_in(states)) else set())


@given(st.sampled_from(STATES), st.sets(st.sampled_from("abc"), min_size=1), st.sets(st.sampled_from("abc")))
def test_a_variant_is_not_needed_if_it_is_unfinished_and_all_its_briefs_have_enough(state, briefs, satisfied):
    assert is_not_needed(state, briefs, satisfied) == (state in UNFINISHED and briefs <= satisfied)


def test_a_variant_without_a_brief_is_never_passed_over():
    assert not is_not_needed("planned", [], {"b1"})


@given(TALLIES, st.integers(0, 9))
def test_variants_that_are_not_needed_are_done(states, spare):
    counts = {**states, NOT_NEEDED: spare}
    assert done_in(counts) == done_in(states) + spare
    assert unfinished_in(counts) == unfinished_in(states)


@pytest.mark.parametrize(
    ("state", "has_reasons", "passed"),
    [
        ("passed", False, True),
        ("published", True, True),  # a person approved it although it had failed
        ("withdrawn", False, True),
        ("rejected", False, True),
        ("rejected", True, False),
        ("failed", True, False),
        ("planned", False, False),
        ("quarantined", False, False),
    ],
)
def test_which_clips_have_passed(state, has_reasons, passed):
    assert has_passed(state, has_reasons) == passed


@pytest.mark.parametrize("order", [("b1", "b2"), ("b2", "b1")])
def test_a_plan_includes_a_variant_that_another_brief_still_needs(order):
    items = [samples.planned(1, name)[0] for name in order]
    plan = make_plan(items, lambda _: {}, load_cards(), {}, 32, {"b1"})
    assert (plan.to_make, plan.skipped) == (1, {})
    plan = make_plan(items, lambda _: {}, load_cards(), {}, 32, {"b1", "b2"})
    assert (plan.to_make, plan.skipped) == (0, {NOT_NEEDED: 1})
