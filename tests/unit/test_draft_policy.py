"""Whether drafts pay off: the closed-form gain, and a policy that learns it from measurements."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.render.bivariate import NO_GAIN, best_gain, chance
from tasks.render.draft_policy import FIRST_FINALS, LEARNING, LEARNING_POWER, DraftPolicy


@pytest.mark.parametrize(("pass_rate", "rho", "cost", "gain"), [(0.3, 0.9, 0.15, 1.76), (0.5, 0.9, 0.15, 1.34)])
def test_the_closed_form_gives_the_published_gains(pass_rate, rho, cost, gain):
    assert best_gain(pass_rate, rho, cost).gain == pytest.approx(gain, abs=0.02)


def test_the_closed_form_agrees_with_a_simulation():
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


def test_useless_drafts_have_no_gain():
    assert best_gain(0.5, 0.0, 0.2).gain == NO_GAIN.gain
    assert best_gain(0.95, 0.9, 0.3).gain == NO_GAIN.gain


def taught(pass_rate: float, rho: float, cost: float, clips: int = 300) -> tuple[DraftPolicy, float]:
    """Return a policy that has recorded `clips` clips of one prompt, and the device time spent on drafts."""
    rng, policy = np.random.default_rng(3), DraftPolicy(cost)
    gate, drafts, drafted = float(np.quantile(rng.standard_normal(20_000), 1 - pass_rate)), {}, 0.0
    for key in range(clips):
        for probed in policy.probe(["p"]):
            policy.record_draft(probed, "p", drafts[probed], cost)
            drafted += cost
        final, other = rng.standard_normal(2)
        drafts[key] = float(rho * final + sqrt(1 - rho**2) * other - gate)
        if policy.pays_off("p", 1):
            policy.record_draft(key, "p", drafts[key], cost)
            drafted += cost
            if not policy.is_promising(key, "p"):
                continue
        policy.record_final(key, "p", float(final - gate), 1.0)
    return policy, drafted


@pytest.mark.parametrize(
    ("pass_rate", "rho", "cost", "pays_off"),
    [(0.2, 0.9, 0.1, True), (0.3, 0.9, 0.15, True), (0.9, 0.9, 0.3, False), (0.3, 0.0, 0.15, False)],
)
def test_the_policy_learns_whether_drafts_pay_off(pass_rate, rho, cost, pays_off):
    policy, _ = taught(pass_rate, rho, cost)
    assert policy.pays_off("p", 1) == pays_off


def test_no_draft_is_generated_if_even_perfect_drafts_gain_little():
    assert taught(0.9, 0.9, 0.5)[1] == 0


def test_nothing_is_drafted_before_the_pass_rate_is_known():
    policy = DraftPolicy(0.1, 0.95)
    for key in range(FIRST_FINALS - 1):
        policy.record_final(key, "p", -1.0, 1.0)
        assert policy.probe(["p"]) == ()
        assert not policy.pays_off("p", 1)


def test_a_better_draft_is_more_promising():
    policy, _ = taught(0.2, 0.9, 0.1)
    for key, margin in (("poor", -3.0), ("good", 1.0)):
        policy.record_draft(key, "p", margin, 0.1)
    assert policy.chance("good", "p") > policy.chance("poor", "p")
    assert policy.is_promising("good", "p")
    assert not policy.is_promising("poor", "p")


def test_a_draft_without_a_score_is_not_promising():
    policy, _ = taught(0.2, 0.9, 0.1)
    policy.record_draft("black", "p", None, 0.1)
    assert policy.chance("black", "p") == 0
    assert not policy.is_promising("black", "p")


def test_few_seeds_that_are_all_needed_are_not_drafted():
    policy, _ = taught(0.2, 0.9, 0.1)
    assert policy.pays_off("p", 1, left=100)
    assert not policy.pays_off("p", 5, left=6)


def test_failed_drafts_do_not_lower_the_measured_cost():
    policy = DraftPolicy(0.2)
    for key in range(20):
        policy.record_final(key, "p", float(key % 5 - 3), 1.0)
    for key in policy.probe(["p"]):
        policy.record_draft(key, "p", None, 0.0)
    assert policy.cost == 0.2
    policy.probe(["p"])


@pytest.mark.parametrize("cost", [0.05, 0.15, 0.5])
def test_probes_stay_within_the_learning_budget(cost):
    """Drafts with a negative correlation are never used: all their device time was spent on probes."""
    rng, policy, drafted = np.random.default_rng(5), DraftPolicy(cost), 0.0
    finals = rng.standard_normal(400) - 1.0
    for key, final in enumerate(finals.tolist()):
        for probed in policy.probe(["p"]):
            policy.record_draft(probed, "p", -float(finals[probed]), cost)
            drafted += cost
        assert not policy.pays_off("p", 1)
        policy.record_final(key, "p", final, 1.0)
        assert drafted <= LEARNING * (key + 1 + drafted) ** LEARNING_POWER
    assert drafted > 0


def test_probes_draft_the_best_and_the_worst_clip_and_never_the_same_clip_twice():
    policy, seen = DraftPolicy(0.05), []
    for key in range(200):
        policy.record_final(key, "p", -abs(key - 60.5) / 30, 1.0)
        for probed in policy.probe(["p"]):
            policy.record_draft(probed, "p", 0.0, 0.05)
            seen.append(probed)
    assert len(seen) == len(set(seen)) > 4
    assert set(seen[:2]) == {0, 23}


def test_a_draft_is_promising_if_it_reaches_the_threshold():
    policy, _ = taught(0.2, 0.9, 0.1)
    limit = policy.threshold("p")
    for key, margin in (("below", limit - 1e-6), ("at", limit)):
        policy.record_draft(key, "p", margin, 0.1)
        assert policy.is_promising(key, "p") == (key == "at")
