"""Whether drafts pay in a bucket, and which of them to finish: decided by what was measured there.

A draft only changes the order: what it promises little of stays planned, and is made when the seeds
are used up. Nothing here knows devices or the catalogue; keys and prompts are any hashable things.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from statistics import median

import numpy as np

from tasks.render.bivariate import NOTHING, Fit, Gain, best_gain, chance, fit, moments, normal_cdf

FIRST_FINALS = 24
"""Clips of a bucket that are made without drafts, whatever is thought of them."""
PROMPT_FINALS = 4
"""The same of a prompt: prompts differ in how often they pass, and the easy ones need no drafts."""
LEARNING, LEARNING_POWER = 0.12, 0.4
"""Probes may take LEARNING * spent ** LEARNING_POWER of the device's time, both in finals: 0.8 of the first 100,
3.3 of 4,000. Where drafts tell nothing every probe is lost, so that this bounds the loss at 0.8 and at 0.08 %."""
WORTH_PROBING = 1.05
"""Gain of perfect drafts from which on the correlation is of interest."""
CAUTIOUS = 0.4
"""Quantile of the believed correlation at which drafts must gain. Near break-even a mistake costs little."""
USELESS = 0.03
"""Belief in a correlation of 0 or less from which on nothing is drafted: there a mistake costs the whole draft."""
GROWTH = 1.08
"""How much more must be known until it is computed anew."""
KEPT_TIMES = 64


class DraftPolicy:
    """One bucket: the same card, shape and profile.

    Finals that are made anyway tell the pass rate; nothing is drafted where even a perfect draft
    would gain little. Else the best and the worst final of a prompt are drafted afterwards, which
    says most about the correlation for the least device time: a pair this far apart says as much as
    a dozen drafts of new clips. While drafts are on, each one that is finished teaches more.

    Args:
        cost: expected device time of a draft as a share of the final's; measured as soon as one is made.
        correlation: of the card, None where nobody measured it.
    """

    def __init__(self, cost: float, correlation: float | None = None) -> None:
        self._cost = cost
        self._correlation = correlation
        self._prompts: dict[Hashable, _Prompt] = {}
        self._final_times: deque[float] = deque(maxlen=KEPT_TIMES)
        self._draft_times: deque[float] = deque(maxlen=KEPT_TIMES)
        self._probes = 0
        self._probed_s = self._spent_s = 0.0
        self._scored = self._told = self._pairs = 0
        self._told_at_fit = self._pairs_at_fit = 0
        self._fit: Fit | None = None
        self._gains: dict[tuple[Hashable, float], Gain] = {}

    def made(self, key: Hashable, prompt: Hashable, margin: float | None, seconds: float) -> None:
        """Hear of a finished clip.

        Args:
            margin: its score above the gate's threshold, above 0 where it passes; None where it has
                none since something technical is wrong with it.
            seconds: of the device.
        """
        self._final_times.append(seconds)
        self._spent_s += seconds
        self._scored += margin is not None
        self._told += 1
        self._pairs += self._of(prompt).made(key, margin)

    def drafted(self, key: Hashable, prompt: Hashable, margin: float | None, seconds: float) -> None:
        """Hear of a draft, of a clip that is not made yet or of one that is."""
        if seconds > 0:  # one that failed says nothing about the others' time
            self._draft_times.append(seconds)
        self._spent_s += seconds
        self._told += 1
        if self._of(prompt).drafted(key, margin):
            self._pairs += 1
            self._probes += 1
            self._probed_s += seconds

    def probe(self, prompts: Iterable[Hashable]) -> tuple[Hashable, ...]:
        """Return finished clips to draft now, to learn; mostly none.

        Args:
            prompts: those that still lack clips. Ask again only when the last answer was heard of.
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

    def pays(self, prompt: Hashable, lacking: float, left: float = np.inf) -> bool:
        """True where the prompt's next seeds should be drafted first.

        Args:
            lacking: how many clips it still lacks.
            left: how many seeds it has left. Few of them are made all the same, and drafts would be wasted.
        """
        if not self._probes or prompt not in self._prompts or self._prompts[prompt].made_plain < PROMPT_FINALS:
            return False
        gain = self._gain(prompt, CAUTIOUS)
        return gain.gain > 1 and lacking <= left * gain.passing and self._now().quantile(USELESS) > 0

    def chance(self, key: Hashable, prompt: Hashable) -> float:
        """Probability that a drafted clip passes; 0 where its draft has no score."""
        now, own = self._now(), self._prompts[prompt]
        margin = own.draft_margins[key]
        if margin is None:
            return 0.0
        return float(chance(self._place(own, margin), self._pass_rate(own), now.rho))

    def promises(self, key: Hashable, prompt: Hashable) -> bool:
        """True where a drafted clip should be finished before others are drafted."""
        margin = self._prompts[prompt].draft_margins[key]
        return margin is not None and margin >= self.threshold(prompt)

    def threshold(self, prompt: Hashable) -> float:
        """The margin of a draft from which on it promises enough; -inf where drafts gain nothing."""
        now, number = self._now(), self._prompts[prompt].number
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
        """The best gain at a quantile of the believed correlation; 1.0 takes the highest that is thought possible."""
        now = self._now()
        if (prompt, quantile) not in self._gains:
            rho = now.quantile(quantile)
            gain = best_gain(self._pass_rate(self._prompts[prompt]), rho, self.cost) if rho > 0 else NOTHING
            self._gains[prompt, quantile] = gain
        return self._gains[prompt, quantile]

    def _pass_rate(self, own: "_Prompt") -> float:
        now = self._now()
        return float(normal_cdf(now.means[own.number, 0] / now.scatter[0, 0] ** 0.5))

    def _place(self, own: "_Prompt", margin: float) -> np.ndarray:
        now = self._now()
        return np.asarray((margin - now.means[own.number, 1]) / now.scatter[1, 1] ** 0.5)

    def _now(self) -> Fit:
        if self._fit is None or self._is_old(self._fit):
            pairs, finals, drafts = (
                np.stack([getattr(prompt, name) for prompt in self._prompts.values()])
                for name in ("pairs", "finals", "drafts")
            )
            self._fit = fit(pairs, finals, drafts, self._correlation, self._fit)
            self._told_at_fit, self._pairs_at_fit = self._told, self._pairs
            self._gains.clear()
        return self._fit

    def _is_old(self, fit: Fit) -> bool:
        return (
            self._told > self._told_at_fit * GROWTH
            or self._pairs > self._pairs_at_fit * GROWTH
            or len(fit.means) < len(self._prompts)
        )


class _Prompt:
    """What is known of one prompt's clips: of which there are both scores, the final's only, the draft's only."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pairs, self.finals, self.drafts = np.zeros((3, 3)), np.zeros((2, 2)), np.zeros((2, 2))
        self.final_margins: dict[Hashable, float | None] = {}
        self.draft_margins: dict[Hashable, float | None] = {}
        self.undrafted: dict[Hashable, float] = {}
        self.made_plain = 0

    def made(self, key: Hashable, margin: float | None) -> bool:
        """True where the clip was drafted before."""
        self.final_margins[key] = margin
        self.made_plain += key not in self.draft_margins
        if margin is not None and key not in self.draft_margins:
            self.undrafted[key] = margin
        self._count(key, final=margin)
        return key in self.draft_margins

    def drafted(self, key: Hashable, margin: float | None) -> bool:
        """True where the clip was finished before."""
        self.draft_margins[key] = margin
        self.undrafted.pop(key, None)
        self._count(key, draft=margin)
        return key in self.final_margins

    def _count(self, key: Hashable, final: float | None = None, draft: float | None = None) -> None:
        """Book a score, and with its counterpart if that is known, which then is no single any more."""
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
        """How far the best and the worst final without a draft lie apart, and their keys."""
        if len(self.undrafted) < 2:
            return 0.0, ()
        worst, best = (choose(self.undrafted, key=self.undrafted.__getitem__) for choose in (min, max))
        return self.undrafted[best] - self.undrafted[worst], (best, worst)
