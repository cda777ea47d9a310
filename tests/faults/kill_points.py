"""Points at which a process kills itself: before, inside or after a named call. The program has no hooks for this."""

import functools
import importlib
import itertools
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from sqlalchemy import Engine, event


class KillPoint(NamedTuple):
    """A call at which to kill the process. ``inside`` is between the last statement and the commit.

    Attributes:
        target: ``module:name`` or ``module:Class.method``.
        nth: the number of the call; ``inside`` uses the first commit from that call on.
    """

    when: Literal["before", "inside", "after"]
    target: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.target.partition(':')[2]} {self.nth}"


_armed = threading.local()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install(point: KillPoint, die: Callable[[], object] = die) -> None:
    """Make this process kill itself at the point, or call ``die`` there."""
    module, _, path = point.target.partition(":")
    *parents, name = path.split(".")
    owner: Any = functools.reduce(getattr, parents, importlib.import_module(module))
    original, calls = getattr(owner, name), itertools.count(1)
    if point.when == "inside":
        event.listen(Engine, "commit", lambda _connection: getattr(_armed, "now", False) and die())

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call = next(calls)
        if point.when == "before" and call == point.nth:
            die()
        _armed.now = point.when == "inside" and call >= point.nth
        try:
            result = original(*args, **kwargs)
        finally:
            _armed.now = False
        if point.when == "after" and call == point.nth:
            die()
        return result

    setattr(owner, name, wrapped)


CAMPAIGNS = "adapters.catalogue.work.campaigns:Campaigns"
LEASES = "adapters.catalogue.work.leases:Leases"
RESULTS = "adapters.catalogue.work.results:Results"
DECISIONS = "adapters.catalogue.review.decisions:Decisions"

UPLOADS = [KillPoint("after", "tasks.deliver.publish:put_upload", nth) for nth in (1, 2, 3, 4)]
STATE_CHANGES = [
    KillPoint("inside", "adapters.catalogue.core.schema:_migrate"),
    KillPoint("inside", f"{CAMPAIGNS}.add"),
    KillPoint("after", f"{CAMPAIGNS}.add"),
    KillPoint("inside", f"{CAMPAIGNS}.add_variants"),
    KillPoint("after", f"{CAMPAIGNS}.add_variants"),
    KillPoint("inside", f"{LEASES}.acquire"),
    KillPoint("before", "tasks.render.postprocess:encode"),
    KillPoint("before", f"{RESULTS}.record_batch"),
    KillPoint("inside", f"{RESULTS}.record_batch"),
    KillPoint("after", f"{RESULTS}.record_batch"),
    KillPoint("inside", f"{RESULTS}.mark_failed"),
    KillPoint("after", f"{RESULTS}.mark_failed"),
    KillPoint("inside", f"{DECISIONS}.approve"),
    KillPoint("before", "tasks.deliver.deliver:sign_clip"),
    KillPoint("before", f"{RESULTS}.mark_signing"),
    KillPoint("inside", f"{RESULTS}.mark_signing"),
    KillPoint("after", f"{RESULTS}.mark_signing"),
    *UPLOADS,
    KillPoint("inside", f"{RESULTS}.mark_published"),
    KillPoint("after", f"{RESULTS}.mark_published"),
]
"""Before, inside or after every commit and every upload."""

DELIVERABLES = "adapters.catalogue.work.deliverables:Deliverables"
DELIVERABLE_UPLOADS = [
    KillPoint("after", "tasks.deliver.finished.publish_deliverable:put_upload", nth) for nth in (1, 2, 3, 4, 5)
]
DELIVERABLE_CHANGES = [
    KillPoint("inside", f"{DELIVERABLES}.add"),
    KillPoint("after", f"{DELIVERABLES}.add"),
    KillPoint("inside", "adapters.catalogue.work.deliverable_leases:DeliverableLeases.acquire"),
    KillPoint("after", "adapters.catalogue.work.deliverable_leases:DeliverableLeases.acquire"),
    KillPoint("before", "tasks.finish.finish:keep"),
    KillPoint("after", "tasks.finish.finish:keep"),
    KillPoint("inside", f"{DELIVERABLES}.mark_finished"),
    KillPoint("after", f"{DELIVERABLES}.mark_finished", 2),
    KillPoint("inside", f"{DELIVERABLES}.fail"),
    KillPoint("after", f"{DELIVERABLES}.fail"),
    KillPoint("before", "tasks.deliver.finished.finish_deliverables:sign_finished"),
    KillPoint("before", f"{DELIVERABLES}.mark_signing"),
    KillPoint("inside", f"{DELIVERABLES}.mark_signing"),
    KillPoint("after", f"{DELIVERABLES}.mark_signing"),
    *DELIVERABLE_UPLOADS,
    KillPoint("inside", f"{DELIVERABLES}.mark_published"),
    KillPoint("after", f"{DELIVERABLES}.mark_published"),
]
"""The same for deliverables."""

COMMITS = [point for point in STATE_CHANGES if point.when == "inside"]

FILE_CHANGES = [
    *(KillPoint("after", "adapters.c2pa.development_ca:write_durably", nth) for nth in (1, 2, 3)),
    KillPoint("after", "tasks.render.postprocess:encode", 2),
    KillPoint("after", "tasks.render.postprocess:write_poster", 2),
    KillPoint("after", "adapters.c2pa.signer:write_durably"),
    KillPoint("after", "adapters.c2pa.signer:Signer.sign"),
    KillPoint("after", "tasks.deliver.sign:write_durably"),
    KillPoint("before", "adapters.bucket.local:os.link", 2),
    KillPoint("after", "adapters.bucket.local:os.link", 2),
    KillPoint("after", f"{RESULTS}.mark_published", 2),
]
"""Between the file operations of one step, which the catalogue does not record."""
