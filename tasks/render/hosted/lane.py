"""Render a shard at a provider: no device is used, and many jobs run at the same time.

This thread leases variants, and starts the steps of their jobs when they are due. A few threads send requests, two
fetch and judge clips, and the writer records outcomes in batches, as it does for devices.
"""

import queue
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

from adapters.catalogue import GO, Catalogue, Lease
from adapters.catalogue.work.steering import CANCELLED, PAUSED
from manifests.errors import CatalogueError
from manifests.hosted.job import BUSY, JobState
from manifests.hosted.provider_job import ProviderJob
from manifests.states import State
from models.protocols import FrameScorer
from tasks.plan.remaining import release_dead_leases
from tasks.plan.shard import Job, Shard
from tasks.render.clip_reuse import reused_clips
from tasks.render.hosted.fetching import FetchPool, Result
from tasks.render.hosted.flight import (
    FailedFor,
    Flight,
    LaneControl,
    Later,
    Problem,
    ProblemKind,
    PutBack,
    ReadyFlights,
    Staged,
    Step,
    ToFetch,
)
from tasks.render.hosted.provider import Provider, provider_of
from tasks.render.hosted.schedule import Finished, Schedule
from tasks.render.hosted.sentences import sentences
from tasks.render.hosted.steps import JobSteps
from tasks.render.job_selection import JobSelection
from tasks.render.outcomes import Ended, Failed, Judged, NotLeased, Unprocessed
from tasks.render.postprocess import Postprocessor
from tasks.render.render import ShardReport, active_in_run, prompts_of, turn_of
from tasks.render.result_writer import ResultWriter
from tasks.runtime.cancellation import stopping
from tasks.runtime.files.shared_staging import fetch_staged, is_reachable
from tasks.runtime.files.staging import Staging
from tasks.runtime.heartbeat import heartbeat
from tasks.runtime.lease_owner import current_owner, is_dead
from tasks.runtime.resources import Resources, catalogue_of, hosted_card_of, scorer_of

WAKE_S = 1.0
"""Longest time between two checks for a pause or a cancellation."""
LOOK_S = 1.0
"""Seconds until other jobs are searched again after none could be chosen."""
MAX_FLIGHTS = 256
SPARE = 12
"""Variants that are leased before there is a place for them, so that a free place does not wait for a lease."""
STUCK_S = 20.0
"""Seconds at the account's limit after which its jobs are checked."""
LINGER_S = 0.25
"""Seconds for which verdicts are collected for one transaction. Clips arrive one by one, and nothing waits for them."""
BUDGET = "budget"


def render_hosted_shard(resources: Resources, shard: Shard) -> ShardReport:
    """Render and judge the shard's jobs at the provider of their card.

    Open jobs are adopted first. A job that fails is recorded as failed and does not stop the others.

    Raises:
        SettingsError: there is no account for the provider.
        ProviderError: the provider cannot be reached, or does not accept the card's requests.
        DiskFullError, CatalogueError: the whole shard stops. Finished jobs are kept; the others are planned again, and
            those that were submitted are adopted by the next run.
    """
    catalogue = catalogue_of(resources)
    provider = provider_of(resources, hosted_card_of(resources, shard.card))
    with heartbeat(catalogue, resources.lease_s), active_in_run(catalogue, shard):
        started = time.monotonic()
        release_dead_leases(catalogue)
        adoptable = catalogue.provider_jobs.open_of(job.variant_id for job in shard.jobs).keys()
        shard = replace(
            shard,
            jobs=tuple(sorted(shard.jobs, key=lambda job: job.variant_id not in adoptable)),
            prompts=shard.prompts or prompts_of(catalogue, shard.campaign_id),
        )
        lane = Lane(resources, catalogue, shard, provider, adoptable)
        lane.run()
        return lane.report(time.monotonic() - started)


class Following(NamedTuple):
    """How a lane follows open jobs, without submitting any.

    Attributes:
        cancels: their campaign is cancelled, so the provider is asked to cancel them.
        is_ended: whether to stop; open jobs stay as they are.
    """

    cancels: bool
    is_ended: Callable[[], bool]


def follow_shard(resources: Resources, shard: Shard, following: Following) -> ShardReport:
    """Poll and fetch the open jobs of a shard, all at the same time; none is submitted.

    The campaign may be paused or cancelled. Jobs whose variant another worker has leased are left to it.

    Raises:
        ReelmillError: as ``render_hosted_shard``.
    """
    catalogue = catalogue_of(resources)
    provider = provider_of(resources, hosted_card_of(resources, shard.card))
    with heartbeat(catalogue, resources.lease_s):
        started = time.monotonic()
        lane = Lane(resources, catalogue, shard, provider, [job.variant_id for job in shard.jobs], following)
        lane.run()
        return lane.report(time.monotonic() - started)


class Lane:
    """Submits and polls the jobs of one shard.

    Args:
        adoptable: the shard's variants whose provider job is open at the beginning.
        following: set if open jobs are only followed.
    """

    def __init__(
        self,
        resources: Resources,
        catalogue: Catalogue,
        shard: Shard,
        provider: Provider,
        adoptable: Collection[str],
        following: Following | None = None,
    ) -> None:
        self._resources = resources
        self._catalogue = catalogue
        self._shard = shard
        self._provider = provider
        self._adoptable = len(adoptable)
        self._ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self._selection = JobSelection(catalogue, shard, self._ended, paid=adoptable)
        self._writer = ResultWriter(catalogue, self._ended, LINGER_S)
        self._following = following
        self._control = LaneControl(cancels=following is not None and following.cancels)
        self._schedule: Schedule = Schedule(self._step)
        self._ready = ReadyFlights()
        self._steps = JobSteps(resources, catalogue, shard, provider, self._control, self._ready)
        self._fetching = FetchPool(
            catalogue,
            provider,
            self._steps,
            Staging(resources.staging),
            Postprocessor(resources, shard, self._scorer),
            self._schedule.put,
        )
        self._flights: set[Flight] = set()
        self._at_provider: set[Flight] = set()
        self._problems: list[Problem] = []
        self._failure: BaseException | None = None
        self._turn = GO
        self._choose_at = self._turn_at = 0.0
        self._moved_at = time.monotonic()
        self._concurrency = 1
        self._may_reuse = not resources.shared and len(catalogue.campaigns.all()) > 1

    def run(self) -> None:
        """Work until nothing is left, or the lane has to stop; raises as ``render_hosted_shard`` does."""
        self._look_at_account()
        try:
            while self._work_on():
                pass
        finally:
            self._close()
        if failure := self._failure or self._fetching.failure or self._writer.failure:
            raise failure
        if self._control.halt is not None and self._control.halt.error is not None:
            raise self._control.halt.error

    def report(self, wall_seconds: float) -> ShardReport:
        """Return the counts, and why variants are left."""
        halt = self._control.halt
        problems = [*self._problems, *([halt.problem] if halt and halt.problem else [])]
        is_over_budget = any(problem.kind is ProblemKind.BUDGET for problem in problems)
        return ShardReport(
            self._writer.outcomes[State.PASSED],
            self._writer.outcomes[State.FAILED],
            self._selection.not_needed,
            0.0,
            wall_seconds,
            current_owner(),
            why_ended=BUDGET if is_over_budget else self._turn.why,
            problems=tuple(sentences(self._provider.card.provider, problems)),
        )

    def _work_on(self) -> bool:
        """Lease, start what is due, and process results; return False when the lane ends."""
        if self._must_stop():
            return False
        self._start_ready()
        self._schedule.start_due()
        has_leased = self._lease_more()
        self._start_ready()
        wait_s = self._schedule.start_due()
        if not self._flights and not has_leased:
            return self._may_submit() and self._selection.wait()
        for finished in self._schedule.results(WAKE_S if wait_s is None else min(wait_s, WAKE_S)):
            self._process(finished)
        self._check_stuck()
        return True

    def _must_stop(self) -> bool:
        """Whether the lane stops following its jobs."""
        now = time.monotonic()
        if now >= self._turn_at:
            self._turn, self._turn_at = turn_of(self._catalogue, self._shard), now + WAKE_S
        halt = self._control.halt
        return (
            stopping.is_set()
            or (self._following is not None and self._following.is_ended())
            or self._failure is not None
            or self._fetching.failure is not None
            or self._writer.failure is not None
            or self._turn.why in (PAUSED, CANCELLED)
            or (halt is not None and halt.abandon)
        )

    def _may_submit(self) -> bool:
        return self._turn.may_work and self._control.halt is None

    def _lease_more(self) -> bool:
        """Lease as many variants as can be submitted now, or adopted; return whether there were some to try."""
        number = self._adoptable or self._wanted()
        is_early = not self._adoptable and time.monotonic() < self._choose_at
        if number <= 0 or is_early or not self._turn.may_work or not (self._adoptable or self._may_submit()):
            return False
        self._turn = turn_of(self._catalogue, self._shard)
        if not self._turn.may_work:
            return False
        self._adoptable = max(0, self._adoptable - min(number, MAX_FLIGHTS))
        jobs, leases = self._lease(min(number, MAX_FLIGHTS))
        if not jobs:
            self._choose_at = time.monotonic() + LOOK_S
        self._begin(jobs, leases)
        return bool(jobs)

    def _wanted(self) -> int:
        """Return how many variants to lease now: for the free places, and a few more."""
        places, ready = self._places(), len(self._ready)
        spare = 0 if self._provider.limits.per_minute else min(SPARE, self._concurrency)
        is_enough = places < 0 or self._is_blocked or ready > places + spare // 2
        return 0 if is_enough else places + spare - ready

    def _start_ready(self) -> None:
        """Begin with as many leased variants as there are places; release them if jobs are not submitted any longer."""
        may_submit, places = self._may_submit(), self._places()
        self._ready.may_follow = may_submit and not self._is_blocked and places >= 0
        if not may_submit:
            self._release_ready()
        while places > 0 and (flight := self._ready.take()) is not None:
            self._continue(flight, Later(Step.BEGIN))
            places -= 1

    def _release_ready(self) -> None:
        released = list(iter(self._ready.take, None))
        self._flights.difference_update(released)
        self._release(released)

    def _places(self) -> int:
        """Return how many more jobs the account may allow this lane now; the catalogue decides."""
        if self._is_blocked:
            return 0
        free = min(self._concurrency, MAX_FLIGHTS) - len(self._at_provider)
        return min(free, self._provider.limits.per_minute or free)

    @property
    def _is_blocked(self) -> bool:
        """Whether no place is to be taken now: files or jobs wait already."""
        return self._fetching.is_full or any(flight.waits for flight in self._flights)

    def _lease(self, number: int) -> tuple[list[Job], list[Lease]]:
        campaign_id = self._shard.campaign_id
        with self._catalogue.leases.choosing(campaign_id) if self._shard.wants else nullcontext():
            jobs = self._selection.choose(number)
            leases = self._acquire(jobs) if jobs else []
            self._selection.settle(jobs, {lease.variant_id for lease in leases})
        return jobs, leases

    def _acquire(self, jobs: Sequence[Job]) -> list[Lease]:
        return self._catalogue.leases.acquire(
            [job.variant_id for job in jobs],
            current_owner(),
            self._resources.lease_s,
            states=(State.PLANNED, State.RENDERED),
            attempts_cap=self._resources.attempts,
            campaign_id=None if self._following else self._shard.campaign_id,
            limit=len(jobs),
        )

    def _begin(self, jobs: Sequence[Job], leases: Sequence[Lease]) -> None:
        by_id = {job.variant_id: job for job in jobs}
        adopted = [lease.variant_id for lease in leases if not lease.is_counted]
        known = self._catalogue.provider_jobs.open_of(adopted) if adopted else {}
        # A clip that a provider already generates is paid, and its job would never end otherwise.
        fresh = [lease for lease in leases if lease.is_counted]
        reused = reused_clips(self._resources, self._catalogue, fresh) if self._may_reuse else {}
        for lease in leases:
            clip = reused.get(lease.variant_id)
            held = replace(lease, row=replace(lease.row, clip=clip)) if clip else lease
            flight = Flight(by_id[lease.variant_id], held, known.get(lease.variant_id))
            self._flights.add(flight)
            if clip or self._is_staged(lease):
                self._continue(flight, Staged())
            elif flight.provider_job is not None:
                self._continue(flight, Later(Step.BEGIN))
            else:
                self._ready.add(flight)

    def _is_staged(self, lease: Lease) -> bool:
        clip = lease.row.clip
        is_usable = clip is not None and is_reachable(self._resources, clip)
        return is_usable and clip is not None and fetch_staged(self._resources, clip) is not None

    def _step(self, flight: Flight) -> Result:
        return self._steps(flight)

    def _process(self, finished: Finished) -> None:
        if isinstance(finished.result, BaseException):
            self._failure = self._failure or finished.result
            return
        if not flight_waits(finished):
            self._moved_at = time.monotonic()
        self._continue(finished.flight, finished.result)

    def _continue(self, flight: Flight, result: Result) -> None:
        """Apply the result of a step."""
        if isinstance(result, Later):
            self._at_provider.add(flight)
            self._schedule.add(flight, result.step, result.after_s)
            return
        self._leave_provider(flight, result.successor if isinstance(result, ToFetch) else None)
        if isinstance(result, ToFetch):
            self._fetching.fetch(flight, result.file)
        elif isinstance(result, Staged):
            self._fetching.judge(flight)
        else:
            self._finish(flight, result)

    def _leave_provider(self, flight: Flight, successor: Flight | None) -> None:
        was_there = flight in self._at_provider
        self._at_provider.discard(flight)
        if successor is not None:
            self._at_provider.add(successor)
        elif was_there:
            self._schedule.hurry()

    def _finish(self, flight: Flight, result: Judged | Failed | Unprocessed | FailedFor | PutBack) -> None:
        self._flights.discard(flight)
        self._choose_at = 0.0
        if isinstance(result, FailedFor):
            self._writer.put(Failed(flight.job, flight.lease, None, result.reason))
        elif isinstance(result, PutBack):
            if result.problem:
                self._problems.append(result.problem)
            self._release([flight])
        else:
            self._writer.put(result)

    def _release(self, flights: Iterable[Flight]) -> None:
        """Release leases; the jobs of the variants stay open, and the next run adopts them."""
        released = list(flights)
        if not released:
            return
        self._catalogue.leases.release(flight.lease for flight in released)
        for flight in released:
            self._ended.put(NotLeased(flight.job))

    def _look_at_account(self) -> None:
        """Read whether jobs are only adopted: the account is paused, or the lane only follows jobs."""
        if self._following:
            self._control.stop()
        account = self._catalogue.provider_accounts.get(self._provider.card.provider)
        self._concurrency = self._provider.limits.concurrency or MAX_FLIGHTS
        if account.is_paused:
            self._control.stop(Problem(ProblemKind.PAUSED, account.paused_why))

    def _check_stuck(self) -> None:
        """Stop if only jobs that no process follows use up the account's limit."""
        is_waiting = bool(self._at_provider) and all(flight.waits for flight in self._at_provider)
        if time.monotonic() - self._moved_at < STUCK_S or not is_waiting:
            return
        self._moved_at = time.monotonic()
        busy = self._catalogue.provider_jobs.list(BUSY, provider=self._provider.card.provider, limit=MAX_FLIGHTS)
        if busy and all(map(is_left, busy)):
            self._control.stop(Problem(ProblemKind.FULL))
            waiting = self._schedule.drop_waiting()
            self._flights.difference_update(waiting)
            self._at_provider.difference_update(waiting)
            self._release(waiting)

    def _close(self) -> None:
        """Wait for requests and clips in progress, write their outcomes, and release everything else."""
        self._ready.may_follow, self._control.is_closing = False, True
        self._schedule.drop_waiting()
        self._schedule.close()
        self._fetching.close()
        for flight, result in self._schedule.results(0.0):
            if isinstance(result, Judged | Failed | Unprocessed | FailedFor | PutBack):
                self._flights.discard(flight)
                self._write(flight, result)
            elif isinstance(result, BaseException):
                self._failure = self._failure or result
        self._writer.close()
        try:
            self._catalogue.leases.release([*self._writer.unwritten, *(flight.lease for flight in self._flights)])
        except CatalogueError:
            return  # the leases expire; the cause is already reported

    def _write(self, flight: Flight, result: Judged | Failed | Unprocessed | FailedFor | PutBack) -> None:
        if isinstance(result, FailedFor):
            self._writer.put(Failed(flight.job, flight.lease, None, result.reason))
        elif isinstance(result, PutBack):
            self._flights.add(flight)
            self._problems += [result.problem] if result.problem else []
        else:
            self._writer.put(result)

    def _scorer(self) -> FrameScorer:
        return scorer_of(self._resources, self._provider.card)


def flight_waits(finished: Finished) -> bool:
    """Return whether a step ended because the account was at its limit."""
    return isinstance(finished.result, Later) and finished.flight.waits


def is_left(job: ProviderJob) -> bool:
    """Return whether no process follows a job: it needs a decision, or its process has ended."""
    return job.state is JobState.UNCERTAIN or time.time() > job.due_at or is_dead(job.owner)
