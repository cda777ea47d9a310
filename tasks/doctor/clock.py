"""This machine's clock, against those of database and bucket."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime

from adapters.catalogue.views.health import check_health
from manifests.errors import CatalogueError
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.resources import BucketConfig

WARN_S = 5.0
FAIL_S = 300.0
"""S3 refuses signatures that are 15 minutes off; long before that, windows and certificates are misjudged."""
TIMEOUT_S = 10.0
AWS = "https://s3.{}.amazonaws.com"


def check_clock(catalogue_url: str, place: BucketConfig, now: Callable[[], float] = time.time) -> Finding:
    """Compare the clocks; what does not answer is left out, since its own check says so.

    Args:
        now: this machine's clock, seconds since 1970.
    """
    offsets = {"database": _database_offset(catalogue_url, now), "bucket": _bucket_offset(place, now)}
    known = {name: offset for name, offset in offsets.items() if offset is not None}
    if not known:
        return Finding(OK, "Nothing else has a clock to compare with.")
    told = ", ".join(f"the {name}'s clock is {_words(offset)}" for name, offset in known.items())
    worst = max(abs(offset) for offset in known.values())
    level = FAIL if worst > FAIL_S else WARN if worst > WARN_S else OK
    mend = (
        ""
        if level == OK
        else ("Let all machines take their time from the network: `timedatectl set-ntp true`, or chrony.")
    )
    return Finding(level, f"{told[0].upper()}{told[1:]}.", mend)


def _words(offset: float) -> str:
    if abs(offset) < 1.0:
        return "the same to a second"
    return f"{abs(offset):,.0f} s {'ahead of' if offset > 0 else 'behind'} this one"


def _database_offset(url: str, now: Callable[[], float]) -> float | None:
    """Return how far the database's clock is ahead, seconds."""
    with suppress(CatalogueError):
        vitals = check_health(url)
        if vitals and not url.startswith("sqlite"):  # SQLite has this machine's clock
            return vitals.now - vitals.asked_at - (now() - time.time())
    return None


def _bucket_offset(place: BucketConfig, now: Callable[[], float]) -> float | None:
    """Return how far the store's clock is ahead by the Date of its answer, seconds; whole ones at best."""
    if not place.location.startswith("s3://"):
        return None
    address = place.endpoint or AWS.format(place.region or "us-east-1")
    began = now()
    date = _date_of(address)
    ended = now()
    if not date:
        return None
    try:
        stamped = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    # The header is cut to the second: it stands for the moments of that second, and was made between the two.
    if stamped > ended:
        return stamped - ended
    return min(0.0, stamped + 1.0 - began)


def _date_of(address: str) -> str | None:
    """Return the Date of any answer, a refusal's too."""
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - the operator's own endpoint
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return str(answer.headers.get("Date", ""))
    except urllib.error.HTTPError as refused:
        return str(refused.headers.get("Date", ""))
    except (OSError, ValueError):
        return None
