"""1, 2 and 4 sleeping devices on a shard's real way: as processes of this machine, and as workers of a Ray cluster."""

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import psycopg

from benchmarks import forks, stubs
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings, prepare_prefect
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from tasks.plan.remaining import Remaining
from tasks.plan.shard import Shard
from tasks.render.render import ShardReport, render_shard
from tasks.runtime.resources import Resources, card_of, catalogue_of, close_resources

WORKERS = (1, 2, 4)
CLIPS = 32
SHARD = 8
CLIP_S = 1.0
PROMPT = "a red circle drifting right on a white background"
READY_S = 180.0
WARM_UPS = 6


class Fan(NamedTuple):
    """What so many workers took for CLIPS clips.

    Attributes:
        cpu_ms: processor time of the workers a clip; 0 where it was not measured.
        connections: to the catalogue, that each worker holds at the end; 0 where they were not counted.
        cold: models that were loaded meanwhile.
    """

    workers: int
    seconds: float
    cpu_ms: float = 0.0
    connections: float = 0.0
    cold: int = 0

    @property
    def busy(self) -> float:
        """Share of the time that a device slept, as it should."""
        return CLIPS * CLIP_S / (self.workers * self.seconds)

    def efficiency(self, one: "Fan") -> float:
        """Return what it makes of so many workers, 1 being each as good as the one alone."""
        return one.seconds / (self.workers * self.seconds)


@contextmanager
def bench(home: Path, catalogue_url: str) -> Iterator[Settings]:
    """Yield settings of an installation of its own, without the operator's."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(("REELMILL_", "PREFECT_"))}
    os.environ[stubs.CLIP_S] = str(CLIP_S)
    home.mkdir()
    close_resources()
    try:
        yield load_settings(home=str(home), catalogue_url=catalogue_url, model="starter")
    finally:
        close_resources()
        for name in [name for name in os.environ if name.startswith(("REELMILL_", "PREFECT_"))]:
            del os.environ[name]
        os.environ.update(kept)


def by_processes(settings: Settings) -> list[Fan]:
    """Measure each number of processes, which take the next shard as they come free."""
    resources = resources_of(settings)
    catalogue_of(resources)  # the tables, before workers race for them
    return [_processes(resources, number) for number in WORKERS]


def _processes(resources: Resources, number: int) -> Fan:
    context = forks.context()
    ready = context.Barrier(number)
    with ProcessPoolExecutor(number, context, initializer=_begin, initargs=(resources, ready)) as pool:
        list(pool.map(_timed_shard, [resources] * number, shards(resources, f"warm {number}", number, 1)))
        work = shards(resources, f"fan {number}", CLIPS, SHARD)
        began = time.monotonic()
        found = list(pool.map(_timed_shard, [resources] * len(work), work))
        seconds = time.monotonic() - began
        connections = _connections(resources.catalogue_url) / number
    fan = fan_of(number, seconds, [report for report, _ in found])
    return fan._replace(cpu_ms=1000 * sum(cpu_s for _, cpu_s in found) / CLIPS, connections=connections)


def _connections(url: str) -> int:
    """Return how many connections there are to the database, but for this process's own."""
    close_resources()
    gc.collect()  # a forgotten catalogue closes its connections as it goes
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    return row[0] if row else 0


def _begin(resources: Resources, ready: Any) -> None:
    stubs.install()
    catalogue_of(resources).runs.live()
    ready.wait(READY_S)


def _timed_shard(resources: Resources, shard: Shard) -> tuple[ShardReport, float]:
    cpu = time.process_time()
    return render_shard(resources, shard), time.process_time() - cpu


def fan_of(number: int, seconds: float, reports: Sequence[ShardReport]) -> Fan:
    """Return the measured, having looked that all was done, and by all.

    Raises:
        RuntimeError: a clip is missing, or a worker.
    """
    passed, workers = sum(report.passed for report in reports), len({report.worker for report in reports})
    if (passed, workers) != (CLIPS, number):
        raise RuntimeError(f"{CLIPS} clips were asked of {number} workers; {passed} were made, by {workers}")
    return Fan(number, seconds, cold=sum(report.loads for report in reports))


def by_ray(settings: Settings) -> list[Fan]:
    """Measure on a local cluster with room for each number of workers, as a flow's tasks."""
    from flows.prefect.embedded_server import prefect_server

    prepare_prefect(settings.home)
    with prefect_server(settings.home):
        return [_cluster(settings, number) for number in WORKERS]


def _cluster(settings: Settings, number: int) -> Fan:
    import ray

    ray.init(
        "local",
        num_cpus=number,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=200_000_000,
        runtime_env={"worker_process_setup_hook": "benchmarks.stubs.install", "env_vars": {"PYTHONPATH": os.getcwd()}},
    )
    try:
        return _flow(settings, number)
    finally:
        ray.shutdown()


def _flow(settings: Settings, number: int) -> Fan:
    from prefect import flow
    from prefect.futures import wait

    from flows.runtime.dispatch import render
    from flows.runtime.runner import device_runner, options_for

    resources = resources_of(settings)
    card = card_of(resources, "starter")

    def go(runner: Any, work: Sequence[Shard]) -> list[ShardReport]:
        with options_for(settings, card, resources.attempts):
            futures = [runner.submit(render, {"resources": resources, "shard": shard}) for shard in work]
        wait(futures)
        return [future.result() for future in futures]

    @flow(name="fanout", persist_result=False)
    def fanout() -> Fan:
        with device_runner(settings, [card]) as runner:
            _warm_up(partial(go, runner), resources, number)
            work = shards(resources, f"ray {number}", CLIPS, SHARD)
            began = time.monotonic()
            reports = go(runner, work)
            return fan_of(number, time.monotonic() - began, reports)

    return fanout()


def _warm_up(go: Callable[[Sequence[Shard]], list[ShardReport]], resources: Resources, number: int) -> None:
    """Let workers work until each has its model: the first that is up takes what another's start leaves waiting."""
    for turn in range(WARM_UPS):
        reports = go(shards(resources, f"warm {turn} ray {number}", number, 1))
        if len({report.worker for report in reports}) == number and not any(report.loads for report in reports):
            return


def shards(resources: Resources, name: str, clips: int, size: int) -> list[Shard]:
    """Plan a campaign and return its shards, with a run that they belong to."""
    catalogue, card = catalogue_of(resources), card_of(resources, "starter")
    campaign = Campaign(name, name.encode().hex().rjust(64, "0"), (Brief(2, "fan", (PROMPT,)),))
    catalogue.campaigns.add(campaign, {})
    seeds = (crc32(f"{name} {number}".encode()) for number in range(clips))
    variants = [
        Variant(
            card.name,
            card.weights.revision,
            PROMPT,
            "",
            seed,
            90,
            160,
            17,
            8,
            card.defaults.num_inference_steps,
            card.defaults.guidance_scale,
            recipe=card.recipe("exact"),
        )
        for seed in seeds
    ]
    catalogue.campaigns.add_variants(
        campaign.campaign_id,
        [PlannedVariant("fan", Placement("generic", "16:9"), each, each.variant_id) for each in variants],
    )
    run_id = catalogue.runs.begin(campaign.campaign_id, name, "benchmark")
    found = Remaining(resources, campaign.campaign_id, 0.25).shards(size, run_id)
    catalogue.runs.set_waiting_shards(run_id, len(found))
    return found
