"""What the work in hand belongs to, so that a log line can say so."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

FIELDS = ("campaign_id", "brief_id", "variant_id", "shard", "run_id", "worker")

_now: ContextVar[Mapping[str, str]] = ContextVar("scope", default={})  # noqa: B039 - never changed, only replaced


@contextmanager
def scope(**fields: str) -> Iterator[None]:
    """Let records of the block carry some of FIELDS; a thread that is begun in it needs ``copy_context().run``."""
    if unknown := fields.keys() - set(FIELDS):
        raise TypeError(f"a scope has {', '.join(FIELDS)}; not {', '.join(sorted(unknown))}")
    token = _now.set({**_now.get(), **fields})
    try:
        yield
    finally:
        _now.reset(token)


def scope_now() -> Mapping[str, str]:
    """Return the fields of the blocks around the caller."""
    return _now.get()
