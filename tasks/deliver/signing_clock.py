"""Refuse to sign while this machine's clock is wrong (docs/decisions/0057).

Content Credentials contain certificates that are valid for a time. A clip that was signed by a wrong clock looks right
on the machine that signed it, and reads Invalid or untrusted everywhere else.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from adapters.c2pa.development_ca import replace_implausible
from adapters.catalogue.views.clock import AcceptedTimes, NewestTime
from manifests.credentials.signed import Validity
from manifests.errors import SignerUnavailableError, WrongClockError
from manifests.signing_time import (
    DAY_S,
    EITHER,
    TOLERANCE_S,
    OtherClock,
    PastTime,
    clock_faults,
    contradiction_text,
    moment_text,
    set_clock_text,
)
from tasks.alerts import alerts
from tasks.runtime.bucket_clock import bucket_ahead_s
from tasks.runtime.resources import Resources, catalogue_of

FRESH_S = 60.0
"""Seconds for which the clocks of the database and the store, and the newest time in the catalogue, are used again."""
PROGRAM = Path(__file__)
KEPT = ": approved clips stay approved and are published then."
ACCEPT = " If this machine's clock is right and that time is wrong, run `reelmill clock --accept`."


def wall_clock() -> float:
    """Return this machine's clock, in seconds since 1970."""
    return time.time()


class ClockReading(NamedTuple):
    """What this machine's clock was compared with, and what it said at that time.

    Attributes:
        wall, elapsed: this machine's clock, and one that is never set.
    """

    wall: float
    elapsed: float
    past: tuple[PastTime, ...]
    others: tuple[OtherClock, ...]

    def is_fresh(self, wall: float, elapsed: float) -> bool:
        """Return whether the reading can be used again: it is new, and the clock was not set since then."""
        passed = elapsed - self.elapsed
        return passed < FRESH_S and abs(wall - self.wall - passed) < TOLERANCE_S


class SigningClock:
    """Compares this machine's clock with the catalogue, the signer's certificates and other clocks."""

    def __init__(
        self,
        resources: Resources,
        now: Callable[[], float] = lambda: wall_clock(),
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resources = resources
        self._now = now
        self._elapsed = elapsed
        self._reading: ClockReading | None = None

    def check(self, certificates: Iterable[Validity] = ()) -> None:
        """Check that clips can be signed now; takes microseconds while the last reading is fresh.

        Raises:
            WrongClockError: the clock is wrong; an alert is stored.
            SignerUnavailableError: the clock seems right, but a certificate has expired.
        """
        now, reading = self._now(), self.reading()
        if faults := self.faults(certificates):
            error = WrongClockError(self._refusal(now, faults, may_accept=not clock_faults(now, (), reading.others)))
            alerts.wrong_clock(catalogue_of(self._resources), str(error))
            raise error
        for each in certificates:
            if each.not_after <= now:
                raise SignerUnavailableError(self._expired(each, now))

    def faults(self, certificates: Iterable[Validity] = ()) -> list[str]:
        """Return what contradicts the clock, as clauses; an empty list if nothing does."""
        now, reading = self._now(), self.reading()
        starts = [PastTime(f"the start of {each.what}", each.not_before, 0.0) for each in certificates]
        return clock_faults(now, (*reading.past, *starts), reading.others)

    def reading(self) -> ClockReading:
        """Return the last reading, or a new one if that is old or the clock was set since then."""
        if self._reading is None or not self._reading.is_fresh(self._now(), self._elapsed()):
            self._reading = self._read()
        return self._reading

    def accept(self, actor: str) -> AcceptedTimes | None:
        """Record that this machine's clock is right and later times are wrong; None if there are none.

        The development CA replaces certificates that are not valid yet or whose root has expired.

        Raises:
            WrongClockError: another clock disagrees, so one of the two is wrong.
        """
        now, reading = self._now(), self._read()
        if disagreeing := clock_faults(now, (), reading.others):
            raise WrongClockError(self._refusal(now, disagreeing, may_accept=False))
        signer, today = self._resources.signer, datetime.fromtimestamp(now, UTC)
        renewed = self._is_development and signer.folder.is_dir() and replace_implausible(signer.folder, today)
        self._reading = None
        if not renewed and not clock_faults(now, reading.past, ()):
            return None
        return catalogue_of(self._resources).clock.accept(actor, now, max([now, *(each.at for each in reading.past)]))

    def _read(self) -> ClockReading:
        wall, elapsed = self._now(), self._elapsed()
        return ClockReading(wall, elapsed, tuple(self._past(wall)), tuple(self._others()))

    def _past(self, now: float) -> Iterator[PastTime]:
        clock = catalogue_of(self._resources).clock
        newest, installed = clock.newest(), _installed_at()
        accepted = None
        if clock_faults(now, _past_times(newest, installed), ()):
            accepted = clock.accepted()
        if accepted:
            newest = clock.newest(accepted)
            installed = None if installed and accepted.covers(installed) else installed
        yield from _past_times(newest, installed)

    def _others(self) -> Iterator[OtherClock]:
        """Yield the clocks that respond; another check reports a service that does not."""
        catalogue = catalogue_of(self._resources)
        skew = time.time() - self._now()
        if catalogue.database.dialect != "sqlite":  # SQLite uses this machine's clock
            yield OtherClock("the database's clock", catalogue.clock.ahead_s() + skew)
        if (ahead := bucket_ahead_s(self._resources.bucket, self._now)) is not None:
            yield OtherClock("the bucket's clock", ahead)

    @property
    def _is_development(self) -> bool:
        return self._resources.signer.kind == "development"

    def _refusal(self, now: float, faults: list[str], *, may_accept: bool) -> str:
        fix = set_clock_text("clock" if may_accept else EITHER) + KEPT + (ACCEPT if may_accept else "")
        return f"Clips are not signed, because {contradiction_text(now, faults)}. {fix}"

    def _expired(self, certificate: Validity, now: float) -> str:
        if self._is_development:
            fix = "If the clock is right, replace the certificate with `reelmill clock --accept`."
        else:
            fix = "Renew the certificate, or set the clock right."
        return (
            f"{certificate.what[0].upper()}{certificate.what[1:]} expired on {moment_text(certificate.not_after)}, and "
            f"this machine's clock says {moment_text(now)}. {fix}"
        )


@cache
def signing_clock_of(resources: Resources) -> SigningClock:
    """Return the clock check of this process."""
    return SigningClock(resources)


def _past_times(newest: NewestTime | None, installed: float | None) -> Iterator[PastTime]:
    if newest is not None:
        yield PastTime("the newest entry of the catalogue", newest.at, detail=newest.what)
    if installed is not None:
        # Archives and file systems without time zones shift the times of files by up to 14 hours.
        yield PastTime("the installation of Reelmill", installed, DAY_S, "the time of its files")


def _installed_at() -> float | None:
    with suppress(OSError):
        return PROGRAM.stat().st_mtime
    return None
