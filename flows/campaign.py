"""The campaign flow: a sheet in, signed and published clips out."""

import threading
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, wait
from prefect.task_runners import ThreadPoolTaskRunner

from flows.registration import check_models, read_sheet, register, settings_of
from flows.settings import Settings, load_settings
from flows.wiring import wiring_of
from manifests.errors import ReelmillError, SettingsError
from tasks.deliver import deliver
from tasks.render import ShardReport, render_shard
from tasks.shard import Shard
from tasks.stop import stopping
from tasks.wiring import Wiring, catalogue_of
from tasks.work import Remaining, free_the_dead

WORKERS = 16
"""Threads of the task runner; each device takes one shard at a time, the rest wait their turn."""
ROUNDS = 2
SECRET = frozenset({"bucket_access_key", "bucket_secret_key", "catalogue_url"})
RUNNER: Any = ThreadPoolTaskRunner(max_workers=WORKERS)


def is_transient(_task: Any, _run: Any, state: Any) -> bool:
    """True where a task run may succeed when it is tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, ReelmillError) and error.transient


@task(name="render shard", task_run_name="render {shard.name}", retries=2, retry_delay_seconds=[2, 15],
      retry_condition_fn=is_transient, cache_policy=NO_CACHE, persist_result=False)
def render(wiring: Wiring, shard: Shard) -> ShardReport:
    """Render and judge one shard on a device."""
    return render_shard(wiring, shard)


@task(name="deliver", retries=2, retry_delay_seconds=[2, 15], retry_condition_fn=is_transient,
      cache_policy=NO_CACHE, persist_result=False)
def send(wiring: Wiring, campaign_id: str, review: str, rendered: threading.Event) -> int:
    """Sign and publish while rendering goes on."""
    return deliver(wiring, campaign_id, review, rendered)


@flow(name="campaign", persist_result=False, task_runner=RUNNER)
def campaign(sheet: str = "", campaign_id: str = "", accept_good_rows: bool = False, sample_size: int | None = None,
             settings: dict[str, Any] | None = None) -> str:
    """Run a sheet to its end, or go on with a campaign that the catalogue holds; return its id.

    Args:
        sheet: path of the sheet; or else
        campaign_id: what to go on with.
        accept_good_rows: go on without the rows that have problems.
        sample_size: make so many variants only, spread over the campaign.
        settings: overrides by the names of Settings.

    Raises:
        ReelmillError: what stopped it; everything finished until then stays.
    """
    overrides = settings or {}
    if secret := SECRET & overrides.keys():
        raise SettingsError(f"The setting {min(secret)!r} would be kept in Prefect's database; set it as "
                            f"REELMILL_{min(secret).upper()} where the flow runs.")
    chosen = settings_of(campaign_id, **overrides) if campaign_id else load_settings(**overrides)
    wiring = wiring_of(chosen)
    if not campaign_id:
        intake = read_sheet(chosen, wiring, Path(sheet), accept_good_rows)
        campaign_id = register(chosen, wiring, intake, sample_size)
    finish(chosen, wiring, campaign_id)
    return campaign_id


def finish(settings: Settings, wiring: Wiring, campaign_id: str) -> None:
    """Render, judge, sign and publish all that is left.

    A second round makes again what the first sent back, since its staged files were gone.
    """
    catalogue = catalogue_of(wiring)
    check_models(wiring, campaign_id)
    free_the_dead(catalogue)
    remaining = Remaining(wiring, campaign_id, settings.max_rank_share)
    remaining.regate()
    for _ in range(ROUNDS):
        work_through(settings, wiring, campaign_id, remaining)
        if remaining.is_done(settings.review):
            return


def work_through(settings: Settings, wiring: Wiring, campaign_id: str, remaining: Remaining) -> None:
    """Dispatch all shards, deliver beside them; raise the first error once the rest has ended."""
    stopping.clear()
    rendered = threading.Event()
    delivery = send.submit(wiring, campaign_id, settings.review, rendered)
    try:
        shards = [render.submit(wiring, shard) for shard in remaining.shards(settings.shard_size)]
        wait(shards)
        rendered.set()
        _raise_first([*shards, delivery])
    except BaseException:
        # Prefect waits for the threads of its runner; without this Ctrl-C would finish the campaign.
        stopping.set()
        raise
    finally:
        rendered.set()


def _raise_first(futures: list[PrefectFuture[Any]]) -> None:
    wait(futures)
    for future in futures:
        future.result()
