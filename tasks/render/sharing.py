"""Share a running shard with idle devices: each gets a copy of it that begins with a different job."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from adapters.catalogue import Catalogue
from manifests.states import State
from tasks.plan.shard import Job, Shard
from tasks.render.job_selection import JobSelection


@dataclass(slots=True)
class RunningShard:
    """A shard that a device works on.

    Attributes:
        begun_at: ids of the first jobs of the devices that help.
    """

    shard: Shard
    begun_at: set[str] = field(default_factory=set)


def shard_to_help(catalogue: Catalogue, running: Iterable[RunningShard]) -> Shard | None:
    """Return a copy of the shard with most jobs left to start, for one more device; None if none has any left.

    The catalogue decides which device gets a job, so a copy that is out of date does no harm.
    """
    left = [(each, _free_jobs(catalogue, each.shard)) for each in running]
    number, index = max(
        ((_startable(catalogue, each.shard, jobs), -index) for index, (each, jobs) in enumerate(left)), default=(0, 0)
    )
    if not number:
        return None
    chosen, jobs = left[-index]
    order = order_for_helper(chosen.shard.jobs, {job.variant_id for job in jobs}, chosen.begun_at)
    chosen.begun_at.add(order[0].variant_id)
    return replace(chosen.shard, jobs=tuple(order), helps=True)


def order_for_helper(jobs: Sequence[Job], free: Collection[str], begun_at: Collection[str]) -> list[Job]:
    """Return the free jobs in the order for one more device: from the middle of the longest stretch to its end.

    There it meets no other device for the longest time. The other jobs follow from the last to the first, because the
    other devices work forwards.

    Args:
        jobs: in the order of the shard.
        begun_at: the first jobs of other helpers, which may not have leased them yet.
    """
    stretches: list[list[Job]] = [[]]
    for job in jobs:
        if job.variant_id in begun_at or job.variant_id not in free:
            stretches.append([])
        if job.variant_id in free:
            stretches[-1].append(job)
    longest = max(stretches, key=len)
    own = longest[len(longest) // 2 :]
    taken = {job.variant_id for job in own}
    return [*own, *(job for job in reversed(jobs) if job.variant_id in free and job.variant_id not in taken)]


def _free_jobs(catalogue: Catalogue, shard: Shard) -> tuple[Job, ...]:
    free = catalogue.leases.free((job.variant_id for job in shard.jobs), (State.PLANNED, State.RENDERED))
    return tuple(job for job in shard.jobs if job.variant_id in free)


def _startable(catalogue: Catalogue, shard: Shard, free: tuple[Job, ...]) -> int:
    """Return how many of the free jobs a device could start now; clips in flight may satisfy what a brief wants."""
    if not free or not shard.wants:
        return len(free)
    return len(JobSelection(catalogue, replace(shard, jobs=free), SimpleQueue()).choose(len(free)))
