"""What a campaign or a run has cost: device time of ours, and jobs of providers. Currencies are never added."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from manifests.costs.device_use import UseTotal
from manifests.costs.money import Money
from manifests.costs.prices import Prices
from manifests.costs.sums import Sums, sums_json, sums_of, sums_text
from manifests.hosted.job import JobState
from manifests.hosted.provider_job import JobTotal
from manifests.pluralize import count_of


class SpendingLine(NamedTuple):
    """The jobs of one provider with one card, in words for a table.

    Attributes:
        estimated: the part of ``spent`` that the provider has not reported.
        notes: jobs that were paid without a clip, or whose cost is not known.
    """

    provider: str
    card: str
    jobs: int
    spent: Money
    estimated: Money
    reserved: Money
    notes: str


@dataclass(frozen=True, slots=True)
class Spending:
    """Money that a campaign or a run has caused, also by failed, rejected and discarded work.

    Attributes:
        devices: cost of device time; None if the price of a device is not known.
        device_seconds: that time.
        jobs: money and number of provider jobs, by provider, card and currency.
    """

    devices: Money | None = None
    device_seconds: float = 0.0
    jobs: tuple[JobTotal, ...] = ()

    @property
    def spent(self) -> Sums:
        """The cost of device time and of jobs that have ended; without device time if its price is not known."""
        own = [self.devices] if self.devices and self.device_seconds else []
        return sums_of([*own, *(Money(job.spent_micros, job.currency) for job in self._priced)])

    @property
    def estimated(self) -> Sums:
        """The part of ``spent`` that a provider has not reported."""
        return sums_of(Money(job.estimated_micros, job.currency) for job in self._priced if job.estimated_micros)

    @property
    def reserved(self) -> Sums:
        """The expected cost of jobs that are still open."""
        return sums_of(Money(job.reserved_micros, job.currency) for job in self._priced if job.reserved_micros)

    @property
    def wasted(self) -> Sums:
        """The part of ``spent`` for jobs that have failed or were lost."""
        return sums_of(Money(job.wasted_micros, job.currency) for job in self._priced if job.wasted_micros)

    @property
    def unknown(self) -> int:
        """Number of jobs that may have been billed, and whose cost is not known."""
        return sum(job.unknown for job in self.jobs)

    @property
    def lines(self) -> tuple[SpendingLine, ...]:
        """The jobs by provider and card."""
        return tuple(
            SpendingLine(
                job.provider,
                job.card,
                sum(job.jobs.values()),
                Money(job.spent_micros, job.currency),
                Money(job.estimated_micros, job.currency),
                Money(job.reserved_micros, job.currency),
                ", ".join(_notes(job)),
            )
            for job in self.jobs
        )

    def each(self, number: int) -> Sums:
        """Return the share of ``spent`` of each of a number of clips; empty if there are none."""
        return tuple(amount.divided(number) for amount in self.spent) if number else ()

    @property
    def text(self) -> str:
        """``12.40 USD (including 3.00 USD estimated), 0.30 USD reserved``; empty if nothing is known."""
        spent = sums_text(self._shown(self.spent))
        if spent and self.estimated:
            spent += f" (including {sums_text(self.estimated)} estimated)"
        reserved = f"{sums_text(self.reserved)} reserved" if self.reserved else ""
        return ", ".join(filter(None, [spent, reserved]))

    def each_text(self, number: int) -> str:
        """Return the share of each of a number of clips, rounded; empty if there are none."""
        return sums_text(self.each(number), short=True)

    @property
    def is_complete(self) -> bool:
        """Whether the cost of all device time and of all jobs is known."""
        return not self.unknown and (self.devices is not None or not self.device_seconds)

    def as_json(self, published: int | None = None) -> dict[str, Any]:
        """Return plain values; amounts are whole micro-units, one for each currency.

        Args:
            published: number of published clips, for the cost of each; None leaves it out.
        """
        each = {} if published is None else {"cost_per_published_clip": sums_json(self.each(published))}
        return {
            "spent": sums_json(self.spent),
            "estimated": sums_json(self.estimated),
            "reserved": sums_json(self.reserved),
            "wasted": sums_json(self.wasted),
            "is_cost_complete": self.is_complete,
            "provider_jobs": [{**job._asdict(), "jobs": dict(job.jobs)} for job in self.jobs],
            **each,
        }

    @property
    def _priced(self) -> list[JobTotal]:
        return [job for job in self.jobs if job.currency]

    def _shown(self, sums: Sums) -> Iterator[Money]:
        """Yield amounts rounded if they contain device time, whose further digits would only look exact."""
        rounded = self.devices.currency if self.devices and self.devices.micros else None
        return (amount.short if amount.currency == rounded else amount for amount in sums)


NOTHING = Spending()


def spending_of(uses: Iterable[UseTotal], prices: Prices, jobs: Sequence[JobTotal] = ()) -> Spending:
    """Return what device use and provider jobs have cost."""
    uses = list(uses)
    cost = prices.total(uses)
    return Spending(None if cost is None else prices.money(cost), sum(use.seconds for use in uses), tuple(jobs))


def cost_json(spending: Spending, prices: Prices, published: int | None = None) -> dict[str, Any]:
    """Return device time with its cost, and all money; the cost is None if the price of a device is not known."""
    return {
        "device_seconds": spending.device_seconds,
        "cost": None if spending.devices is None else float(spending.devices.amount),
        "currency": prices.currency,
        **spending.as_json(published),
    }


def _notes(job: JobTotal) -> Iterator[str]:
    """Yield what was paid without a clip, and what is not known."""
    numbers = [(job.jobs.get(state, 0), state) for state in (JobState.FAILED, JobState.LOST)]
    words = [f"{number:,} {state}" for number, state in numbers if number]
    if job.wasted_micros:
        yield f"{Money(job.wasted_micros, job.currency)} for {' and '.join(words)}"
    elif words:
        yield " and ".join(words)
    if uncertain := job.jobs.get(JobState.UNCERTAIN, 0):
        yield f"{uncertain:,} uncertain (see `reelmill jobs`)"
    if job.unknown:
        yield f"the cost of {count_of(job.unknown, 'job')} is not known"
