"""Shards out to devices, and what comes back of them: until none is left, or the run may take no more."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.prefect import prefect_events as notices
from flows.runtime.logs import logged
from flows.runtime.resources import here
from flows.runtime.run import Run
from flows.runtime.runner import at_once, device_runner, first_line, is_lost_worker, options_for
from flows.settings import Settings
from manifests.errors import BrokenDeviceError, BucketError, ReelmillError
from tasks.plan.remaining import Remaining
from tasks.plan.shard import Shard
from tasks.render.render import ShardReport, render_shard
from tasks.runtime.cancellation import stopping
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import Resources, card_of

BARREN = 3
"""So many dispatches after which workers were lost and nothing was finished end the run."""
notices.install()


def is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Return whether a task run may succeed when it is retried; bucket requests were retried by their client."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, ReelmillError) and error.transient and not isinstance(error, BucketError)


@task(
    name="render shard",
    task_run_name="render {shard.name}",
    retries=2,
    retry_delay_seconds=[2, 15],
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def render(resources: Resources, shard: Shard) -> ShardReport:
    """Render and judge one shard on a device."""
    with logged(
        resources, campaign_id=shard.campaign_id, shard=shard.name, run_id=shard.run_id, worker=current_owner()
    ):
        return render_shard(here(resources), shard)


def render_all(settings: Settings, resources: Resources, remaining: Remaining, run: Run) -> None:
    """Dispatch shards until none is left, or the run is over; those that let others go first are dispatched again."""
    shards = remaining.shards(settings.shard_size, run.run_id)
    cards = tuple(card_of(resources, name) for name in sorted({shard.card for shard in shards}))
    if not shards:
        return
    barren = 0
    with device_runner(settings, cards) as runner, stopped_by_errors():
        while shards and run.await_turn(len(shards)):
            wave = Wave(settings, resources, runner, shards)
            wave.roll()
            if not wave.lost and not wave.gave_way:
                return
            left, shards = number_of_jobs(shards), remaining.shards(settings.shard_size, run.run_id)
            barren = barren + 1 if wave.lost and number_of_jobs(shards) >= left else 0
            if wave.lost and barren >= BARREN:
                raise BrokenDeviceError(
                    f"Workers are lost over and over, and nothing comes of it ({first_line(wave.lost)}); look at their "
                    "logs and at the memory of their machines, then run again."
                )


class Wave:
    """Shards on their way, a few more at a time than there are devices.

    No more are submitted once the run has to let others go first, or once one failed for a reason that the others
    would meet as well. A broken device is none, until as many have failed as there are.

    Attributes:
        reports: of the shards that ended.
        lost: what lost a shard together with its worker; None where none was.
    """

    def __init__(
        self, settings: Settings, resources: Resources, runner: TaskRunner[Any], shards: Iterable[Shard]
    ) -> None:
        self._settings = settings
        self._resources = resources
        self._runner = runner
        self._waiting = deque(shards)
        self._cards = {shard.card: card_of(resources, shard.card) for shard in self._waiting}
        self._pending = 0
        self._ended: SimpleQueue[PrefectFuture[ShardReport]] = SimpleQueue()  # in the order of their ends
        self._failures: list[Exception] = []
        self.reports: list[ShardReport] = []
        self.lost: Exception | None = None

    @property
    def gave_way(self) -> bool:
        """True where shards took no more, so that others go first or since the run is over."""
        return any(report.why_ended for report in self.reports)

    def roll(self) -> None:
        """Submit, and wait until all that was submitted has ended.

        Raises:
            ReelmillError: what failed first.
        """
        while self._waiting or self._pending:
            most = at_once(self._settings, self._resources, self._cards.values())
            while self._waiting and self._pending < most:
                self._submit(self._waiting.popleft())
            self._take(self._ended.get())
            if self.gave_way or len(self._failures) >= most or not all(map(is_of_a_device, self._failures)):
                self._waiting.clear()
        if self._failures:
            raise self._failures[0]

    def _submit(self, shard: Shard) -> None:
        with options_for(self._settings, self._cards[shard.card], self._resources.attempts):
            future = self._runner.submit(render, {"resources": self._resources, "shard": shard})
        self._pending += 1
        future.add_done_callback(self._ended.put)

    def _take(self, ended: PrefectFuture[ShardReport]) -> None:
        self._pending -= 1
        try:
            self.reports.append(ended.result())
        except Exception as error:  # noqa: BLE001 - the first is raised in the end
            if is_lost_worker(error):
                self.lost = error
            else:
                self._failures.append(error)


def is_of_a_device(error: Exception) -> bool:
    """True where other devices may do what one could not."""
    return isinstance(error, BrokenDeviceError)


def number_of_jobs(shards: list[Shard]) -> int:
    """Return how many jobs the shards have together."""
    return sum(len(shard.jobs) for shard in shards)


@contextmanager
def stopped_by_errors() -> Iterator[None]:
    """Tell this process's steps to stop: runners wait for their threads, and Ctrl-C would finish the campaign."""
    try:
        yield
    except BaseException:
        stopping.set()
        raise
