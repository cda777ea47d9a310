"""Choose the jobs of a shard that are still needed: a brief may want a limited number of passing clips."""

import queue
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from adapters.catalogue import Catalogue
from models.protocols import FrameScorer, Generator
from tasks.plan.good_clips import good_clips
from tasks.plan.shard import Job, Shard
from tasks.render.drafting import Drafter
from tasks.render.outcomes import Ended, Failed, Judged

WAKE_S = 5.0
"""Seconds between checks for cancellation while a device waits for verdicts."""


class JobSelection:
    """Selects the next jobs and tracks those in flight; used by the device's thread alone.

    A job is in flight from ``choose`` until it arrives in the queue of ended jobs, while it may still pass. No goal (a
    brief, or one of its combinations) has more jobs in flight than it lacks clips; other jobs are chosen meanwhile.

    Attributes:
        not_needed: jobs that were dropped because all their goals had enough clips.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        shard: Shard,
        ended: "queue.SimpleQueue[Ended]",
        drafter: Drafter | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._shard = shard
        self._drafter = drafter
        self._waiting: Sequence[Job] = shard.jobs
        self._in_flight: dict[str, Job] = {}
        self._ended = ended
        self.not_needed = 0

    def make_drafts(self, generator: Callable[[], Generator], scorer: Callable[[], FrameScorer]) -> None:
        """Make drafts if they pay off, and sort the jobs by their chance to pass."""
        if self._drafter is None or not self._waiting:
            return
        lacking = self._lacking()
        wanted = [job for job in self._waiting if _wanted(job, lacking)]
        self._drafter.make_drafts(wanted, lacking, generator(), scorer(), self._shard)
        self._waiting = sorted(self._waiting, key=self._drafter.rank)

    def choose(self, number: int) -> list[Job]:
        """Return up to ``number`` jobs to do now; none if the rest is done or has to wait for verdicts."""
        self.collect()
        lacking = self._lacking()
        allowed = dict(lacking)
        _subtract(allowed, self._in_flight.values())
        wanted = [job for job in self._waiting if _wanted(job, lacking)]
        ready = self._drafter.may_finish(wanted, lacking, self._shard) if self._drafter else None
        now: list[Job] = []
        later: list[Job] = []
        for job in self._waiting:
            if not _wanted(job, lacking):
                self.not_needed += 1
            elif len(now) < number and _wanted(job, allowed) and (ready is None or job.variant_id in ready):
                now.append(job)
                _subtract(allowed, [job])
            else:
                later.append(job)
        self._waiting = later
        self._in_flight.update((job.variant_id, job) for job in now)
        return now

    def collect(self, wait_s: float = 0.0) -> None:
        """Process the jobs that have ended since; wait up to ``wait_s`` for the first of them."""
        with suppress(queue.Empty):
            self._process(self._ended.get(timeout=wait_s) if wait_s else self._ended.get_nowait())
            while True:
                self._process(self._ended.get_nowait())

    def wait_for_others(self, allowed: Iterable[Job]) -> None:
        """Wait until only the allowed jobs are in flight."""
        left = {job.variant_id for job in allowed}
        self.collect()
        while self._in_flight.keys() - left:
            self.collect(WAKE_S)

    def wait(self) -> bool:
        """Wait up to WAKE_S for a verdict; return False if no jobs are left to choose from."""
        if self._waiting and self._in_flight:
            self.collect(WAKE_S)
            return True
        # With none in flight, the waiting jobs have no promising draft yet: the next make_drafts continues.
        return bool(self._waiting) and self._drafter is not None

    def _process(self, ended: Ended) -> None:
        """Remove a job from those in flight: its verdict is in the catalogue, or another worker has it."""
        self._in_flight.pop(ended.job.variant_id, None)
        if self._drafter and isinstance(ended, Judged | Failed):
            self._drafter.observe(ended)

    def _lacking(self) -> dict[str, int]:
        """Return how many good clips each goal with a wanted number still lacks."""
        if not self._shard.wants:
            return {}
        good = good_clips(self._catalogue, self._shard.campaign_id, self._shard.wants)
        return {goal: want - good.get(goal, 0) for goal, want in self._shard.wants.items()}


def _wanted(job: Job, lacking: dict[str, int]) -> bool:
    return any(lacking.get(goal, 1) > 0 for goal in job.wanted_by)


def _subtract(lacking: dict[str, int], jobs: Iterable[Job]) -> None:
    for job in jobs:
        lacking.update({goal: lacking[goal] - 1 for goal in job.wanted_by if goal in lacking})
