"""Choose the jobs of a shard that are still needed: a brief may want a limited number of passing clips."""

import queue
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from adapters.catalogue import Catalogue
from tasks.plan.good_clips import goals_in_flight, good_clips
from tasks.plan.shard import Job, Shard
from tasks.render.outcomes import Ended

WAKE_S = 5.0
"""Seconds between checks for cancellation while a device waits for verdicts."""
LOOK_S = 1.0
"""Seconds between two looks at the catalogue while a device waits for the verdicts of others."""
OFFERED = 64
"""Jobs offered to the catalogue at a time, which leases the first free ones."""


class JobSelection:
    """Selects the next jobs and tracks those in flight; used by the device's thread alone.

    A job is in flight from ``choose`` until it arrives in the queue of ended jobs, while it may still pass. No goal (a
    brief, or one of its combinations) has more jobs in flight on all devices than it lacks clips; other jobs are
    chosen meanwhile. Devices may share the jobs of a shard, so each job is chosen if it is free in the catalogue.

    Attributes:
        not_needed: jobs that were dropped because all their goals had enough clips.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        shard: Shard,
        ended: "queue.SimpleQueue[Ended]",
        suspects: Collection[str] = (),
        paid: Collection[str] = (),
    ) -> None:
        """Select from a shard's jobs.

        Args:
            suspects: variants that are chosen alone, after all others.
            paid: variants whose provider job is open. They are needed even if their goals have enough clips.
        """
        self._catalogue = catalogue
        self._shard = shard
        self._waiting: Sequence[Job] = shard.jobs
        self._offered: Sequence[Job] = ()
        self._suspects = suspects
        self._paid = paid
        self._in_flight: dict[str, Job] = {}
        self._others_work = False
        self._ended = ended
        self.not_needed = 0

    def choose(self, number: int = OFFERED) -> list[Job]:
        """Return up to ``number`` jobs to do now; none if the rest is done or has to wait for verdicts.

        Suspects are chosen one at a time, after all other jobs.
        """
        self.collect()
        elsewhere = self._in_flight_elsewhere()  # before the good clips, since a clip that passes meanwhile is one
        lacking = self._lacking()
        allowed = dict(lacking)
        _subtract(allowed, self._in_flight.values())
        for goals in elsewhere.values():
            allowed.update({goal: allowed[goal] - 1 for goal in goals})
        now: list[Job] = []
        later: list[Job] = []
        self._offered = self._waiting
        for job in self._waiting:
            is_paid = job.variant_id in self._paid
            if not (is_paid or _wanted(job, lacking)):
                self.not_needed += 1
            elif job.variant_id in elsewhere:
                continue
            elif self._has_room(now, job, number) and (is_paid or _wanted(job, allowed)):
                now.append(job)
                _subtract(allowed, [job])
            else:
                later.append(job)
        self._waiting, self._others_work = later, bool(elsewhere)
        self._in_flight.update((job.variant_id, job) for job in now)
        return now

    def settle(self, chosen: Sequence[Job], leased: Collection[str]) -> None:
        """Return chosen jobs that were not leased to those that wait, unless another worker has them.

        The catalogue leases the first free jobs: those before the last leased one are not free, nor is any job if
        none was leased.
        """
        last = max((index for index, job in enumerate(chosen) if job.variant_id in leased), default=len(chosen))
        left = {job.variant_id for job in (*chosen[last + 1 :], *self._waiting)}
        for job in chosen:
            if job.variant_id not in leased:
                self._in_flight.pop(job.variant_id, None)
        self._waiting = [job for job in self._offered if job.variant_id in left]

    def collect(self, wait_s: float = 0.0) -> None:
        """Process the jobs that have ended since; wait up to ``wait_s`` for the first of them."""
        with suppress(queue.Empty):
            ended = self._ended.get(timeout=wait_s) if wait_s else self._ended.get_nowait()
            while True:  # its verdict is in the catalogue, or another worker has it
                self._in_flight.pop(ended.job.variant_id, None)
                ended = self._ended.get_nowait()

    def wait_for_others(self, allowed: Iterable[Job]) -> None:
        """Wait until only the allowed jobs are in flight."""
        left = {job.variant_id for job in allowed}
        self.collect()
        while self._in_flight.keys() - left:
            self.collect(WAKE_S)

    def wait(self) -> bool:
        """Wait up to WAKE_S for a verdict; return False if no jobs are left to choose from."""
        if not self._waiting or not (self._in_flight or self._others_work):
            return False
        self.collect(LOOK_S if self._others_work else WAKE_S)
        return True

    def _lacking(self) -> dict[str, int]:
        """Return how many good clips each goal with a wanted number still lacks."""
        if not self._shard.wants:
            return {}
        good = good_clips(self._catalogue, self._shard.campaign_id, self._shard.wants)
        return {goal: want - good.get(goal, 0) for goal, want in self._shard.wants.items()}

    def _in_flight_elsewhere(self) -> Mapping[str, frozenset[str]]:
        """Return the variants that other devices work on, with the goals with a wanted number they count towards."""
        if not self._shard.wants:
            return {}
        found = goals_in_flight(self._catalogue, self._shard.campaign_id, self._shard.wants)
        return {key: goals for key, goals in found.items() if key not in self._in_flight}

    def _has_room(self, chosen: Sequence[Job], job: Job, number: int) -> bool:
        """Return whether a job may be chosen with the others: a suspect is chosen alone."""
        if job.variant_id in self._suspects or (chosen and chosen[0].variant_id in self._suspects):
            return not chosen
        return len(chosen) < number


def _wanted(job: Job, lacking: dict[str, int]) -> bool:
    return any(lacking.get(goal, 1) > 0 for goal in job.wanted_by)


def _subtract(lacking: dict[str, int], jobs: Iterable[Job]) -> None:
    for job in jobs:
        lacking.update({goal: lacking[goal] - 1 for goal in job.wanted_by if goal in lacking})
