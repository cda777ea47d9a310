"""Whether drafts pay: the closed form, and a policy that has to find out."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.render.bivariate import NOTHING, best_gain, chance
from tasks.render.draft_policy import FIRST_FINALS, LEARNING, LEARNING_POWER, DraftPolicy


@pytest.mark.parametrize(("pass_rate", "rho", "cost", "gain"), [(0.3, 0.9, 0.15, 1.76), (0.5, 0.9, 0.15, 1.34)])
def test_the_closed_form_gives_the_published_gains(pass_rate, rho, cost, gain):
    assert best_gain(pass_rate, rho, cost).gain == pytest.approx(gain, abs=0.02)


def test_the_closed_form_agrees_with_counting():
    rng = np.random.default_rng(0)
    final, other = rng.standard_normal((2, 400_000))
    draft = 0.8 * final + sqrt(1 - 0.64) * other
    best = best_gain(0.2, 0.8, 0.1)
    passes = final > np.quantile(final, 0.8)
    finished = draft > best.threshold
    assert (passes & finished).mean() / (0.1 + finished.mean()) / 0.2 == pytest.approx(best.gain, rel=0.02)
    assert finished.mean() == pytest.approx(best.finished, rel=0.03)
    assert chance(np.array([1.0]), 0.2, 0.8)[0] == pytest.approx(passes[abs(draft - 1) < 0.05].mean(), abs=0.02)


@given(st.floats(0, 1), st.floats(0, 0.99), st.floats(0.01, 1))
@settings(max_examples=60)
def test_drafts_never_lose_and_cheaper_or_better_ones_never_gain_less(pass_rate, rho, cost):
    gain = best_gain(pass_rate, rho, cost).gain
    assert gain >= 1
    assert best_gain(pass_rate, rho, cost / 2).gain >= gain - 1e-9
    assert best_gain(pass_rate, min(0.995, rho + 0.2), cost).gain >= gain - 1e-3


def test_useless_drafts_are_no_drafts():
    assert best_gain(0.5, 0.0, 0.2).gain == NOTHING.gain
    assert best_gain(0.95, 0.9, 0.3).gain == NOTHING.gain


def taught(pass_rate: float, rho: float, cost: float, clips: int = 300) -> tuple[DraftPolicy, float]:
    """A policy that has seen so many clips of one prompt, and the device time that went to drafts."""
    rng, policy = np.random.default_rng(3), DraftPolicy(cost)
    gate, drafts, drafted = float(np.quantile(rng.standard_normal(20_000), 1 - pass_rate)), {}, 0.0
    for key in range(clips):
        for probed in policy.probe(["p"]):
            policy.drafted(probed, "p", drafts[probed], cost)
            drafted += cost
        final, other = rng.standard_normal(2)
        drafts[key] = float(rho * final + sqrt(1 - rho**2) * other - gate)
        if policy.pays("p", 1):
            policy.drafted(key, "p", drafts[key], cost)
            drafted += cost
            if not policy.promises(key, "p"):
                continue
        policy.made(key, "p", float(final - gate), 1.0)
    return policy, drafted


@pytest.mark.parametrize(
    ("pass_rate", "rho", "cost", "pays"),
    [(0.2, 0.9, 0.1, True), (0.3, 0.9, 0.15, True), (0.9, 0.9, 0.3, False), (0.3, 0.0, 0.15, False)],
)
def test_it_finds_out_whether_they_pay(pass_rate, rho, cost, pays):
    policy, _ = taught(pass_rate, rho, cost)
    assert policy.pays("p", 1) == pays


def test_where_even_perfect_drafts_gain_little_none_is_ever_made():
    assert taught(0.9, 0.9, 0.5)[1] == 0


def test_nothing_is_drafted_before_the_pass_rate_is_known():
    policy = DraftPolicy(0.1, 0.95)
    for key in range(FIRST_FINALS - 1):
        policy.made(key, "p", -1.0, 1.0)
        assert policy.probe(["p"]) == ()
        assert not policy.pays("p", 1)


def test_a_better_draft_promises_more():
    policy, _ = taught(0.2, 0.9, 0.1)
    for key, margin in (("poor", -3.0), ("good", 1.0)):
        policy.drafted(key, "p", margin, 0.1)
    assert policy.chance("good", "p") > policy.chance("poor", "p")
    assert policy.promises("good", "p")
    assert not policy.promises("poor", "p")


def test_a_draft_without_a_score_promises_nothing():
    policy, _ = taught(0.2, 0.9, 0.1)
    policy.drafted("black", "p", None, 0.1)
    assert policy.chance("black", "p") == 0
    assert not policy.promises("black", "p")


def test_few_seeds_that_are_all_needed_are_not_drafted():
    policy, _ = taught(0.2, 0.9, 0.1)
    assert policy.pays("p", 1, left=100)
    assert not policy.pays("p", 5, left=6)


def test_drafts_that_failed_are_no_free_drafts():
    policy = DraftPolicy(0.2)
    for key in range(20):
        policy.made(key, "p", float(key % 5 - 3), 1.0)
    for key in policy.probe(["p"]):
        policy.drafted(key, "p", None, 0.0)
    assert policy.cost == 0.2
    policy.probe(["p"])


@pytest.mark.parametrize("cost", [0.05, 0.15, 0.5])
def test_probes_stay_within_what_learning_may_take(cost):
    """Drafts that oppose their finals are never switched on: all of their time went to probes."""
    rng, policy, drafted = np.random.default_rng(5), DraftPolicy(cost), 0.0
    finals = rng.standard_normal(400) - 1.0
    for key, final in enumerate(finals.tolist()):
        for probed in policy.probe(["p"]):
            policy.drafted(probed, "p", -float(finals[probed]), cost)
            drafted += cost
        assert not policy.pays("p", 1)
        policy.made(key, "p", final, 1.0)
        assert drafted <= LEARNING * (key + 1 + drafted) ** LEARNING_POWER
    assert drafted > 0


def test_probes_are_of_the_best_and_the_worst_and_never_of_the_same_clip_twice():
    policy, seen = DraftPolicy(0.05), []
    for key in range(200):
        policy.made(key, "p", -abs(key - 60.5) / 30, 1.0)
        for probed in policy.probe(["p"]):
            policy.drafted(probed, "p", 0.0, 0.05)
            seen.append(probed)
    assert len(seen) == len(set(seen)) > 4
    assert set(seen[:2]) == {0, 23}


def test_what_promises_is_what_reaches_the_threshold():
    policy, _ = taught(0.2, 0.9, 0.1)
    limit = policy.threshold("p")
    for key, margin in (("below", limit - 1e-6), ("at", limit)):
        policy.drafted(key, "p", margin, 0.1)
        assert policy.promises(key, "p") == (key == "at")
