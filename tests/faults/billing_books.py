"""Compare what a provider bills with what the catalogue knows, without code of the engine."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from vendor_server import VendorServer

SPENT = ("done", "failed", "lost")
"""States of our records in which a job has cost something."""
WANTED = ("done", "lost")
"""States in which a variant has what was paid for, or is known to have lost it."""


class Bill(NamedTuple):
    """A job that the provider took.

    Attributes:
        refs: the references by which we may know it.
        micros: what it costs.
        has_failed: whether the provider reported it as failed.
    """

    prompt: str
    refs: frozenset[str]
    micros: int
    has_failed: bool = False


class Record(NamedTuple):
    """A job as the client knows it.

    Attributes:
        micros: the cost of a job that has ended, and the reserved price of one that has not.
    """

    prompt: str
    state: str
    ref: str = ""
    micros: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """What does not agree.

    Attributes:
        excess: billed jobs minus wanted ones minus those that are shown as uncertain.
        doubled: prompts that are billed more than once, besides jobs that were reported as failed.
        unknown: references of billed jobs that no record has, and whose variant is not shown as uncertain either.
        invented: references of records that the provider does not have.
        unsettled: records that are neither ended nor shown as uncertain.
        money: micro-units billed, minus those that were spent, and those reserved for uncertain jobs that were taken.
    """

    excess: int = 0
    doubled: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    money: int = 0

    @property
    def kinds(self) -> set[str]:
        """The names of what was found."""
        return {field.name for field in fields(self) if getattr(self, field.name)}


def audit(bills: Sequence[Bill], records: Sequence[Record]) -> Findings:
    """Compare a provider's jobs with a client's records."""
    known = {record.ref for record in records if record.ref}
    shown = {record.prompt for record in records if record.state == "uncertain"}
    billed = Counter(bill.prompt for bill in bills if not bill.has_failed)
    unmatched = [bill for bill in bills if not bill.refs & known]
    taken = {bill.prompt for bill in unmatched if bill.prompt in shown}
    wanted = {record.prompt for record in records if record.state in WANTED}
    return Findings(
        excess=billed.total() - len(wanted) - len(taken),
        doubled=tuple(sorted(prompt for prompt, number in billed.items() if number > 1)),
        unknown=tuple(min(bill.refs) for bill in unmatched if bill.prompt not in shown),
        invented=tuple(sorted(known - {ref for bill in bills for ref in bill.refs})),
        unsettled=tuple(record.prompt for record in records if record.state in ("submitting", "submitted")),
        money=sum(bill.micros for bill in bills) - _booked(records, taken),
    )


def _booked(records: Iterable[Record], taken: set[str]) -> int:
    """Return the micro-units that are spent, or reserved for uncertain jobs that the provider has taken."""
    return sum(
        record.micros
        for record in records
        if record.state in SPENT or (record.state == "uncertain" and record.prompt in taken)
    )


def bills_of(vendor: VendorServer, failed: Iterable[str], price: int, *, bills_failures: bool) -> list[Bill]:
    """Return what a provider bills.

    Args:
        failed: references of the jobs that have failed.
        price: of one job, in micro-units.
        bills_failures: whether failed jobs cost the same.
    """
    lost = set(failed)
    with vendor.lock:
        return [
            Bill(
                job.prompt,
                frozenset({job.ref, f"{job.folder}/sample_0.mp4"} - {""}),
                price if bills_failures or job.ref not in lost else 0,
                job.ref in lost,
            )
            for job in vendor.jobs.values()
        ]
