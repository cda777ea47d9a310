"""Compare this machine's clock with those of the database and the bucket, and with the newest time in the catalogue."""

import time
from collections.abc import Callable
from contextlib import suppress

from adapters.catalogue import open_catalogue
from adapters.catalogue.views.health import check_health
from manifests.errors import CatalogueError
from manifests.signing_time import TOLERANCE_S, PastTime, clock_faults, moment_text
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.bucket_clock import bucket_ahead_s
from tasks.runtime.resources import BucketConfig

WARN_S = 5.0
SYNCHRONISE = (
    "Synchronise the clocks of all machines: `timedatectl set-ntp true`, or use chrony. In a container, set the clock "
    "of the host."
)


def check_clock(catalogue_url: str, bucket: BucketConfig, now: Callable[[], float] = time.time) -> Finding:
    """Compare the clocks. A service that does not answer is left out, because its own check reports that.

    Args:
        now: this machine's clock, in seconds since 1970.
    """
    newest = _newest(catalogue_url, now())
    if newest and (faults := clock_faults(now(), [newest], ())):
        return Finding(
            FAIL,
            f"This machine's clock says {moment_text(now())}, but {faults[0]}. Clips are not signed.",
            "Set the clock right: `timedatectl set-ntp true`; in a container, set the clock of the host. If it is "
            "right, run `reelmill clock --accept`.",
        )
    offsets = {"database": _database_offset(catalogue_url, now), "bucket": bucket_ahead_s(bucket, now)}
    known = {name: offset for name, offset in offsets.items() if offset is not None}
    if not known:
        return Finding(OK, "There is no other clock to compare with.")
    message = ", ".join(f"the {name}'s clock is {_described(offset)}" for name, offset in known.items())
    worst = max(abs(offset) for offset in known.values())
    level = FAIL if worst > TOLERANCE_S else WARN if worst > WARN_S else OK
    fix = "" if level == OK else SYNCHRONISE
    return Finding(level, f"{message[0].upper()}{message[1:]}.", fix)


def _described(offset: float) -> str:
    if abs(offset) < 1.0:
        return "within a second of this machine's"
    return f"{abs(offset):,.0f} s {'ahead of' if offset > 0 else 'behind'} this machine's"


def _database_offset(url: str, now: Callable[[], float]) -> float | None:
    """Return how many seconds the database's clock is ahead."""
    with suppress(CatalogueError):
        health = check_health(url)
        if health and not url.startswith("sqlite"):  # SQLite uses this machine's clock
            return health.now - health.asked_at - (now() - time.time())
    return None


def _newest(url: str, now: float) -> PastTime | None:
    """Return the newest time in a catalogue that has the tables of this version; nothing is created or migrated."""
    with suppress(CatalogueError):
        health = check_health(url)
        if health and health.revision == health.head:
            with open_catalogue(url) as catalogue:
                newest = catalogue.clock.newest()
                if newest and newest.at > now + TOLERANCE_S:
                    newest = catalogue.clock.newest(catalogue.clock.accepted())
                return PastTime("the newest entry of the catalogue", newest.at, detail=newest.what) if newest else None
    return None
