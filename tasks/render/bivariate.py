"""Bivariate normal model of draft and final scores: fit it to scores, and compute the gain from drafts.

Each prompt has its own mean draft margin and mean final margin. Scores scatter normally around these means,
with one covariance shared by all prompts of a shape group.
"""

from functools import cache
from math import erf, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

GRID = np.linspace(-5, 5, 401)
"""Integration grid: draft scores in standard deviations."""
MASS = np.exp(-(GRID**2) / 2) / np.exp(-(GRID**2) / 2).sum()
_ERF = np.array([(1 + erf(place / sqrt(2))) / 2 for place in np.linspace(-8, 8, 3201)])
PROBABILITIES = (0.002, 0.998)
"""Pass rates are clipped to this range: our measurements cannot resolve rates outside it."""
RHOS = np.linspace(-0.2, 0.98, 60)
"""Grid of correlations considered possible."""
PSEUDO_CLIPS = 1.0
"""Weight, in clips, of the previous estimate of the finals' scatter."""
SCALE_SD = 0.5
"""Prior standard deviation of log(scatter of drafts / scatter of finals)."""
PRIOR_SD = 0.35
"""Prior standard deviation of a shape group's correlation around the card's, on Fisher's z scale."""
MEAN_WEIGHT = 1.0
"""Weight, in clips, of the shape group's mean in the mean of a prompt."""
FIRST_SWEEPS, SWEEPS = 100, 4
"""Sweeps of a first fit, which converges slowly if most finals are missing, and of a fit that starts from another."""


class Gain(NamedTuple):
    """The best threshold on drafts.

    Attributes:
        gain: passing clips per device-second, relative to generating every clip without drafts; 1.0 if no
            threshold improves on that.
        threshold: lowest draft score that is finished, in standard deviations from the mean.
        finished: share of the drafts that are finished, 0..1.
        passing: share of the drafts that are finished and pass, 0..1.
    """

    gain: float
    threshold: float
    finished: float
    passing: float


NO_GAIN = Gain(1.0, -np.inf, 1.0, 1.0)


def best_gain(pass_rate: float, rho: float, cost: float) -> Gain:
    """Return the threshold t that maximises P(pass, d > t) / (cost + P(d > t)) / pass_rate.

    Args:
        pass_rate: share of the finals that pass, 0..1.
        rho: correlation of draft and final scores.
        cost: device time of a draft, as a share of the final's.
    """
    pass_rate = float(np.clip(pass_rate, *PROBABILITIES))
    finished, passing = _above(pass_rate, rho)
    gains = passing / (cost + finished) / pass_rate
    best = int(gains.argmax())
    if gains[best] <= 1:
        return NO_GAIN._replace(passing=pass_rate)
    return Gain(float(gains[best]), float(GRID[best]), float(finished[best]), float(passing[best]))


def expected(pass_rate: float, rho: float, threshold: float) -> tuple[float, float]:
    """Return the share of drafts at or above a threshold (in standard deviations), and of those whose finals pass."""
    finished, passing = _above(pass_rate, rho)
    edge = GRID - (GRID[1] - GRID[0]) / 2  # the mass of a grid point starts half a step below it
    return float(np.interp(threshold, edge, finished)), float(np.interp(threshold, edge, passing))


def _above(pass_rate: float, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each grid point as threshold, the share of drafts that are finished and that pass."""
    return np.cumsum(MASS[::-1])[::-1], np.cumsum((MASS * chance(GRID, pass_rate, rho))[::-1])[::-1]


def chance(draft: np.ndarray, pass_rate: float, rho: float) -> np.ndarray:
    """Return the probability that the final passes, given draft scores in standard deviations from their mean."""
    return normal_cdf((rho * draft - _quantile(1 - pass_rate)) / sqrt(1 - rho**2))


def normal_cdf(values: np.ndarray | float) -> np.ndarray:
    """Return the share of a standard normal distribution below each value."""
    result: np.ndarray = np.interp(values, np.linspace(-8, 8, len(_ERF)), _ERF)
    return result


@cache
def _quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)


class Fit(NamedTuple):
    """The fitted distribution.

    Attributes:
        means: (prompts, 2): mean margins of finals and of drafts.
        scatter: (2, 2): covariance of finals and drafts within a prompt.
        belief: posterior probability of each correlation in RHOS.
    """

    means: np.ndarray
    scatter: np.ndarray
    belief: np.ndarray

    @property
    def rho(self) -> float:
        """Expected correlation."""
        return float(self.belief @ RHOS)

    def quantile(self, share: float) -> float:
        """Return the quantile of the correlation's posterior."""
        return float(np.interp(share, np.cumsum(self.belief) - self.belief / 2, RHOS))


def moments(values: np.ndarray) -> np.ndarray:
    """Return the sum of x xᵀ over rows x = (1, value…): additive, and sufficient for a fit."""
    rows = np.column_stack([np.ones(len(values)), values])
    result: np.ndarray = rows.T @ rows
    return result


def fit(
    pairs: np.ndarray, finals: np.ndarray, drafts: np.ndarray, correlation: float | None, start: Fit | None = None
) -> Fit:
    """Estimate the distribution from clips with both scores or only one of them.

    Whether a score is missing depends only on the other score: a draft is finished because of its own score,
    a final is drafted afterwards because of its own. The selection therefore does not bias the likelihood of
    the observed scores (Little and Rubin, Statistical Analysis with Missing Data, 7 and 11.2). The likelihood
    is maximised in turn over the means, the finals' scatter, and the drafts' scatter with the correlation.

    Args:
        pairs, finals, drafts: (prompts, 3, 3), (prompts, 2, 2), (prompts, 2, 2): moments.
        correlation: the card's, used as prior; None for a flat prior.
        start: a previous fit to start from.
    """
    scatter = start.scatter if start is not None else _begin(pairs, finals, correlation or 0.5)
    for _ in range(FIRST_SWEEPS if start is None else SWEEPS):
        means = _means(scatter, pairs, finals, drafts)
        both, single, other = _around(means, pairs), _around(means[:, :1], finals), _around(means[:, 1:], drafts)
        scatter = _finals_scatter(scatter, both, single, other)
        scatter, belief = _correlate(scatter, both, other, correlation)
    return Fit(means, scatter, belief)


def _begin(pairs: np.ndarray, finals: np.ndarray, correlation: float) -> np.ndarray:
    """Return a starting scatter from the finals, assuming that drafts scatter alike."""
    known = pairs[:, :2, :2] + finals
    mean = known[:, 0, 1] / np.maximum(1.0, known[:, 0, 0])
    within = _around(mean[:, None], known)
    result: np.ndarray = max(within[1, 1] / max(1.0, within[0, 0]), 1e-12) * np.array(
        [[1, correlation], [correlation, 1]]
    )
    return result


def _means(scatter: np.ndarray, pairs: np.ndarray, finals: np.ndarray, drafts: np.ndarray) -> np.ndarray:
    """Return means (prompts, 2) by generalised least squares, each shrunk towards the shape group's mean."""
    inverse = np.linalg.inv(scatter)
    weight, sums = pairs[:, :1, :1] * inverse, pairs[:, 0, 1:] @ inverse
    for known, single in enumerate((finals, drafts)):
        weight[:, known, known] += single[:, 0, 0] / scatter[known, known]
        sums[:, known] += single[:, 0, 1] / scatter[known, known]
    ridge = 1e-9 * inverse
    common = np.linalg.solve(weight.sum(axis=0) + ridge, sums.sum(axis=0))
    common = np.where(weight.sum(axis=0).diagonal() > 0, common, common[0])
    drawn = MEAN_WEIGHT * inverse
    return np.linalg.solve(weight + drawn, (sums + drawn @ common)[:, :, None])[:, :, 0]


def _around(means: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return the moments (1 + values, 1 + values) around the means of the prompts, summed over prompts."""
    size = sums.shape[-1]
    shift = np.tile(np.eye(size), (len(means), 1, 1))
    shift[:, 1:, 0] = -means
    result: np.ndarray = (shift @ sums @ shift.transpose(0, 2, 1)).sum(axis=0)
    return result


def _finals_scatter(scatter: np.ndarray, pairs: np.ndarray, finals: np.ndarray, drafts: np.ndarray) -> np.ndarray:
    """Do one step of expectation-maximisation: estimate the scatter of missing finals from their drafts."""
    slope = scatter[0, 1] / scatter[1, 1]
    expected = slope**2 * drafts[1, 1] + drafts[0, 0] * (scatter[0, 0] - slope * scatter[0, 1])
    known = pairs[1, 1] + finals[1, 1] + expected + PSEUDO_CLIPS * scatter[0, 0]
    scale = sqrt(known / (pairs[0, 0] + finals[0, 0] + drafts[0, 0] + PSEUDO_CLIPS) / scatter[0, 0])
    result: np.ndarray = scatter * np.array([[scale**2, scale], [scale, 1]])
    return result


def _correlate(
    scatter: np.ndarray, pairs: np.ndarray, drafts: np.ndarray, correlation: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scatter and the correlation's posterior, from a grid over correlation and drafts' scatter."""
    final = sqrt(scatter[0, 0])
    number, single = pairs[0, 0], drafts[0, 0]
    width = 1 / sqrt(2 * (number + single) + SCALE_SD**-2)
    scales = (sqrt(scatter[1, 1]) * np.exp(width * np.linspace(-4, 4, 17)))[:, None]
    left = 1 - RHOS**2
    squares = pairs[1, 1] / final**2 + pairs[2, 2] / scales**2 - 2 * RHOS * pairs[1, 2] / (final * scales)
    log = -(squares / left + drafts[1, 1] / scales**2) / 2 - (np.log(scales / final) / SCALE_SD) ** 2 / 2
    log = log - max(0.0, number - 1) / 2 * np.log(left) - max(0.0, number + single - 1) * np.log(scales)
    if correlation is not None:
        log -= (np.arctanh(RHOS) - np.arctanh(np.clip(correlation, RHOS[0], RHOS[-1]))) ** 2 / (2 * PRIOR_SD**2)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    belief = weight.sum(axis=0)
    rho, draft = float(belief @ RHOS), float(weight.sum(axis=1) @ scales[:, 0])
    return np.array([[final**2, rho * final * draft], [rho * final * draft, draft**2]]), belief
