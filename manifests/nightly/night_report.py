"""The report of a nightly run."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from manifests.nightly.budget import HOUR_S, Budget
from manifests.pluralize import counted

NOTHING_TO_DO = "nothing to do"
DRY_RUN = "dry run"
FAILED = "failed"
_JSON_KEYS = {"existing": "there", "always_failed": "vain", "unfinished": "left", "generated": "made"}
"""Keys of the JSON report that differ from the names of the fields."""


@dataclass(frozen=True, slots=True)
class NightReport:
    """One night of one stock sheet. Clips and device time cover the whole night, even if it was run twice.

    Attributes:
        sheet: the sheet's name.
        day: the date that identifies the night, ``2026-11-27``.
        campaign_id: the night's campaign; empty if none was started.
        combinations: number of combinations in the sheet: the sum of ``existing``, ``given_up``, ``chosen`` and
            ``deferred``.
        existing: combinations with enough clips in the catalogue before the night.
        given_up: combinations whose tries failed too often.
        chosen: combinations that were chosen for the night.
        deferred: combinations that are left for later nights.
        done: chosen combinations that have the wanted number of clips.
        always_failed: chosen combinations whose tries all failed.
        unfinished: chosen combinations that the night did not finish.
        generated: clips that were generated and judged.
        passed: of these, clips that passed the gate.
        published: of these, published clips.
        spent_s: device seconds of the night, including those of earlier versions of the sheet.
        stop: end of the window in readable form with its date; empty for no end.
        ended: ``finished``, ``window``, ``budget``, ``paused``, ``cancelled``, ``left``, ``failed``, ``nothing to
            do`` or ``dry run``.
        why: the error message if it failed.
    """

    sheet: str
    day: str
    campaign_id: str
    combinations: int
    existing: int
    given_up: int
    chosen: int
    ended: str
    why: str = ""
    done: int = 0
    always_failed: int = 0
    unfinished: int = 0
    generated: int = 0
    passed: int = 0
    published: int = 0
    spent_s: float = 0.0
    budget: Budget = field(default_factory=Budget)
    stop: str = ""

    @property
    def deferred(self) -> int:
        """Missing combinations that were not chosen for the night."""
        return self.combinations - self.existing - self.given_up - self.chosen

    @property
    def sentence(self) -> str:
        """Why it ended, and how many chosen combinations are unfinished."""
        rest = counted(self.unfinished, "chosen combination{s} {are} unfinished and left for later nights")
        return f"Nightly run {self.day} of {self.sheet}: {self._why()}{f' {rest}.' if self.unfinished else ''}"

    def _why(self) -> str:
        return {
            "finished": "all chosen combinations are finished.",
            "window": f"stopped at the end of the window, {self.stop}.",
            "budget": f"stopped because the budget of {self._limit()} is spent.",
            "paused": f"paused. Run `reelmill resume {self.campaign_id}` to resume it.",
            "cancelled": "cancelled.",
            "left": "some clips are leased by other processes, or their workers failed repeatedly.",
            FAILED: f"failed. {self.why}",
            NOTHING_TO_DO: "nothing to generate. The catalogue has enough clips, or the remaining combinations were "
            "given up.",
            DRY_RUN: "dry run, nothing was started.",
        }[self.ended]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield the rows of the report as (label, value)."""
        yield "combinations", f"{self.combinations:,}"
        yield "already in the catalogue", f"{self.existing:,}"
        yield "given up", f"{self.given_up:,}"
        yield "chosen", f"{self.chosen:,}"
        yield "left for later nights", f"{self.deferred:,}"
        if self.ended not in (DRY_RUN, NOTHING_TO_DO):
            yield (
                "chosen: finished / failed / unfinished",
                f"{self.done:,} / {self.always_failed:,} / {self.unfinished:,}",
            )
            yield "clips generated / passed / published", f"{self.generated:,} / {self.passed:,} / {self.published:,}"
            yield "spent", self._amount(self.spent_s)
        yield "budget", self._limit()
        yield "window ends", self.stop or "never"
        yield "ended", self.ended

    def as_json(self) -> dict[str, Any]:
        """Return plain values; device time in seconds."""
        plain = {_JSON_KEYS.get(name, name): value for name, value in asdict(self).items()} | {
            "later": self.deferred,
            "budget_s": self.budget.device_s,
            "spent_money": self.budget.money(self.spent_s),
            "sentence": self.sentence,
        }
        del plain["budget"]
        return plain

    def _limit(self) -> str:
        return "no limit" if self.budget.device_s is None else self._amount(self.budget.device_s)

    def _amount(self, device_s: float) -> str:
        """Return ``75 min of device time``, with its cost if the price is known."""
        money = self.budget.money(device_s)
        return f"{_time(device_s)} of device time" + ("" if money is None else f" (cost: {money:.2f})")


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / HOUR_S:.1f} h"
