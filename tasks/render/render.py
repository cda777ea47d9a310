"""Render a shard on a device: produce a staged clip, a score and a verdict for each variant.

Three kinds of threads share the work so that the device never waits: this one leases and generates, the
postprocess threads encode, measure and score, and the writer thread writes rows in batches.
"""

import queue
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import NamedTuple

from adapters.catalogue import GO, Catalogue, Lease, Turn
from manifests.clip import Clip
from manifests.costs.device_use import Cause
from manifests.errors import BrokenDeviceError, CatalogueError
from manifests.states import State
from models.protocols import FrameScorer, Generator
from tasks.plan.remaining import release_dead_leases
from tasks.plan.shard import Job, Shard
from tasks.render.clip_reuse import reused_clips, without_reusable
from tasks.render.job_selection import JobSelection
from tasks.render.outcomes import Ended, Failed, NotLeased, RenderedJob
from tasks.render.postprocess import Postprocessor, PostprocessPool
from tasks.render.result_writer import ResultWriter
from tasks.runtime.cancellation import stopping
from tasks.runtime.device_use.settlement import folder_of, settle_dead_uses
from tasks.runtime.devices import Device, devices_of
from tasks.runtime.files.shared_staging import fetch_staged, is_reachable
from tasks.runtime.heartbeat import heartbeat
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import Resources, catalogue_of, local_card_of, scorer_of

LEASED_AT_ONCE = 4
"""Largest number of variants leased at a time, unless a batch of the profile is larger."""
LEASE_WORK_S = 2.0
"""Device seconds of the variants leased at a time; leases of longer clips would keep them from idle devices."""
LEASED_SHARE = 0.25
"""Share of a shard's free variants leased at a time, at most: those that are left go to several devices."""


class ShardReport(NamedTuple):
    """Outcome counts and times of a shard.

    Attributes:
        device_seconds: time that the device worked.
        wall_seconds: total time of the shard.
        worker: lease owner that rendered the shard.
        loads: how many times a model was loaded for it.
        why_ended: why the shard ended early (``Turn.why``); empty if it ran to the end.
        problems: why variants of a hosted model are not generated, one sentence each, without a full stop.
    """

    passed: int
    failed: int
    not_needed: int
    device_seconds: float
    wall_seconds: float = 0.0
    worker: str = ""
    loads: int = 0
    why_ended: str = ""
    problems: tuple[str, ...] = ()


def render_shard(resources: Resources, shard: Shard) -> ShardReport:
    """Render and judge the shard's jobs.

    Jobs that another worker has leased or finished are skipped; jobs whose briefs all have enough clips stay
    planned. A job that fails is recorded as failed and does not stop the others.

    Raises:
        BrokenDeviceError, DiskFullError, CatalogueError: the whole shard stops. Finished jobs are kept; the
            others are planned again.
    """
    catalogue = catalogue_of(resources)
    with (
        devices_of(resources).acquire() as device,
        device.meter.working_for(Cause(shard.campaign_id, shard.run_id, shard.card)),
        heartbeat(catalogue, resources.lease_s, device.book),
        active_in_run(catalogue, shard),
    ):
        started, loads, turn = time.monotonic(), device.loads, GO
        settle_dead_uses(catalogue, folder_of(resources.staging))
        if suspects := catalogue.variants.tries(job.variant_id for job in shard.jobs).keys():
            release_dead_leases(catalogue)  # a repeated shard finds the leases of its crashed worker
        shard = replace(
            shard,
            jobs=tuple(sorted(shard.jobs, key=lambda job: job.variant_id in suspects)),
            prompts=shard.prompts or prompts_of(catalogue, shard.campaign_id),
        )
        ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        selection = JobSelection(catalogue, shard, ended, suspects)
        with worker_of(resources, catalogue, shard, device, ended) as worker:
            try:
                if shard.helps:
                    worker.warm_up()
                while not stopping.is_set() and (turn := turn_of(catalogue, shard)).may_work:
                    worker.raise_failure()
                    jobs, leases = lease_next(worker, selection, catalogue, shard)
                    if leases:
                        work_isolating_suspects(worker, selection, jobs, leases, suspects)
                    elif not jobs and (shard.helps or not selection.wait()):
                        break
            except BrokenDeviceError:
                device.abandon()
                raise
        report = worker.report(selection.not_needed, time.monotonic() - started)
        return report._replace(worker=current_owner(), loads=device.loads - loads, why_ended=turn.why)


def prompts_of(catalogue: Catalogue, campaign_id: str) -> tuple[str, ...]:
    """Return the campaign's prompts.

    Raises:
        CatalogueError: it has none, because a Ray worker has the address of another database.
    """
    prompts = catalogue.campaigns.prompts(campaign_id)
    if not prompts:
        raise CatalogueError(
            f"The catalogue of this worker does not contain the campaign {campaign_id}. Set REELMILL_CATALOGUE_URL on "
            "the Ray workers to the same database as on the driver."
        )
    return prompts


@contextmanager
def active_in_run(catalogue: Catalogue, shard: Shard) -> Iterator[None]:
    """Register the shard as active in its run for the duration of the block."""
    if not shard.run_id:
        yield
        return
    catalogue.runs.shard_started(shard.run_id)
    try:
        yield
    finally:
        with suppress(CatalogueError):  # the run's next update corrects it
            catalogue.runs.shard_ended(shard.run_id)


def turn_of(catalogue: Catalogue, shard: Shard) -> Turn:
    """Return whether the shard's run may lease more variants now; a shard without a run always may."""
    return catalogue.runs.turn(shard.run_id) if shard.run_id else GO


@contextmanager
def worker_of(
    resources: Resources,
    catalogue: Catalogue,
    shard: Shard,
    device: Device,
    ended: "queue.SimpleQueue[Ended]",
) -> Iterator["ShardWorker"]:
    """Yield a worker with its threads; on exit, every started job has its outcome in the catalogue."""
    writer = ResultWriter(catalogue, ended)
    worker = ShardWorker(resources, catalogue, shard, device, writer, ended)
    try:
        yield worker
    finally:
        worker.postprocess.close()
        writer.close()
        worker.release_unfinished()
    worker.raise_failure()


def lease_next(
    worker: "ShardWorker", selection: JobSelection, catalogue: Catalogue, shard: Shard
) -> tuple[list[Job], list[Lease]]:
    """Choose jobs and lease the first free ones; return both. No lease although there are jobs: others have them."""
    with catalogue.leases.choosing(shard.campaign_id) if shard.wants else nullcontext():
        jobs = selection.choose()
        leases = worker.lease(jobs) if jobs else []
        selection.settle(jobs, {lease.variant_id for lease in leases})
    return jobs, leases


def work_isolating_suspects(
    worker: "ShardWorker",
    selection: JobSelection,
    jobs: Sequence[Job],
    leases: Sequence[Lease],
    suspects: Collection[str],
) -> None:
    """Render leased jobs; a suspect, which is leased alone, with nothing else in flight.

    Suspects are jobs that were leased when a worker crashed. A job that crashes its worker then does not
    send others into quarantine.
    """
    by_id = {job.variant_id: job for job in jobs}
    leased = [(by_id[lease.variant_id], lease) for lease in leases]
    if leased[0][0].variant_id in suspects:
        selection.wait_for_others([leased[0][0]])
    worker.work(leased)


class ShardWorker:
    """Renders the jobs of one shard with a loaded model."""

    def __init__(
        self,
        resources: Resources,
        catalogue: Catalogue,
        shard: Shard,
        device: Device,
        writer: ResultWriter,
        ended: "queue.SimpleQueue[Ended]",
    ) -> None:
        self._resources = resources
        self._catalogue = catalogue
        self._shard = shard
        self._device = device
        self._card = local_card_of(resources, shard.card)
        self._writer = writer
        self._ended = ended
        self._device_seconds = 0.0
        self._is_prepared = False
        self._shape_group = shard.jobs[0].variant.shape_group
        # Looked up once, because the lookup of other campaigns' clips costs a query for each batch of leases.
        self._may_reuse = not resources.shared and len(catalogue.campaigns.all()) > 1
        postprocessor = Postprocessor(resources, shard, self.scorer, device.meter.device_kind)
        self.postprocess = PostprocessPool(postprocessor, writer.put)

    def lease(self, jobs: Sequence[Job]) -> list[Lease]:
        """Lease the first free jobs: one until a clip was measured, then as many as take LEASE_WORK_S.

        More only to fill a batch of the profile, since devices share the jobs, and the last ones are to end together.
        """
        batch = self._card.speed_of(self._card.profile_for(self._shard.profile)).batch
        seconds = self._device.seconds_a_clip.get(self._shape_group)
        fitting = round(LEASE_WORK_S / seconds) if seconds else LEASED_AT_ONCE if seconds == 0 else 1
        return self._catalogue.leases.acquire(
            [job.variant_id for job in jobs],
            current_owner(),
            self._resources.lease_s,
            states=(State.PLANNED, State.RENDERED),
            attempts_cap=self._resources.attempts,
            campaign_id=self._shard.campaign_id,
            limit=max(batch, min(LEASED_AT_ONCE, max(1, fitting))),
            share=1.0 if batch > 1 else LEASED_SHARE,
        )

    def work(self, leased: Sequence[tuple[Job, Lease]]) -> None:
        """Generate the frames of leased jobs and submit them for postprocessing."""
        jobs = {lease.variant_id: job for job, lease in leased}
        waiting = {lease.variant_id: lease for _, lease in leased}
        try:
            for made in self._produce(leased) if self._may_begin else ():
                del waiting[made.lease.variant_id]
                if isinstance(made, Failed):
                    self._writer.put(made)
                else:
                    self.postprocess.put(made)
                if not self._may_begin:
                    break
        except BrokenDeviceError:
            # This variant may be what breaks devices: count the attempt, so that it is quarantined eventually.
            self._catalogue.leases.release(list(waiting.values())[:1], begun=True)
            waiting = dict(list(waiting.items())[1:])
            raise
        finally:
            self._catalogue.leases.release(waiting.values())
            for variant_id in waiting:
                self.skip(jobs[variant_id])
        self._device.book(self._catalogue, len(leased))

    def warm_up(self) -> None:
        """Load the model before anything is leased: meanwhile, the other devices continue with the shard.

        Not if all clips exist and need only be scored, because reuse costs nothing.
        """
        rows = self._catalogue.variants.of_ids([job.variant_id for job in self._shard.jobs])
        missing = [row.variant for row in rows if row.clip is None]
        if missing and self._may_reuse:
            missing = without_reusable(self._catalogue, missing)
        if missing:
            self.generator()

    def skip(self, job: Job) -> None:
        """Pass a chosen job on without generating it."""
        self._ended.put(NotLeased(job))

    def generator(self) -> Generator:
        """Return the loaded model, with the shard's texts embedded."""
        generator = self._device.generator(self._card)
        if not self._is_prepared:
            generator.prepare([job.variant for job in self._shard.jobs])
            self._is_prepared = True
        return generator

    def scorer(self) -> FrameScorer:
        """Return the card's scorer."""
        return self._device.metered(scorer_of(self._resources, self._card))

    def report(self, not_needed: int, wall_seconds: float) -> ShardReport:
        """Return the counts so far."""
        outcomes = self._writer.outcomes
        return ShardReport(
            outcomes[State.PASSED], outcomes[State.FAILED], not_needed, self._device_seconds, wall_seconds
        )

    def raise_failure(self) -> None:
        """Raise the error that stopped the postprocess pool or the writer, if any."""
        if self.failure:
            raise self.failure

    def release_unfinished(self) -> None:
        """Release jobs without an outcome after a failure, and book the last device time."""
        try:
            self._catalogue.leases.release(self._writer.unwritten)
            self._device.settle(self._catalogue)
        except CatalogueError:
            return  # the leases expire; the cause is already reported

    @property
    def _may_begin(self) -> bool:
        return not stopping.is_set() and self.failure is None

    @property
    def failure(self) -> BaseException | None:
        """The error that stopped the postprocess pool or the writer."""
        return self._writer.failure or self.postprocess.failure

    def _produce(self, leased: Sequence[tuple[Job, Lease]]) -> Iterator[RenderedJob | Failed]:
        clips = self._staged_clips([lease for _, lease in leased])
        for job, lease in leased:
            if lease.variant_id in clips:
                row = replace(lease.row, clip=clips[lease.variant_id])
                yield RenderedJob(job, replace(lease, row=row), None)
        if missing := [(job, lease) for job, lease in leased if lease.variant_id not in clips]:
            yield from self._generate(missing)

    def _staged_clips(self, leases: Sequence[Lease]) -> dict[str, Clip]:
        """Return the clips that need only be scored: generated earlier, or generated for another campaign."""
        reused = reused_clips(self._resources, self._catalogue, leases) if self._may_reuse else {}
        staged = {lease.variant_id: lease.row.clip for lease in leases if lease.row.clip and self._is_staged(lease)}
        return reused | staged

    def _is_staged(self, lease: Lease) -> bool:
        clip = lease.row.clip
        return (
            lease.state in (State.RENDERED, State.LEASED)
            and clip is not None
            and is_reachable(self._resources, clip)
            and fetch_staged(self._resources, clip) is not None
        )

    def _generate(self, leased: Sequence[tuple[Job, Lease]]) -> Iterator[RenderedJob | Failed]:
        results = self.generator().generate([lease.variant for _, lease in leased])
        for (job, lease), result in zip(leased, results, strict=True):
            if isinstance(result, Exception):
                yield Failed(job, lease, None, str(result) or type(result).__name__)
                continue
            self._device_seconds += result.device_seconds
            self._device.seconds_a_clip[self._shape_group] = result.device_seconds
            self._device.note_memory()
            yield RenderedJob(job, lease, result)
