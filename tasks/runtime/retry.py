"""Calls to a bucket that does not answer for a moment are repeated."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from manifests.errors import BucketError

PAUSES_S = (0.5, 2.0, 8.0)

P = ParamSpec("P")
R = TypeVar("R")


def retry_transient(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Repeat a call to the bucket over transient errors; the last error goes through."""
    for pause in PAUSES_S:
        try:
            return call(*args, **kwargs)
        except BucketError as error:
            if not error.transient:
                raise
            time.sleep(pause)
    return call(*args, **kwargs)
