"""A shard on a device: a staged clip, a score and a verdict for each of its variants.

Three kinds of thread share the work, so that the device waits for nobody: this one leases and
generates; those of the tail encode, measure and score; the writer writes rows, many at a time.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

from adapters.catalogue import GO, Catalogue, Lease, Turn
from manifests.errors import BrokenDeviceError, CatalogueError
from models.protocols import FrameScorer, Generator
from tasks.plan.remaining import free_the_dead
from tasks.plan.shard import Job, Shard
from tasks.render.drafting import Drafter
from tasks.render.job_selection import JobSelection
from tasks.render.postprocess import Made, Postprocessor, PostprocessPool
from tasks.render.result_writer import Failed, ResultWriter
from tasks.runtime.cancellation import stopping
from tasks.runtime.heartbeat import heartbeat
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import Device, Resources, card_of, catalogue_of, devices_of, scorer_of
from tasks.runtime.shared_staging import brought_here, is_within_reach

LEASED_AT_ONCE = 4


class ShardReport(NamedTuple):
    """How many of a shard's jobs went which way, the seconds that the device worked, and those that all took.

    Attributes:
        worker: the process that did it, as leases name it.
        loads: how often it had to load a model for it.
        why_ended: why it took no more though some were left, as ``Turn.why`` has it; empty where it went on to the end.
    """

    passed: int
    failed: int
    not_needed: int
    device_seconds: float
    wall_seconds: float = 0.0
    worker: str = ""
    loads: int = 0
    why_ended: str = ""


def render_shard(resources: Resources, shard: Shard) -> ShardReport:
    """Render and judge the shard's jobs.

    A job that another worker holds or has finished is left alone; one whose briefs are all
    satisfied stays planned. What fails on one job is recorded there, and the rest goes on.

    Raises:
        BrokenDeviceError, DiskFullError, CatalogueError: what stops the whole shard; what is finished stays, and
            the rest is planned again.
    """
    catalogue = catalogue_of(resources)
    with devices_of(resources).take() as device, heartbeat(catalogue, resources.lease_s), place_in(catalogue, shard):
        started, loads, turn = time.monotonic(), device.loads, GO
        if suspects := catalogue.tries(job.variant_id for job in shard.jobs).keys():
            free_the_dead(catalogue)  # a shard that runs again finds the leases of the worker that it was lost with
        shard = replace(
            shard,
            jobs=tuple(sorted(shard.jobs, key=lambda job: job.variant_id in suspects)),
            prompts=shard.prompts or catalogue.prompts(shard.campaign_id),
        )
        drafter = drafter_of(resources, shard, device)
        selection = JobSelection(catalogue, shard, drafter)
        with worker_of(resources, catalogue, shard, device, selection, drafter) as worker:
            try:
                while not stopping.is_set() and (turn := turn_of(catalogue, shard)).may_work:
                    worker.raise_failure()
                    selection.look_ahead(worker.generator, worker.scorer)
                    if stopping.is_set():  # drafts take their time, and a clip takes minutes
                        break
                    if jobs := selection.choose(worker.most):
                        worker.work_apart(jobs, suspects)
                    elif not selection.wait():
                        break
            except BrokenDeviceError:
                device.abandon()
                raise
        report = worker.report(selection.not_needed, time.monotonic() - started)
        return report._replace(worker=current_owner(), loads=device.loads - loads, why_ended=turn.why)


@contextmanager
def place_in(catalogue: Catalogue, shard: Shard) -> Iterator[None]:
    """Tell the shard's run that it has a device for as long as the block lasts."""
    if not shard.run_id:
        yield
        return
    catalogue.shard_begins(shard.run_id)
    try:
        yield
    finally:
        with suppress(CatalogueError):  # the run's next word corrects it
            catalogue.shard_ends(shard.run_id)


def turn_of(catalogue: Catalogue, shard: Shard) -> Turn:
    """Return whether the shard's run may take more now; a shard without a run always may."""
    return catalogue.turn(shard.run_id) if shard.run_id else GO


def drafter_of(resources: Resources, shard: Shard, device: Device) -> Drafter | None:
    """Return what the device knows of drafts in the shard's bucket; None where there are none to make."""
    card = card_of(resources, shard.card)
    if card.draft is None or not shard.wants or resources.drafts == "off":
        return None
    return device.drafters.setdefault(shard.jobs[0].variant.bucket, Drafter(card))


@contextmanager
def worker_of(
    resources: Resources,
    catalogue: Catalogue,
    shard: Shard,
    device: Device,
    selection: JobSelection,
    drafter: Drafter | None,
) -> Iterator["ShardWorker"]:
    """Yield a worker with its threads; all that was begun has its outcome in the catalogue after it."""
    writer = ResultWriter(catalogue, selection.landed, *([drafter.heard] if drafter else []))
    worker = ShardWorker(resources, catalogue, shard, device, selection, writer, drafter)
    try:
        yield worker
    finally:
        worker.tail.close()
        writer.close()
        worker.settle()
    worker.raise_failure()


class ShardWorker:
    """Works on the jobs of one shard with one warm model."""

    def __init__(
        self,
        resources: Resources,
        catalogue: Catalogue,
        shard: Shard,
        device: Device,
        selection: JobSelection,
        writer: ResultWriter,
        drafter: Drafter | None = None,
    ) -> None:
        self._drafter = drafter
        self._resources = resources
        self._catalogue = catalogue
        self._shard = shard
        self._device = device
        self._card = card_of(resources, shard.card)
        self._appetite = selection
        self._clerk = writer
        self._unfinished: list[Made] = []
        self._device_seconds = 0.0
        self._booked_s = 0.0
        self._is_prepared = False
        finisher = Postprocessor(resources, shard, self.scorer)
        self.tail = PostprocessPool(finisher, writer.put, self._give_back)

    @property
    def most(self) -> int:
        """Jobs to take at a time: a batch of the profile must fill."""
        return max(LEASED_AT_ONCE, self._card.speed_of(self._card.profile_for(self._shard.profile)).batch)

    def work_apart(self, jobs: Sequence[Job], suspects: Collection[str]) -> None:
        """Work on the jobs together; on those that a worker was lost over each alone, with nothing else in flight.

        One that kills its worker then takes no others with it into quarantine.
        """
        alone = [job for job in jobs if job.variant_id in suspects]
        if calm := [job for job in jobs if job.variant_id not in suspects]:
            self.work(calm)
        for index, job in enumerate(alone):
            self._appetite.settle(alone[index:])
            if stopping.is_set() or self._failure:
                self._appetite.landed(job)
            else:
                self.work([job])

    def work(self, jobs: Sequence[Job]) -> None:
        """Lease what is free of the jobs, and bring each to the tail."""
        by_id = {job.variant_id: job for job in jobs}
        leases = self._catalogue.lease(
            list(by_id),
            current_owner(),
            self._resources.lease_s,
            states=("planned", "rendered"),
            attempts_cap=self._resources.attempts,
            campaign_id=self._shard.campaign_id,
        )
        waiting = {lease.variant_id: lease for lease in leases}
        try:
            for made in self._made([(by_id[lease.variant_id], lease) for lease in leases]):
                del waiting[made.lease.variant_id]
                if isinstance(made, Failed):
                    self._clerk.put(made)
                else:
                    self.tail.put(made)
                if stopping.is_set() or self._failure:
                    break
        except BrokenDeviceError:
            # It may be this variant that breaks devices: its try counts, so that it is quarantined in the end.
            self._catalogue.release(list(waiting.values())[:1], begun=True)
            waiting = dict(list(waiting.items())[1:])
            raise
        finally:
            self._catalogue.release(waiting.values())
            begun = {lease.variant_id for lease in leases} - waiting.keys()
            for variant_id in by_id.keys() - begun:
                self._appetite.landed(by_id[variant_id])
        self._book(len(leases))

    def generator(self) -> Generator:
        """Return the warm model, with the shard's texts embedded."""
        generator = self._device.generator(self._card)
        if not self._is_prepared:
            generator.prepare([job.variant for job in self._shard.jobs])
            self._is_prepared = True
        return generator

    def scorer(self) -> FrameScorer:
        """Return the card's scorer."""
        return scorer_of(self._resources, self._card)

    def report(self, not_needed: int, wall_seconds: float) -> ShardReport:
        """Return the tally so far."""
        outcomes = self._clerk.outcomes
        return ShardReport(outcomes["passed"], outcomes["failed"], not_needed, self._device_seconds, wall_seconds)

    def raise_failure(self) -> None:
        """Raise what stopped the tail or the writer."""
        if self._failure:
            raise self._failure

    def settle(self) -> None:
        """Release what a failure of the tail has left without an outcome; book the drafts that no clip carries."""
        seconds = self._drafter.take_seconds() if self._drafter else 0.0
        self._device_seconds += seconds
        seconds += sum(made.draft_seconds for made in self._unfinished)
        try:
            self._catalogue.release([*(made.lease for made in self._unfinished), *self._clerk.unwritten])
            if seconds:
                self._catalogue.add_draft_seconds(self._shard.campaign_id, seconds)
            self._book(0)
        except CatalogueError:
            return  # the leases expire; what made it fail is told already

    def _book(self, leases: int) -> None:
        """Tell the shard's run what it was given since the last word: turns and budgets are counted by it."""
        seconds = self._device_seconds - self._booked_s
        if self._shard.run_id and (leases or seconds):
            self._catalogue.book_run(self._shard.run_id, leases, seconds)
            self._booked_s += seconds

    @property
    def _failure(self) -> BaseException | None:
        return self._clerk.failure or self.tail.failure

    def _give_back(self, made: Made) -> None:
        self._unfinished.append(made)
        self._appetite.landed(made.job)

    def _made(self, taken: Sequence[tuple[Job, Lease]]) -> Iterator[Made | Failed]:
        staged = [(job, lease) for job, lease in taken if self._is_staged(lease)]
        yield from (Made(job, lease, None) for job, lease in staged)
        if to_make := [pair for pair in taken if pair not in staged]:
            yield from self._generate(to_make)

    def _is_staged(self, lease: Lease) -> bool:
        clip = lease.row.clip
        return (
            lease.state in ("rendered", "leased")
            and clip is not None
            and is_within_reach(self._resources, clip)
            and brought_here(self._resources, clip) is not None
        )

    def _generate(self, taken: Sequence[tuple[Job, Lease]]) -> Iterator[Made | Failed]:
        results = self.generator().generate([lease.variant for _, lease in taken])
        for (job, lease), result in zip(taken, results, strict=True):
            if isinstance(result, Exception):
                yield Failed(job, lease, None, str(result) or type(result).__name__)
                continue
            drafts = self._drafter.take_seconds() if self._drafter else 0.0
            self._device_seconds += result.device_seconds + drafts
            self._device.note_memory()
            yield Made(job, lease, result, drafts)
