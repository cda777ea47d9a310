"""Fit of means, scatter and correlation of drafts and finals, with one score missing for many clips."""

from math import sqrt

import numpy as np
import pytest

from tasks.render.bivariate import Fit, best_gain, expected, fit, moments

MEANS, SCALES = (-1.0, -2.5), (1.0, 1.6)


def clips(rho: float, number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return finals and drafts with different means and scatter."""
    final, other = np.random.default_rng(seed).standard_normal((2, number))
    return MEANS[0] + SCALES[0] * final, MEANS[1] + SCALES[1] * (rho * final + sqrt(1 - rho**2) * other)


def fitted(finals: np.ndarray, drafts: np.ndarray, finished: np.ndarray, drafted: np.ndarray) -> Fit:
    """Fit one prompt; the masks select the clips with a final and those with a draft."""
    both = finished & drafted
    return fit(
        moments(np.column_stack([finals[both], drafts[both]]))[None],
        moments(finals[finished & ~drafted][:, None])[None],
        moments(drafts[drafted & ~finished][:, None])[None],
        None,
    )


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.9])
def test_a_few_extreme_finals_determine_the_correlation(rho):
    found = []
    for seed in range(60):
        finals, drafts = clips(rho, 400, seed)
        drafted = np.isin(np.arange(400), np.argsort(finals)[[0, 1, 2, 3, -4, -3, -2, -1]])
        found.append(fitted(finals, drafts, np.full(400, True), drafted))
    assert np.mean([one.rho for one in found]) == pytest.approx(rho, abs=0.07)
    assert np.mean([one.quantile(0.9) < rho for one in found]) <= 0.28
    assert np.mean([one.quantile(0.1) > rho for one in found]) <= 0.25


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_finishing_only_good_drafts_does_not_bias_the_fit(rho):
    found, first = [], np.arange(4000) < 100
    for seed in range(12):
        finals, drafts = clips(rho, 4000, seed)
        found.append(fitted(finals, drafts, first | (drafts > MEANS[1] + SCALES[1]), ~first))
    assert np.mean([one.rho for one in found]) == pytest.approx(rho, abs=0.04)
    assert np.mean([one.means[0] for one in found], axis=0) == pytest.approx(MEANS, abs=0.1)
    deviations = np.mean([np.sqrt(one.scatter.diagonal()) for one in found], axis=0)
    assert deviations == pytest.approx(SCALES, rel=0.05)


def test_a_prompt_without_drafts_is_shrunk_towards_the_others():
    finals, drafts = clips(0.6, 200)
    pairs = np.stack([moments(np.column_stack([finals, drafts])), np.zeros((3, 3))])
    alone = np.stack([np.zeros((2, 2)), moments(finals[:, None] + 2)])
    means = fit(pairs, alone, np.zeros((2, 2, 2)), None).means
    assert means[1, 0] == pytest.approx(MEANS[0] + 2, abs=0.3)
    assert MEANS[1] - 0.5 < means[1, 1] < MEANS[1] + 2 * 0.6 * SCALES[1] + 0.5


def test_expected_shares_at_the_best_threshold_give_the_best_gain():
    best = best_gain(0.1, 0.6, 0.15)
    finished, passing = expected(0.1, 0.6, best.threshold)
    assert passing / (0.15 + finished) / 0.1 == pytest.approx(best.gain, rel=1e-3)
    assert expected(0.1, 0.6, -np.inf) == pytest.approx((1.0, 0.1), abs=1e-3)
