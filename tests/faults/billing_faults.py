"""How a provider fails at random in a billing audit: in every way, from a fixed seed."""

import random
import threading
from collections.abc import Sequence

from vendor_server import Fault, VendorJob, expired, redirect, retired, too_fast, unavailable

SUBMIT: Sequence[tuple[int, Fault]] = (
    (4, Fault("close_before")),
    (4, Fault("close", takes=False)),
    (4, Fault("close", takes=True)),
    (4, Fault("close_midway", takes=True)),
    (2, Fault("hang", takes=False)),
    (2, Fault("hang", takes=True)),
    (4, Fault("half_body", takes=True)),
    (1, Fault("oversized", takes=True)),
    (2, Fault(body=b"<html>", takes=True)),
)
"""Weights and faults of submissions. 503 comes in storms, and refusals are those of the contract."""
OTHERS: Sequence[Fault] = (
    *(Fault(how) for how in ("close_before", "close", "close_midway", "half_body", "hang")),
    unavailable(),
    redirect(),
    too_fast("0"),
)
FILES: Sequence[Fault] = (*OTHERS, Fault("oversized"), expired())
STORM = 6
"""Longest series of submissions that are answered with 503."""


class Chaos:
    """The behaviour of a provider, in which a share of the requests fails.

    Attributes:
        failed: references of the jobs that have failed.
        used: how often each fault of a submission was used, by its description.
        refusals: classes of refusals that the contract has.
    """

    def __init__(self, seed: int, refusals: Sequence[str], failed_word: str, share: float = 0.2) -> None:
        self.failed: set[str] = set()
        self.used: dict[str, int] = {}
        self.refusals = refusals
        self._seed, self._share, self._failed_word = seed, share, failed_word
        self._chance, self._lock = random.Random(seed), threading.Lock()
        self._storm = 0

    def __call__(self, operation: str, job: VendorJob | None) -> Fault:
        """Return the fault of a request."""
        with self._lock:
            if operation == "submit":
                fault = self._submission()
                self.used[_name(fault)] = self.used.get(_name(fault), 0) + 1
                return fault
            if operation == "poll" and job is not None:
                return self._poll(job)
            return self._chance.choice(FILES if operation == "file" else OTHERS) if self._fails(0.4) else Fault()

    def _submission(self) -> Fault:
        if self._storm:
            self._storm -= 1
            return unavailable(takes=self._chance.random() < 0.5)
        if not self._fails():
            return Fault()
        number = self._chance.randrange(60)
        if number < 15:
            return Fault(refusal=self._chance.choice(self.refusals), headers={"Retry-After": "0"})
        if number == 15:
            self._storm = self._chance.randint(1, STORM)
        if number == 16:
            return retired()
        if number == 17:
            return redirect()._replace(takes=self._chance.random() < 0.5)
        return self._chance.choices([fault for _, fault in SUBMIT], [weight for weight, _ in SUBMIT])[0]

    def _poll(self, job: VendorJob) -> Fault:
        if self._fails(0.4):
            return self._chance.choice((*OTHERS, Fault(word="melting")))
        if random.Random(f"{self._seed} {job.number}").random() < 0.05:
            self.failed.add(job.ref)
            return Fault(word=self._failed_word)
        return Fault()

    def _fails(self, factor: float = 1.0) -> bool:
        return self._chance.random() < self._share * factor


def _name(fault: Fault) -> str:
    taken = "taken" if fault.takes_job else "not taken"
    return f"{fault.refusal or fault.status or fault.how} {taken}"
