"""Shards out to devices, and what comes back of them: until none is left, or the run may take no more."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, wait

from flows import notices
from flows.logs import logged
from flows.run import Run
from flows.runner import device_runner, first_line, is_lost_worker, options_for
from flows.settings import Settings
from flows.wiring import here
from manifests.errors import DeviceBroken, ReelmillError
from tasks.owner import current_owner
from tasks.render import ShardReport, render_shard
from tasks.shard import Shard
from tasks.stop import stopping
from tasks.wiring import Wiring, card_of
from tasks.work import Remaining

BARREN = 3
"""So many dispatches after which workers were lost and nothing was finished end the run."""
notices.install()


def is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """True where a task run may succeed when it is tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, ReelmillError) and error.transient


@task(name="render shard", task_run_name="render {shard.name}", retries=2, retry_delay_seconds=[2, 15],
      retry_condition_fn=is_transient, cache_policy=NO_CACHE, persist_result=False)
def render(wiring: Wiring, shard: Shard) -> ShardReport:
    """Render and judge one shard on a device."""
    with logged(wiring, campaign_id=shard.campaign_id, shard=shard.name, run_id=shard.run_id, worker=current_owner()):
        return render_shard(here(wiring), shard)


def render_all(settings: Settings, wiring: Wiring, remaining: Remaining, run: Run) -> None:
    """Dispatch shards until none is left, or the run is over; those that let others go first are dispatched again."""
    shards = remaining.shards(settings.shard_size, run.run_id)
    cards = tuple(card_of(wiring, name) for name in sorted({shard.card for shard in shards}))
    if not shards:
        return
    barren = 0
    with device_runner(settings, cards) as runner, stopped_by_errors():
        while shards and run.await_turn(len(shards)):
            futures = []
            for shard in shards:
                with options_for(settings, card_of(wiring, shard.card), wiring.attempts):
                    futures.append(runner.submit(render, {"wiring": wiring, "shard": shard}))
            reports, lost = results_of(futures)
            if not lost and not any(report.why_ended for report in reports):
                return
            left, shards = number_of_jobs(shards), remaining.shards(settings.shard_size, run.run_id)
            barren = barren + 1 if lost and number_of_jobs(shards) >= left else 0
            if lost and barren >= BARREN:
                raise DeviceBroken(
                    f"Workers are lost over and over, and nothing comes of it ({first_line(lost)}); look at their "
                    "logs and at the memory of their machines, then run again.")


def results_of(futures: list[PrefectFuture[ShardReport]]) -> tuple[list[ShardReport], Exception | None]:
    """Wait for all; return the reports, and what lost a shard together with its worker; raise what else failed."""
    wait(futures)
    reports, lost, failure = [], None, None
    for future in futures:
        try:
            reports.append(future.result())
        except Exception as error:  # noqa: BLE001 - told apart here
            lost, failure = (error, failure) if is_lost_worker(error) else (lost, failure or error)
    if failure:
        raise failure
    return reports, lost


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
