"""Context fields for log lines, such as the current campaign and variant."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

FIELDS = ("campaign_id", "brief_id", "variant_id", "shard", "run_id", "worker")

_now: ContextVar[Mapping[str, str]] = ContextVar("scope", default={})  # noqa: B039 - never changed, only replaced


@contextmanager
def scope(**fields: str) -> Iterator[None]:
    """Add some of FIELDS to the log records of the block; threads started in it need ``copy_context().run``."""
    if unknown := fields.keys() - set(FIELDS):
        raise TypeError(f"unknown fields: {', '.join(sorted(unknown))}; the fields are {', '.join(FIELDS)}")
    token = _now.set({**_now.get(), **fields})
    try:
        yield
    finally:
        _now.reset(token)


def current_scope() -> Mapping[str, str]:
    """Return the fields of the enclosing scopes."""
    return _now.get()
