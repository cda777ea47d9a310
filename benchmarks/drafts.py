"""Drafts first, by simulation: passing clips per device-second against making everything and against the best.

Scores of drafts and finals are drawn from a bivariate normal distribution; the real policy (tasks/drafts.py)
learns pass rate, correlation and cost on the way, and decides what is drafted, finished and probed. What it
gains counts from the first clip, learning included.
"""

import itertools
from math import sqrt
from statistics import NormalDist

import numpy as np

from benchmarks.result import Limit, Result
from tasks.bivariate import best_gain, chance
from tasks.drafts import DraftPolicy

PASS_RATES = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9)
RHOS = (0.0, 0.3, 0.6, 0.9)
COSTS = (0.05, 0.15, 0.3, 0.5)
HORIZON = 4_000
"""Device time of a bucket, in finals: a night of one-minute clips on eight devices."""
REPETITIONS = 2


def run() -> Result:
    """Simulate every corner of the grid."""
    gains, shares = {}, {}
    for corner in itertools.product(PASS_RATES, RHOS, COSTS):
        gains[corner] = float(np.mean([gain(*corner, seed) for seed in range(REPETITIONS)]))
        shares[corner] = gains[corner] / best_gain(*corner).gain
    worst, least = min(shares, key=shares.__getitem__), min(gains, key=gains.__getitem__)
    surface = [[gains[p, rho, COSTS[1]] for p in PASS_RATES] for rho in RHOS]
    return Result(
        name="drafts", what="Passing clips per device-second with drafts, against making everything, simulated.",
        unit="x", ours=float(np.mean(list(gains.values()))), baseline=1.0, more_is_better=True,
        limits=(Limit("smallest_share_of_optimum", "at least", 0.95), Limit("smallest_gain", "at least", 1.0)),
        figures={
            "smallest_share_of_optimum": round(shares[worst], 4), "smallest_gain": round(gains[least], 4),
            "median_share_of_optimum": round(float(np.median(list(shares.values()))), 4),
            "share_of_corners_within_95_percent": round(float(np.mean(np.array(list(shares.values())) >= 0.95)), 4),
            "largest_gain": round(max(gains.values()), 3),
        },
        held_back_by=(
            f"Learning: the share is smallest at pass rate {worst[0]}, correlation {worst[1]}, cost {worst[2]}, the "
            f"gain at pass rate {least[0]}, correlation {least[1]}, cost {least[2]}."
        ),
        notes=(f"{len(gains)} corners, {HORIZON:,} finals of device time each, {REPETITIONS} times; the optimum knows "
               "pass rate, correlation and cost beforehand, the policy measures them on the way.",),
        series={"surface": {"x_name": "pass rate", "x": list(PASS_RATES), "y_name": "correlation", "y": list(RHOS),
                            "z_name": f"gain at a draft cost of {COSTS[1]}", "z": surface}},
    )


def gain(pass_rate: float, rho: float, cost: float, seed: int) -> float:
    """Return passing clips per device time in multiples of making everything.

    A clip counts with its probability to pass, given what is known before it is made: the mean is
    that of counting passes, without the scatter of the coin.
    """
    rng, policy = np.random.default_rng(seed), DraftPolicy(cost)
    gate = NormalDist().inv_cdf(1 - pass_rate)
    drafts: dict[int, float] = {}
    spent = passing = 0.0
    for key in itertools.count():
        if spent >= HORIZON:
            return passing / spent / pass_rate
        for probed in policy.probe(["prompt"]):
            policy.drafted(probed, "prompt", drafts[probed], cost)
            spent += cost
        final, other = rng.standard_normal(2)
        draft = rho * final + sqrt(1 - rho**2) * other
        drafts[key] = draft - gate
        chance_to_pass = pass_rate
        if policy.pays("prompt", 1):
            policy.drafted(key, "prompt", draft - gate, cost)
            spent += cost
            if not policy.promises(key, "prompt"):
                continue
            chance_to_pass = float(chance(np.asarray(draft), pass_rate, rho))
        policy.made(key, "prompt", final - gate, 1.0)
        spent += 1
        passing += chance_to_pass
    raise AssertionError("the count never ends")
