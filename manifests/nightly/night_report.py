"""What a night came to."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from manifests.nightly.budget import HOUR_S, Budget
from manifests.pluralize import in_number, one_or_more

NOTHING_TO_DO = "nothing to do"
DRY_RUN = "dry run"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NightReport:
    """One night of one stock sheet; clips and device time are those of the whole night, also where it was run twice.

    Attributes:
        sheet: the sheet's name.
        day: the date that the night is called by, ``2026-11-27``.
        campaign_id: the night's campaign; empty where none was begun.
        combinations: all that the sheet lists: there, given up, chosen and later add up to it.
        there: of these, what the catalogue had enough of before the night.
        given_up: what was tried too often in vain.
        chosen: what the night took up.
        later: what is left to later nights.
        done, vain, left: of the chosen, those with the clips that are wanted, those whose tries were all in vain,
            and those that the night did not get to the end of.
        made: clips that were made and judged; of these, passed the gate; and of these, published.
        spent_s: device seconds of the night, also those of a sheet that was changed in it.
        stop: when it took no more work, as people say it, with its date; empty for no end.
        ended: ``finished``, ``window``, ``budget``, ``paused``, ``cancelled``, ``left``, ``failed``, ``nothing to
            do`` or ``dry run``.
        why: the error's sentence where it failed.
    """

    sheet: str
    day: str
    campaign_id: str
    combinations: int
    there: int
    given_up: int
    chosen: int
    ended: str
    why: str = ""
    done: int = 0
    vain: int = 0
    left: int = 0
    made: int = 0
    passed: int = 0
    published: int = 0
    spent_s: float = 0.0
    budget: Budget = field(default_factory=Budget)
    stop: str = ""

    @property
    def later(self) -> int:
        """Combinations that the night did not take up, and that are not there."""
        return self.combinations - self.there - self.given_up - self.chosen

    @property
    def sentence(self) -> str:
        """Why it ended, and what becomes of the rest."""
        left, them = in_number("{are} left", self.left), one_or_more(self.left, "it", "them")
        rest = f" {self.left:,} of the chosen combinations {left}; later nights take {them} up." if self.left else ""
        return f"Stock night {self.day} of {self.sheet}: {self._why()}{rest}"

    def _why(self) -> str:
        return {
            "finished": "it has done all that it chose.",
            "window": f"it stopped at the end of its window, {self.stop}.",
            "budget": f"it stopped at the end of its budget, {self._limit()}.",
            "paused": f"somebody has paused it; go on by reelmill resume {self.campaign_id}.",
            "cancelled": "somebody has cancelled it.",
            "left": "other processes hold some of it, or workers are lost over it again and again.",
            FAILED: f"it failed. {self.why}",
            NOTHING_TO_DO: "there is nothing to make: the catalogue has enough, or the rest was given up.",
            DRY_RUN: "this was a dry run; nothing was begun.",
        }[self.ended]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield what a table shows."""
        yield "combinations", f"{self.combinations:,}"
        yield "already there", f"{self.there:,}"
        yield "given up", f"{self.given_up:,}"
        yield "chosen", f"{self.chosen:,}"
        yield "for later nights", f"{self.later:,}"
        if self.ended not in (DRY_RUN, NOTHING_TO_DO):
            yield "chosen: done / in vain / left", f"{self.done:,} / {self.vain:,} / {self.left:,}"
            yield "clips made / passed / published", f"{self.made:,} / {self.passed:,} / {self.published:,}"
            yield "spent", self._amount(self.spent_s)
        yield "budget", self._limit()
        yield "window ends", self.stop or "never"
        yield "ended by", self.ended

    def as_json(self) -> dict[str, Any]:
        """Return plain values; device time in seconds."""
        plain = asdict(self) | {
            "later": self.later,
            "budget_s": self.budget.device_s,
            "spent_money": self.budget.money(self.spent_s),
            "sentence": self.sentence,
        }
        del plain["budget"]
        return plain

    def _limit(self) -> str:
        return "no limit" if self.budget.device_s is None else self._amount(self.budget.device_s)

    def _amount(self, device_s: float) -> str:
        """Return ``75 min of device time``, with its price where one is known."""
        money = self.budget.money(device_s)
        return f"{_time(device_s)} of device time" + ("" if money is None else f" ({money:.2f} in money)")


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / HOUR_S:.1f} h"
