"""Decide from measurements whether drafts pay off in a shape group, and which drafts to finish.

A draft changes only the order: an unpromising variant stays planned and is generated once the other seeds are
used up. This module does not depend on devices or the catalogue; keys and prompts are any hashable values.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from statistics import median

import numpy as np

from tasks.render.bivariate import NO_GAIN, Fit, Gain, best_gain, chance, fit, moments, normal_cdf

FIRST_FINALS = 24
"""Clips of a shape group that are always generated without drafts first."""
PROMPT_FINALS = 4
"""The same per prompt: pass rates differ between prompts, and easy prompts need no drafts."""
LEARNING, LEARNING_POWER = 0.12, 0.4
"""Budget of probes: LEARNING * spent ** LEARNING_POWER, both in units of a final's device time (0.8 of the first 100,
3.3 of 4,000). If drafts predict nothing, every probe is wasted; the budget limits that loss to 0.8 % and 0.08 %."""
WORTH_PROBING = 1.05
"""Minimum gain of perfect drafts that makes measuring the correlation worthwhile."""
CAUTIOUS = 0.4
"""Quantile of the correlation's posterior at which drafts must gain. Near break-even a mistake costs little."""
USELESS = 0.03
"""Probability of a correlation of 0 or less above which nothing is drafted: a mistake would waste every draft."""
GROWTH = 1.08
"""Growth in the number of observations after which the fit is recomputed."""
KEPT_TIMES = 64


class DraftPolicy:
    """Draft policy of one shape group: one card, shape and profile.

    Finals that are generated anyway give the pass rate; if even a perfect draft would gain little, nothing is
    drafted. Otherwise the best and the worst final of a prompt are drafted afterwards ("probed"). This gives
    the most information on the correlation for the least device time: two scores this far apart are worth
    about a dozen drafts of new clips. While drafts are in use, each finished draft improves the estimate.

    Args:
        cost: expected device time of a draft as a share of the final's; replaced by measurements as they arrive.
        correlation: the card's; None if it has not been measured.
    """

    def __init__(self, cost: float, correlation: float | None = None) -> None:
        self._cost = cost
        self._correlation = correlation
        self._prompts: dict[Hashable, _Prompt] = {}
        self._final_times: deque[float] = deque(maxlen=KEPT_TIMES)
        self._draft_times: deque[float] = deque(maxlen=KEPT_TIMES)
        self._probes = 0
        self._probed_s = self._spent_s = 0.0
        self._scored = self._observed = self._pairs = 0
        self._observed_at_fit = self._pairs_at_fit = 0
        self._fit: Fit | None = None
        self._gains: dict[tuple[Hashable, float], Gain] = {}

    def record_final(self, key: Hashable, prompt: Hashable, margin: float | None, seconds: float) -> None:
        """Record a generated clip.

        Args:
            margin: its score minus the gate's threshold, above 0 if it passes; None if it was not scored
                because it failed a technical check.
            seconds: device time.
        """
        self._final_times.append(seconds)
        self._spent_s += seconds
        self._scored += margin is not None
        self._observed += 1
        self._pairs += self._of(prompt).record_final(key, margin)

    def record_draft(self, key: Hashable, prompt: Hashable, margin: float | None, seconds: float) -> None:
        """Record a draft, made before or after its clip."""
        if seconds > 0:  # the time of a failed draft is not representative
            self._draft_times.append(seconds)
        self._spent_s += seconds
        self._observed += 1
        if self._of(prompt).record_draft(key, margin):
            self._pairs += 1
            self._probes += 1
            self._probed_s += seconds

    def probe(self, prompts: Iterable[Hashable]) -> tuple[Hashable, ...]:
        """Return finished clips to draft now in order to measure the correlation; usually none.

        Record the drafts of one answer before asking for the next.

        Args:
            prompts: prompts that still lack clips.
        """
        if self._scored < FIRST_FINALS:
            return ()
        final_s = median(self._final_times)
        budget = LEARNING * (self._spent_s / final_s) ** LEARNING_POWER if final_s else 0.0
        if self._probed_s + 2 * self.cost * final_s > budget * final_s:
            return ()
        if not any(self._gain(prompt, 1.0).gain >= WORTH_PROBING for prompt in prompts if prompt in self._prompts):
            return ()
        return max((prompt.extremes() for prompt in self._prompts.values()), key=lambda found: found[0])[1]

    def pays_off(self, prompt: Hashable, lacking: float, left: float = np.inf) -> bool:
        """Return whether the prompt's next seeds should be drafted first.

        Args:
            lacking: how many clips it still lacks.
            left: how many seeds it has left. If they are few, all of them are generated and drafts are wasted.
        """
        if (
            not self._probes
            or prompt not in self._prompts
            or self._prompts[prompt].finals_without_draft < PROMPT_FINALS
        ):
            return False
        gain = self._gain(prompt, CAUTIOUS)
        return gain.gain > 1 and lacking <= left * gain.passing and self._current_fit().quantile(USELESS) > 0

    def chance(self, key: Hashable, prompt: Hashable) -> float:
        """Return the probability that a drafted clip passes; 0 if its draft has no score."""
        now, own = self._current_fit(), self._prompts[prompt]
        margin = own.draft_margins[key]
        if margin is None:
            return 0.0
        return float(chance(self._deviation(own, margin), self._pass_rate(own), now.rho))

    def is_promising(self, key: Hashable, prompt: Hashable) -> bool:
        """Return whether a drafted clip should be finished before others are drafted."""
        margin = self._prompts[prompt].draft_margins[key]
        return margin is not None and margin >= self.threshold(prompt)

    def threshold(self, prompt: Hashable) -> float:
        """Return the lowest margin of a promising draft; -inf if drafts gain nothing."""
        now, number = self._current_fit(), self._prompts[prompt].number
        place = self._gain(prompt, CAUTIOUS).threshold
        return float(now.means[number, 1] + place * now.scatter[1, 1] ** 0.5)

    @property
    def cost(self) -> float:
        """Device time of a draft, as a share of the final's."""
        if not self._draft_times or not self._final_times or not median(self._final_times):
            return self._cost
        return median(self._draft_times) / median(self._final_times)

    def _of(self, prompt: Hashable) -> "_Prompt":
        return self._prompts.setdefault(prompt, _Prompt(len(self._prompts)))

    def _gain(self, prompt: Hashable, quantile: float) -> Gain:
        """Return the best gain at a quantile of the correlation's posterior; 1.0 is the highest possible value."""
        now = self._current_fit()
        if (prompt, quantile) not in self._gains:
            rho = now.quantile(quantile)
            gain = best_gain(self._pass_rate(self._prompts[prompt]), rho, self.cost) if rho > 0 else NO_GAIN
            self._gains[prompt, quantile] = gain
        return self._gains[prompt, quantile]

    def _pass_rate(self, own: "_Prompt") -> float:
        now = self._current_fit()
        return float(normal_cdf(now.means[own.number, 0] / now.scatter[0, 0] ** 0.5))

    def _deviation(self, own: "_Prompt", margin: float) -> np.ndarray:
        now = self._current_fit()
        return np.asarray((margin - now.means[own.number, 1]) / now.scatter[1, 1] ** 0.5)

    def _current_fit(self) -> Fit:
        if self._fit is None or self._is_old(self._fit):
            pairs, finals, drafts = (
                np.stack([getattr(prompt, name) for prompt in self._prompts.values()])
                for name in ("pairs", "finals", "drafts")
            )
            self._fit = fit(pairs, finals, drafts, self._correlation, self._fit)
            self._observed_at_fit, self._pairs_at_fit = self._observed, self._pairs
            self._gains.clear()
        return self._fit

    def _is_old(self, fit: Fit) -> bool:
        return (
            self._observed > self._observed_at_fit * GROWTH
            or self._pairs > self._pairs_at_fit * GROWTH
            or len(fit.means) < len(self._prompts)
        )


class _Prompt:
    """Scores of one prompt's clips: pairs of both scores, finals only, drafts only."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pairs, self.finals, self.drafts = np.zeros((3, 3)), np.zeros((2, 2)), np.zeros((2, 2))
        self.final_margins: dict[Hashable, float | None] = {}
        self.draft_margins: dict[Hashable, float | None] = {}
        self.undrafted: dict[Hashable, float] = {}
        self.finals_without_draft = 0

    def record_final(self, key: Hashable, margin: float | None) -> bool:
        """Record a final; return whether the clip was drafted before."""
        self.final_margins[key] = margin
        self.finals_without_draft += key not in self.draft_margins
        if margin is not None and key not in self.draft_margins:
            self.undrafted[key] = margin
        self._count(key, final=margin)
        return key in self.draft_margins

    def record_draft(self, key: Hashable, margin: float | None) -> bool:
        """Record a draft; return whether the clip was finished before."""
        self.draft_margins[key] = margin
        self.undrafted.pop(key, None)
        self._count(key, draft=margin)
        return key in self.final_margins

    def _count(self, key: Hashable, final: float | None = None, draft: float | None = None) -> None:
        """Add a score to the moments; with a known counterpart it becomes a pair."""
        if final is not None and (other := self.draft_margins.get(key)) is not None:
            self.drafts -= moments(np.array([[other]]))
            self.pairs += moments(np.array([[final, other]]))
        elif draft is not None and (other := self.final_margins.get(key)) is not None:
            self.finals -= moments(np.array([[other]]))
            self.pairs += moments(np.array([[other, draft]]))
        elif final is not None:
            self.finals += moments(np.array([[final]]))
        elif draft is not None:
            self.drafts += moments(np.array([[draft]]))

    def extremes(self) -> tuple[float, tuple[Hashable, ...]]:
        """Return the distance between the best and the worst undrafted final, and their keys."""
        if len(self.undrafted) < 2:
            return 0.0, ()
        worst, best = (choose(self.undrafted, key=self.undrafted.__getitem__) for choose in (min, max))
        return self.undrafted[best] - self.undrafted[worst], (best, worst)
