"""Dispatch shards to devices and collect their results, until none is left or the run is over."""

import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.fan_out.hosted_lanes import HostedLanes, hosted_runner, is_hosted
from flows.fan_out.renderer_resources import localise_resources, renderer_resources
from flows.fan_out.runner import (
    device_runner,
    first_line,
    is_lost_worker,
    max_in_flight,
    number_of_devices,
    options_for,
)
from flows.prefect import prefect_events
from flows.runtime.run import BUDGET, Run
from flows.settings import Settings
from manifests.errors import BrokenDeviceError, CatalogueUnreachableError, ProviderError
from models.card import ModelCard
from tasks.plan.remaining import Remaining
from tasks.plan.shard import Shard
from tasks.render.render import ShardReport
from tasks.render.render_task import render
from tasks.render.sharing import RunningShard, shard_to_help
from tasks.runtime.cancellation import stopping
from tasks.runtime.resources import Resources, catalogue_of, local_card_of

log = logging.getLogger(__name__)
MAX_FRUITLESS = 3
"""Number of waves that may lose workers without finishing any job; then the run fails."""
LOOK_S = 1.0
"""Seconds between two looks for work that idle devices can share."""
prefect_events.install()


def render_all(settings: Settings, resources: Resources, remaining: Remaining, run: Run) -> None:
    """Dispatch shards until none is left or the run is over; shards that yielded to other runs are dispatched again.

    Hosted cards use no device: their lanes work at the same time, also if the devices are those of a Ray cluster.
    """
    shards = remaining.shards(settings.shard_size, run.run_id)
    run.problems, run.provider_failures = (), {}
    if not shards:
        return
    hosted, local = _split(resources, shards)
    cards = tuple(local_card_of(resources, name) for name in sorted({shard.card for shard in local}))
    lanes = len({shard.card for shard in hosted})
    with _device_runner(settings, cards) as runner, hosted_runner(lanes) as host, stopped_by_errors():
        _render(Runners(runner, host), settings, resources, remaining, run, shards)


class Runners(NamedTuple):
    """The task runners of a run; None if there is nothing for it."""

    devices: TaskRunner[Any] | None
    hosted: TaskRunner[Any] | None


def _render(
    runners: Runners,
    settings: Settings,
    resources: Resources,
    remaining: Remaining,
    run: Run,
    shards: list[Shard],
) -> None:
    fruitless = 0
    while shards and run.await_turn(len(shards)):
        rounds = Round(runners, settings, resources, shards)
        rounds.run()
        run.note(rounds.problems, rounds.is_over_budget)
        run.provider_failures = rounds.provider_failures
        if run.is_over or run.provider_failures or not (rounds.lost or rounds.yielded):
            return
        left, shards = number_of_jobs(shards), remaining.shards(settings.shard_size, run.run_id)
        fruitless = fruitless + 1 if rounds.lost and number_of_jobs(shards) >= left else 0
        if rounds.lost and fruitless >= MAX_FRUITLESS:
            raise BrokenDeviceError(
                f"Workers were lost repeatedly without finishing a clip ({first_line(rounds.lost)}). Check their "
                "logs and the memory of their machines, then re-run the same command to resume."
            )


class Round:
    """All shards once: those of local cards on devices, and at the same time, those of hosted cards in their lanes.

    Attributes:
        reports: reports of the shards that ended.
        lost: the error with which a worker was lost; None if there was none.
        provider_failures: why providers cannot be used, by card.
    """

    def __init__(self, runners: Runners, settings: Settings, resources: Resources, shards: Iterable[Shard]) -> None:
        self._runners = runners
        self._settings = settings
        self._resources = resources
        self._hosted, self._local = _split(resources, shards)
        self.reports: list[ShardReport] = []
        self.lost: Exception | None = None
        self.provider_failures: Mapping[str, ProviderError] = {}

    @property
    def yielded(self) -> bool:
        """Whether shards ended early, because other runs have priority or the run is over."""
        return any(report.why_ended for report in self.reports)

    @property
    def is_over_budget(self) -> bool:
        """Whether the budget has no room for the next job of a provider."""
        return any(report.why_ended == BUDGET for report in self.reports)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps variants of hosted cards from being generated, each once."""
        return tuple(dict.fromkeys(problem for report in self.reports for problem in report.problems))

    def run(self) -> None:
        """Submit the shards and wait until they have ended.

        Failures of providers are only kept, so that the clips of other models are generated and delivered.

        Raises:
            ReelmillError: the first failure of this machine; that of a device first.
        """
        hosted, host = self._hosted, self._runners.hosted
        lanes = HostedLanes(host, self._resources, hosted) if hosted and host else None
        if self._local and self._runners.devices:
            self._run_devices(self._runners.devices)
        if lanes:
            try:
                lanes.wait()
            finally:
                self.reports += lanes.reports
                self.provider_failures = lanes.provider_failures

    def _run_devices(self, runner: TaskRunner[Any]) -> None:
        wave = Wave(self._settings, self._resources, runner, self._local)
        try:
            wave.run()
        finally:
            self.reports, self.lost = wave.reports, wave.lost


def _split(resources: Resources, shards: Iterable[Shard]) -> tuple[list[Shard], list[Shard]]:
    """Return the shards of hosted cards, and those of local ones."""
    hosted: list[Shard] = []
    local: list[Shard] = []
    for shard in shards:
        (hosted if is_hosted(resources, shard) else local).append(shard)
    return hosted, local


@contextmanager
def _device_runner(settings: Settings, cards: Collection[ModelCard]) -> Iterator[TaskRunner[Any] | None]:
    """Yield the task runner for devices; None without local cards, and then no device is looked for."""
    if not cards:
        yield None
        return
    with device_runner(settings, cards) as runner:
        yield runner


class Wave:
    """Shards in progress, slightly more at a time than there are devices.

    When no shard waits, idle devices help with the running ones, so that all devices end at about the same time. No
    further shards are submitted after one has yielded to another run, or has failed for a reason that would affect
    the others too. A broken device is not such a reason, until as many shards failed as there are devices.

    Attributes:
        reports: reports of the shards that ended.
        lost: the error with which a worker was lost; None if there was none.
    """

    def __init__(
        self, settings: Settings, resources: Resources, runner: TaskRunner[Any], shards: Iterable[Shard]
    ) -> None:
        self._settings = settings
        self._resources = resources
        self._sent = renderer_resources(settings, resources)
        self._runner = runner
        self._waiting = deque(shards)
        self._cards = {shard.card: local_card_of(resources, shard.card) for shard in self._waiting}
        self._pending: dict[PrefectFuture[ShardReport], Shard] = {}
        self._running: list[RunningShard] = []
        self._ended: SimpleQueue[PrefectFuture[ShardReport]] = SimpleQueue()  # in the order of completion
        self._failures: list[Exception] = []
        self._may_share = True
        self.reports: list[ShardReport] = []
        self.lost: Exception | None = None

    @property
    def yielded(self) -> bool:
        """Whether shards ended early, because other runs have priority or the run is over."""
        return any(report.why_ended for report in self.reports)

    def run(self) -> None:
        """Submit shards and wait until all submitted ones have ended.

        Raises:
            ReelmillError: the first failure.
        """
        while self._waiting or self._pending:
            most = max_in_flight(self._settings, self._resources, self._cards.values())
            while self._waiting and len(self._pending) < most:
                self._submit(self._waiting.popleft())
            is_idle = not self._waiting and self._share()
            with suppress(Empty):
                self._collect(self._ended.get(timeout=LOOK_S if is_idle else None))
            if self.yielded or len(self._failures) >= most or not all(map(is_of_a_device, self._failures)):
                self._waiting.clear()
        if self._failures:
            raise self._failures[0]

    def _share(self) -> bool:
        """Let idle devices help with the running shards; return whether some are still idle."""
        if self.yielded or self.lost or self._failures or not self._may_share or stopping.is_set():
            return False
        idle = number_of_devices(self._settings, self._resources, self._cards.values()) - len(self._pending)
        with suppress(CatalogueUnreachableError):  # the shards wait for it, and report it if it stays away
            while idle > 0 and (shard := shard_to_help(catalogue_of(self._resources), self._running)):
                self._submit(shard)
                idle -= 1
        return idle > 0

    def _submit(self, shard: Shard) -> None:
        with options_for(self._settings, self._cards[shard.card], self._resources.attempts):
            future = self._runner.submit(
                render, {"resources": self._sent, "shard": shard, "localise": localise_resources}
            )
        self._pending[future] = shard
        if not shard.helps:
            self._running.append(RunningShard(shard))
        future.add_done_callback(self._ended.put)

    def _collect(self, ended: PrefectFuture[ShardReport]) -> None:
        shard = self._pending.pop(ended)
        self._running = [each for each in self._running if each.shard is not shard]
        try:
            self.reports.append(ended.result())
        except Exception as error:  # noqa: BLE001 - the first one is raised at the end
            if is_lost_worker(error):
                self.lost = error
            elif shard.helps:  # the device that has the shard continues; what is left is generated in the next round
                log.warning("A device could not help with a shard: %s", first_line(error))
                self._may_share = False
            else:
                self._failures.append(error)


def is_of_a_device(error: Exception) -> bool:
    """Return whether other devices may succeed where this one failed."""
    return isinstance(error, BrokenDeviceError)


def number_of_jobs(shards: list[Shard]) -> int:
    """Return the total number of jobs in the shards."""
    return sum(len(shard.jobs) for shard in shards)


@contextmanager
def stopped_by_errors() -> Iterator[None]:
    """After an exception or Ctrl-C, stop the steps of this process; task runners would wait for them to finish."""
    try:
        yield
    except BaseException:
        stopping.set()
        raise
