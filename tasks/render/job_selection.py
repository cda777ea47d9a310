"""Which jobs of a shard are still needed: a brief may want only so many clips that pass."""

import threading
from collections.abc import Callable, Iterable, Sequence

from adapters.catalogue import Catalogue
from models.protocols import FrameScorer, Generator
from tasks.plan.shard import GOOD_STATES, Job, Shard
from tasks.render.drafting import Drafter

WAKE_S = 5.0
"""How often a device that waits for verdicts looks whether it was stopped meanwhile."""


class JobSelection:
    """Chooses what to do next, and is told what became of it. Threads share one.

    A job is in flight from ``choose`` until ``landed``: until then it may pass. No brief has more in
    flight than it lacks; meanwhile the others get their turn.

    Attributes:
        not_needed: jobs that were dropped, as all their briefs had enough.
    """

    def __init__(self, catalogue: Catalogue, shard: Shard, drafter: Drafter | None = None) -> None:
        self._catalogue = catalogue
        self._shard = shard
        self._drafter = drafter
        self._waiting: Sequence[Job] = shard.jobs
        self._flying: dict[str, Job] = {}
        self._landing = threading.Condition()
        self._landed = self._seen = 0
        self.not_needed = 0

    def look_ahead(self, generator: Callable[[], Generator], scorer: Callable[[], FrameScorer]) -> None:
        """Make drafts where they pay, and put the jobs into the order of what they promise."""
        if self._drafter is None or not self._waiting:
            return
        lacking = self._lacking()
        wanted = [job for job in self._waiting if _wanted(job, lacking)]
        self._drafter.look_ahead(wanted, lacking, generator(), scorer(), self._shard)
        self._waiting = sorted(self._waiting, key=self._drafter.rank)

    def choose(self, number: int) -> list[Job]:
        """Return up to ``number`` jobs to do now; none where all that is left waits for verdicts, or is done."""
        with self._landing:
            flying = list(self._flying.values())
            self._seen = self._landed
        lacking = self._lacking()
        allowed = dict(lacking)
        _subtract(allowed, flying)
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
        with self._landing:
            self._flying.update((job.variant_id, job) for job in now)
        return now

    def landed(self, job: Job) -> None:
        """Take a job out of flight: its verdict is in the catalogue, or it has gone elsewhere."""
        with self._landing:
            self._flying.pop(job.variant_id, None)
            self._landed += 1
            self._landing.notify_all()

    def settle(self, but: Iterable[Job]) -> None:
        """Return once nothing is in flight but these."""
        left = {job.variant_id for job in but}
        with self._landing:
            while self._flying.keys() - left:
                self._landing.wait(WAKE_S)

    def wait(self) -> bool:
        """Wait a while for a verdict that may free the way; False where nothing is left to wait for."""
        with self._landing:
            changed = self._landed != self._seen  # since the last choice, which could not know of it
            if self._waiting and self._flying and not changed:
                self._landing.wait(WAKE_S)
                return True
            # Without any in flight, what waits had no draft that promises enough yet: the next look ahead goes on.
            return bool(self._waiting) and (changed or bool(self._flying) or self._drafter is not None)

    def _lacking(self) -> dict[str, int]:
        """How many good clips each brief lacks that wants a number of them."""
        if not self._shard.wants:
            return {}
        tallies = self._catalogue.tally_by_brief(self._shard.campaign_id, self._shard.wants)
        good = {brief_id: sum(states.get(state, 0) for state in GOOD_STATES) for brief_id, states in tallies.items()}
        return {brief_id: want - good.get(brief_id, 0) for brief_id, want in self._shard.wants.items()}


def _wanted(job: Job, lacking: dict[str, int]) -> bool:
    return any(lacking.get(brief_id, 1) > 0 for brief_id in job.brief_ids)


def _subtract(lacking: dict[str, int], jobs: Iterable[Job]) -> None:
    for job in jobs:
        lacking.update({brief_id: lacking[brief_id] - 1 for brief_id in job.brief_ids if brief_id in lacking})
