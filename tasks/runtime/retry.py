"""Retries of the steps that run as Prefect tasks (docs/decisions/0029)."""

from typing import Any

from prefect.cache_policies import NO_CACHE

from manifests.errors import BucketError, ReelmillError


def is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Return whether a retry may succeed. Bucket errors are excluded: adapters/bucket/s3.py has retried the request."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, ReelmillError) and error.transient and not isinstance(error, BucketError)


TASK_OPTIONS: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [2, 15],
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
"""Options of every Prefect task. Prefect stores no results, because the catalogue does."""
