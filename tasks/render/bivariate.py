"""Drafts and finals as normal distributions in two dimensions: what is gained by drafts, and what the scores say.

The final's margin over its gate and the draft's are normal around the means of their prompt; how they
scatter around these is the same for all prompts of a bucket.
"""

from functools import cache
from math import erf, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

PLACES = np.linspace(-5, 5, 401)
"""Draft scores in standard deviations, over which is integrated."""
MASS = np.exp(-(PLACES**2) / 2) / np.exp(-(PLACES**2) / 2).sum()
_ERF = np.array([(1 + erf(place / sqrt(2))) / 2 for place in np.linspace(-8, 8, 3201)])
PROBABILITIES = (0.002, 0.998)
"""Pass rates outside of these are taken for them: no measurement of ours tells them apart."""
RHOS = np.linspace(-0.2, 0.98, 60)
"""Correlations that are thought possible."""
PSEUDO_CLIPS = 1.0
"""Weight, in clips, of an earlier estimate of the finals' scatter."""
SCALE_SD = 0.5
"""How far the scatter of drafts may lie from that of finals, in e-foldings."""
PRIOR_SD = 0.35
"""How far a card's correlation may lie from a bucket's, on Fisher's scale."""
MEAN_WEIGHT = 1.0
"""Weight, in clips, of the bucket's mean in the mean of a prompt."""
FIRST_SWEEPS, SWEEPS = 100, 4
"""Of a fit from nothing, which settles slowly where most finals are missing, and from an earlier fit."""


class Gain(NamedTuple):
    """The best threshold on drafts.

    Attributes:
        gain: passing clips per device-second, in multiples of making everything; 1.0 where no
            threshold is better than that.
        threshold: draft score in standard deviations from its mean, from which on it is finished.
        finished: share of the drafts that are finished, 0..1.
        passing: share of the drafts that are finished and pass, 0..1.
    """

    gain: float
    threshold: float
    finished: float
    passing: float


NOTHING = Gain(1.0, -np.inf, 1.0, 1.0)


def best_gain(pass_rate: float, rho: float, cost: float) -> Gain:
    """Return the threshold t that makes P(pass, d > t) / (cost + P(d > t)) / pass_rate largest.

    Args:
        pass_rate: share of the finals that pass, 0..1.
        rho: correlation of draft and final.
        cost: device time of a draft, as a share of the final's.
    """
    pass_rate = float(np.clip(pass_rate, *PROBABILITIES))
    finished, passing = _above(pass_rate, rho)
    gains = passing / (cost + finished) / pass_rate
    best = int(gains.argmax())
    if gains[best] <= 1:
        return NOTHING._replace(passing=pass_rate)
    return Gain(float(gains[best]), float(PLACES[best]), float(finished[best]), float(passing[best]))


def expected(pass_rate: float, rho: float, threshold: float) -> tuple[float, float]:
    """Shares of the drafts at or above a threshold, in standard deviations: all, and those whose finals pass."""
    finished, passing = _above(pass_rate, rho)
    edge = PLACES - (PLACES[1] - PLACES[0]) / 2  # the mass of a place reaches half a step below it
    return float(np.interp(threshold, edge, finished)), float(np.interp(threshold, edge, passing))


def _above(pass_rate: float, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the drafts from each place on that are finished, and that pass."""
    return np.cumsum(MASS[::-1])[::-1], np.cumsum((MASS * chance(PLACES, pass_rate, rho))[::-1])[::-1]


def chance(draft: np.ndarray, pass_rate: float, rho: float) -> np.ndarray:
    """Probability that the final passes, given draft scores in standard deviations from their mean."""
    return normal_cdf((rho * draft - _quantile(1 - pass_rate)) / sqrt(1 - rho**2))


def normal_cdf(values: np.ndarray | float) -> np.ndarray:
    """Share of a standard normal distribution below each value."""
    return np.interp(values, np.linspace(-8, 8, len(_ERF)), _ERF)


@cache
def _quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)


class Fit(NamedTuple):
    """What the scores say.

    Attributes:
        means: (prompts, 2): of finals and of drafts.
        scatter: (2, 2): covariance of finals and drafts within a prompt.
        belief: probability of each of RHOS.
    """

    means: np.ndarray
    scatter: np.ndarray
    belief: np.ndarray

    @property
    def rho(self) -> float:
        """Expected correlation."""
        return float(self.belief @ RHOS)

    def quantile(self, share: float) -> float:
        """The correlation below which so much of the belief lies."""
        return float(np.interp(share, np.cumsum(self.belief) - self.belief / 2, RHOS))


def moments(values: np.ndarray) -> np.ndarray:
    """Sum of x xᵀ over rows x = (1, value…): adds up, and is all that a fit needs."""
    rows = np.column_stack([np.ones(len(values)), values])
    return rows.T @ rows


def fit(
    pairs: np.ndarray, finals: np.ndarray, drafts: np.ndarray, correlation: float | None, start: Fit | None = None
) -> Fit:
    """Estimate the distribution from clips of which both scores are known, or one.

    Which score is missing is decided by the other one alone (a draft is finished for its own score,
    and drafted again for its final's), so that the likelihood of all that is known is not misled by
    the selection (Little and Rubin, Statistical Analysis with Missing Data, 7 and 11.2). Its parts
    are made largest in turn: the means, the scatter of finals, then that of drafts with the correlation.

    Args:
        pairs, finals, drafts: (prompts, 3, 3), (prompts, 2, 2), (prompts, 2, 2): moments.
        correlation: prior, of the card; None knows nothing.
        start: an earlier fit, from which to go on.
    """
    scatter = start.scatter if start is not None else _begin(pairs, finals, correlation or 0.5)
    for _ in range(FIRST_SWEEPS if start is None else SWEEPS):
        means = _means(scatter, pairs, finals, drafts)
        both, single, other = _around(means, pairs), _around(means[:, :1], finals), _around(means[:, 1:], drafts)
        scatter = _finals_scatter(scatter, both, single, other)
        scatter, belief = _correlate(scatter, both, other, correlation)
    return Fit(means, scatter, belief)


def _begin(pairs: np.ndarray, finals: np.ndarray, correlation: float) -> np.ndarray:
    """Start from the finals: drafts are taken for alike until they show otherwise."""
    known = pairs[:, :2, :2] + finals
    mean = known[:, 0, 1] / np.maximum(1.0, known[:, 0, 0])
    within = _around(mean[:, None], known)
    return max(within[1, 1] / max(1.0, within[0, 0]), 1e-12) * np.array([[1, correlation], [correlation, 1]])


def _means(scatter: np.ndarray, pairs: np.ndarray, finals: np.ndarray, drafts: np.ndarray) -> np.ndarray:
    """Means (prompts, 2) by generalised least squares, each drawn to the bucket's."""
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
    """Moments (1 + values, 1 + values) around the means of the prompts, added up."""
    size = sums.shape[-1]
    shift = np.tile(np.eye(size), (len(means), 1, 1))
    shift[:, 1:, 0] = -means
    return (shift @ sums @ shift.transpose(0, 2, 1)).sum(axis=0)


def _finals_scatter(scatter: np.ndarray, pairs: np.ndarray, finals: np.ndarray, drafts: np.ndarray) -> np.ndarray:
    """A step of expectation-maximisation: finals that are not made scatter as their drafts let expect."""
    slope = scatter[0, 1] / scatter[1, 1]
    expected = slope**2 * drafts[1, 1] + drafts[0, 0] * (scatter[0, 0] - slope * scatter[0, 1])
    known = pairs[1, 1] + finals[1, 1] + expected + PSEUDO_CLIPS * scatter[0, 0]
    scale = sqrt(known / (pairs[0, 0] + finals[0, 0] + drafts[0, 0] + PSEUDO_CLIPS) / scatter[0, 0])
    return scatter * np.array([[scale**2, scale], [scale, 1]])


def _correlate(
    scatter: np.ndarray, pairs: np.ndarray, drafts: np.ndarray, correlation: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior of the correlation and of the drafts' scatter on a grid: the scatter, and the belief."""
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
