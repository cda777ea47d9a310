"""Compare this machine's clock with those of the database and the bucket."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime

from adapters.catalogue.views.health import check_health
from adapters.proxies import open_url
from manifests.errors import CatalogueError
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.resources import BucketConfig

WARN_S = 5.0
FAIL_S = 300.0
"""S3 refuses signatures that are off by 15 minutes; schedules and certificate dates go wrong long before that."""
TIMEOUT_S = 10.0
AWS = "https://s3.{}.amazonaws.com"


def check_clock(catalogue_url: str, bucket: BucketConfig, now: Callable[[], float] = time.time) -> Finding:
    """Compare the clocks. A service that does not answer is left out, because its own check reports that.

    Args:
        now: this machine's clock, in seconds since 1970.
    """
    offsets = {"database": _database_offset(catalogue_url, now), "bucket": _bucket_offset(bucket, now)}
    known = {name: offset for name, offset in offsets.items() if offset is not None}
    if not known:
        return Finding(OK, "There is no other clock to compare with.")
    message = ", ".join(f"the {name}'s clock is {_described(offset)}" for name, offset in known.items())
    worst = max(abs(offset) for offset in known.values())
    level = FAIL if worst > FAIL_S else WARN if worst > WARN_S else OK
    fix = "" if level == OK else "Synchronise the clocks of all machines: `timedatectl set-ntp true`, or use chrony."
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


def _bucket_offset(bucket: BucketConfig, now: Callable[[], float]) -> float | None:
    """Return how many seconds the store's clock is ahead, by the Date header of a response (whole seconds)."""
    if not bucket.location.startswith("s3://"):
        return None
    address = bucket.endpoint or AWS.format(bucket.region or "us-east-1")
    began = now()
    date = _date_of(address)
    ended = now()
    if not date:
        return None
    try:
        stamped = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    # The header is truncated to the second, and the server wrote it between `began` and `ended`.
    if stamped > ended:
        return stamped - ended
    return min(0.0, stamped + 1.0 - began)


def _date_of(address: str) -> str | None:
    """Return the Date header of any response, including an error response."""
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - the operator's own endpoint
    try:
        with open_url(request, TIMEOUT_S) as answer:
            return str(answer.headers.get("Date", ""))
    except urllib.error.HTTPError as refused:
        return str(refused.headers.get("Date", ""))
    except (OSError, ValueError):
        return None
