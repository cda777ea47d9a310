"""Read the clock of an S3 store from the Date header of its responses."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from adapters.proxies import open_url
from tasks.runtime.resources import BucketConfig

TIMEOUT_S = 5.0
AWS = "https://s3.{}.amazonaws.com"


def bucket_ahead_s(bucket: BucketConfig, now: Callable[[], float] = time.time) -> float | None:
    """Return how many seconds the store's clock is ahead; None for a folder, or if the store does not respond.

    Args:
        now: this machine's clock, in seconds since 1970.
    """
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
