"""The kinds of work and their limits. Long work has its own threads, so short requests do not wait for it."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from app.dashboard.capacity.work_limit import Limits, WorkLimit

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Work(StrEnum):
    """What a request does; each kind has its own threads."""

    PAGES = "pages"
    CHANGES = "changes"
    MEDIA = "media"
    COUNTS = "counts"
    REPORTS = "reports"
    SHEETS = "sheets"
    CREDENTIALS = "credentials"
    PASSWORDS = "passwords"
    BUNDLES = "bundles"


LIMITS: dict[Work, Limits] = {
    # Python runs one thread at a time. With more threads than these, pages get slower and decisions wait for pages.
    Work.PAGES: Limits(threads=4, per_person=2, waiting=60),
    Work.CHANGES: Limits(threads=6, per_person=3, waiting=60),
    # A page has 60 posters, and HTTP/2 proxies send all requests of a page at once.
    Work.MEDIA: Limits(threads=6, per_person=3, waiting=300),
    Work.COUNTS: Limits(threads=4, per_person=2, waiting=200),
    Work.REPORTS: Limits(threads=3, per_person=1, waiting=4),
    Work.SHEETS: Limits(threads=3, per_person=1, waiting=6),
    Work.CREDENTIALS: Limits(threads=3, per_person=1, waiting=20),
    # Argon2 uses 64 MiB and four cores per password.
    Work.PASSWORDS: Limits(threads=2, per_person=1, waiting=20, waiting_in_total=100),
    Work.BUNDLES: Limits(threads=3, per_person=1, waiting=4),
}
"""Counts, reports and the check of credentials read whole campaigns or files; sheets are read in a child process."""


def new_limits() -> dict[Work, WorkLimit]:
    """Return the limits of one app."""
    return {work: WorkLimit(limits) for work, limits in LIMITS.items()}


def does(work: Work) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator for a route that does not only read or write a few rows."""

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["work"] = work
        return endpoint

    return mark


def work_of(endpoint: Callable[..., Any], methods: set[str]) -> Work:
    """Return the kind of work of a route: as marked, or else by its method."""
    marked: Work | None = getattr(endpoint, "work", None)
    return marked or (Work.PAGES if methods <= {"GET", "HEAD"} else Work.CHANGES)
