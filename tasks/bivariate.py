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
MASS = np.exp(-PLACES**2 / 2) / np.exp(-PLACES**2 / 2).sum()
_ERF = np.array([(1 + erf(place / sqrt(2))) / 2 for place in np.linspace(-8, 8, 3201)])
PROBABILITIES = (0.002, 0.998)
"""Pass rates outside of these are taken for them: no measurement of ours tells them apart."""
RHOS = np.linspace(-0.2, 0.98, 60)
"""Correlations that are thought possible."""
PSEUDO_PAIRS = 3.0
"""Weight of the prior scatter, in pairs."""
PRIOR_SD = 0.35
"""How far a card's correlation may lie from a bucket's, on Fisher's scale."""
MEAN_WEIGHT = 1.0
"""Weight, in clips, of the bucket's mean in the mean of a prompt."""
SWEEPS = 12


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
    passing = np.cumsum((MASS * chance(PLACES, pass_rate, rho))[::-1])[::-1]
    finished = np.cumsum(MASS[::-1])[::-1]
    gains = passing / (cost + finished) / pass_rate
    best = int(gains.argmax())
    if gains[best] <= 1:
        return NOTHING._replace(passing=pass_rate)
    return Gain(float(gains[best]), float(PLACES[best]), float(finished[best]), float(passing[best]))


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
        return float(np.interp(share, np.cumsum(self.belief), RHOS))


def moments(values: np.ndarray) -> np.ndarray:
    """Sum of x xᵀ over rows x = (1, value…): adds up, and is all that a fit needs."""
    rows = np.column_stack([np.ones(len(values)), values])
    return rows.T @ rows


def fit(pairs: np.ndarray, finals: np.ndarray, drafts: np.ndarray, correlation: float | None,
        start: Fit | None = None) -> Fit:
    """Estimate the distribution from clips of which both scores are known, or one.

    Which score is missing is decided by the other one alone (a draft is finished for its own score,
    and drafted again for its final's), so that expectation-maximisation over all of them is not
    misled by the selection (Little and Rubin, Statistical Analysis with Missing Data, 7 and 11.2).

    Args:
        pairs, finals, drafts: (prompts, 3, 3), (prompts, 2, 2), (prompts, 2, 2): moments.
        correlation: prior, of the card; None knows nothing.
        start: an earlier fit, from which to go on.
    """
    means, scatter = _begin(pairs, finals, correlation or 0.5)
    if start is not None:
        means[: len(start.means)], scatter = start.means, start.scatter
    spread = scatter[0, 0]
    prior = PSEUDO_PAIRS * spread * np.array([[1, correlation or 0.5], [correlation or 0.5, 1]])
    for _ in range(SWEEPS):
        means, scatter = _maximise(_complete(means, scatter, pairs, finals, drafts), prior)
    return Fit(means, scatter, _belief(means, scatter, pairs, correlation))


def _begin(pairs: np.ndarray, finals: np.ndarray, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    """Start from the finals: drafts are taken for alike until they show otherwise."""
    known = pairs[:, :2, :2] + finals
    number, total = known[:, 0, 0], known[:, 0, 1]
    common = total.sum() / max(1.0, number.sum())
    mean = (total + MEAN_WEIGHT * common) / (number + MEAN_WEIGHT)
    within = (known[:, 1, 1] - 2 * mean * total + number * mean**2).sum() / max(1.0, number.sum())
    scatter = max(within, 1e-12) * np.array([[1, correlation], [correlation, 1]])
    return np.stack([mean, mean], axis=1), scatter


def _complete(means: np.ndarray, scatter: np.ndarray, pairs: np.ndarray, finals: np.ndarray,
              drafts: np.ndarray) -> np.ndarray:
    """Expected moments (prompts, 3, 3) of all clips, had each both scores."""
    total = pairs.copy()
    for known, sums in ((0, finals), (1, drafts)):
        missing = 1 - known
        slope = scatter[0, 1] / scatter[known, known]
        rest = scatter[missing, missing] - slope * scatter[0, 1]
        widen = np.zeros((len(means), 3, 2))
        widen[:, 0, 0] = widen[:, 1 + known, 1] = 1
        widen[:, 1 + missing, 0] = means[:, missing] - slope * means[:, known]
        widen[:, 1 + missing, 1] = slope
        total += widen @ sums @ widen.transpose(0, 2, 1)
        total[:, 1 + missing, 1 + missing] += sums[:, 0, 0] * rest
    return total


def _maximise(total: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    number, sums = total[:, 0, 0], total[:, 0, 1:]
    common = sums.sum(axis=0) / number.sum()
    means = (sums + MEAN_WEIGHT * common) / (number + MEAN_WEIGHT)[:, None]
    return means, (_around(means, total) + prior) / (number.sum() + PSEUDO_PAIRS)


def _around(means: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Scatter (2, 2) around the means of the prompts, added up."""
    shift = np.concatenate([-means[:, :, None], np.broadcast_to(np.eye(2), (len(means), 2, 2))], axis=2)
    return (shift @ sums @ shift.transpose(0, 2, 1)).sum(axis=0)


def _belief(means: np.ndarray, scatter: np.ndarray, pairs: np.ndarray, correlation: float | None) -> np.ndarray:
    """Posterior of the correlation: only clips with both scores speak of it."""
    (finals, products), (_, drafts) = _around(means, pairs)
    unit = np.sqrt(scatter.diagonal())
    left = 1 - RHOS**2
    squares = finals / unit[0] ** 2 + drafts / unit[1] ** 2 - 2 * RHOS * products / unit.prod()
    log = -pairs[:, 0, 0].sum() / 2 * np.log(left) - squares / (2 * left)
    if correlation is not None:
        log -= (np.arctanh(RHOS) - np.arctanh(np.clip(correlation, RHOS[0], RHOS[-1]))) ** 2 / (2 * PRIOR_SD**2)
    weight = np.exp(log - log.max())
    return weight / weight.sum()
