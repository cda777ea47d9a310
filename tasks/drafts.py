"""Whether drafts pay in a bucket, and which of them to finish: decided by what was measured there.

A draft only changes the order: what it promises little of stays planned, and is made when the seeds
are used up. Nothing here knows devices or the catalogue; keys and prompts are any hashable things.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from statistics import median

import numpy as np

from tasks.bivariate import NOTHING, Fit, Gain, best_gain, chance, fit, moments, normal_cdf

FIRST_FINALS = 16
"""Clips of a bucket that are made without drafts, whatever is thought of them."""
PROMPT_FINALS = 4
"""The same of a prompt: prompts differ in how often they pass, and the easy ones need no drafts."""
MOST_PROBING = 10.0
"""Device time, in finals, that may be spent on learning the correlation of cheap drafts."""
MOST_PROBES = 12
"""The same in drafts, where they are dear."""
CLEAR = 0.1
"""Width of the believed correlation from which on nothing more is to be learnt by probes."""
WORTH_PROBING, WORTH_DRAFTING = 1.05, 1.01
"""Gains from which on it is tried, and done."""
HOPEFUL, CAUTIOUS = 0.85, 0.2
"""Quantiles of the believed correlation by which is probed, and drafted."""
RECHECK_SHARE = 1 / 5000
"""Share of the device's time that may go to probes of drafts that were found useless."""
GROWTH = 1.08
"""How much more must be known until it is computed anew."""
KEPT_TIMES = 64


class DraftPolicy:
    """One bucket: the same card, shape and profile.

    Finals that are made anyway tell the pass rate; nothing is drafted where even a perfect draft
    would gain little. Then the best and the worst final of a prompt are drafted afterwards, which
    says most about the correlation for the least device time, until it is clear or too dear. While
    drafts are on, each one that is finished teaches more.

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
        self._told = self._told_at_fit = 0
        self._fit: Fit | None = None
        self._gains: dict[tuple[Hashable, float | None], Gain] = {}

    def made(self, key: Hashable, prompt: Hashable, margin: float | None, seconds: float) -> None:
        """Hear of a finished clip.

        Args:
            margin: its score above the gate's threshold, above 0 where it passes; None where it has
                none since something technical is wrong with it.
            seconds: of the device.
        """
        self._final_times.append(seconds)
        self._spent_s += seconds
        self._told += 1
        self._of(prompt).made(key, margin)

    def drafted(self, key: Hashable, prompt: Hashable, margin: float | None, seconds: float) -> None:
        """Hear of a draft, of a clip that is not made yet or of one that is."""
        if seconds > 0:  # one that failed says nothing about the others' time
            self._draft_times.append(seconds)
        self._spent_s += seconds
        self._told += 1
        if self._of(prompt).drafted(key, margin):
            self._probes += 1
            self._probed_s += seconds
            self._told_at_fit = 0

    def probe(self, prompts: Iterable[Hashable]) -> tuple[Hashable, ...]:
        """Return finished clips to draft now, to learn; mostly none.

        Args:
            prompts: those that still lack clips. Ask again only when the last answer was heard of.
        """
        finals = sum(prompt.finals[0, 0] for prompt in self._prompts.values())
        if finals + sum(prompt.pairs[0, 0] for prompt in self._prompts.values()) < FIRST_FINALS:
            return ()
        known = [prompt for prompt in prompts if prompt in self._prompts]
        most = max(MOST_PROBES, MOST_PROBING / self.cost)
        is_clear = self._probes and self._now().quantile(HOPEFUL) - self._now().quantile(CAUTIOUS) < CLEAR
        if any(self._gain(prompt, CAUTIOUS).gain > WORTH_DRAFTING for prompt in known) and (
            is_clear or self._probes >= most
        ):
            return ()
        best = max((self._gain(prompt, HOPEFUL).gain for prompt in known), default=1.0)
        if best < WORTH_PROBING or self._probes >= most:
            limit = max((self._gain(prompt, 1.0).gain for prompt in known), default=1.0)
            price = 2 * self.cost * median(self._final_times)
            if limit < WORTH_PROBING or self._probed_s + price > RECHECK_SHARE * self._spent_s:
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
        return gain.gain > WORTH_DRAFTING and lacking <= left * self._best(prompt).passing

    def chance(self, key: Hashable, prompt: Hashable) -> float:
        """Probability that a drafted clip passes; 0 where its draft has no score."""
        now, own = self._now(), self._prompts[prompt]
        margin = own.draft_margins[key]
        if margin is None:
            return 0.0
        return float(chance(self._place(own, margin), self._pass_rate(own), now.rho))

    def promises(self, key: Hashable, prompt: Hashable) -> bool:
        """True where a drafted clip should be finished before others are drafted."""
        own = self._prompts[prompt]
        margin = own.draft_margins[key]
        return margin is not None and bool(self._place(own, margin) >= self._best(prompt).threshold)

    @property
    def cost(self) -> float:
        """Device time of a draft, as a share of the final's."""
        if not self._draft_times or not self._final_times or not median(self._final_times):
            return self._cost
        return median(self._draft_times) / median(self._final_times)

    def _of(self, prompt: Hashable) -> "_Prompt":
        return self._prompts.setdefault(prompt, _Prompt(len(self._prompts)))

    def _best(self, prompt: Hashable) -> Gain:
        return self._gain(prompt, None)

    def _gain(self, prompt: Hashable, quantile: float | None) -> Gain:
        """The best gain at a quantile of the believed correlation; None takes the expected one."""
        now = self._now()
        if (prompt, quantile) not in self._gains:
            rho = now.rho if quantile is None else now.quantile(quantile)
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
        if self._fit is None or self._told >= self._told_at_fit * GROWTH or len(self._fit.means) < len(self._prompts):
            pairs, finals, drafts = (np.stack([getattr(prompt, name) for prompt in self._prompts.values()])
                                     for name in ("pairs", "finals", "drafts"))
            self._fit = fit(pairs, finals, drafts, self._correlation, self._fit)
            self._told_at_fit = self._told
            self._gains.clear()
        return self._fit


class _Prompt:
    """What is known of one prompt's clips: of which there are both scores, the final's only, the draft's only."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pairs, self.finals, self.drafts = np.zeros((3, 3)), np.zeros((2, 2)), np.zeros((2, 2))
        self.final_margins: dict[Hashable, float | None] = {}
        self.draft_margins: dict[Hashable, float | None] = {}
        self.made_plain = 0

    def made(self, key: Hashable, margin: float | None) -> None:
        self.final_margins[key] = margin
        self.made_plain += key not in self.draft_margins
        self._count(key, final=margin)

    def drafted(self, key: Hashable, margin: float | None) -> bool:
        """True where the clip was finished before."""
        self.draft_margins[key] = margin
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
        single = {key: margin for key, margin in self.final_margins.items()
                  if margin is not None and key not in self.draft_margins}
        if len(single) < 2:
            return 0.0, ()
        worst, best = min(single, key=single.__getitem__), max(single, key=single.__getitem__)
        return single[best] - single[worst], (best, worst)
