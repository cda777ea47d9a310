"""1, 2 and 4 sleeping devices with the real steps of a shard, as local processes and as workers of a Ray cluster."""

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

from benchmarks.fanout import forks
from benchmarks.harness import stubs
from flows.fan_out.renderer_resources import localise_resources
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings, prepare_prefect
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from tasks.plan.remaining import Remaining
from tasks.plan.shard import Shard
from tasks.render.render import ShardReport, render_shard
from tasks.runtime.resources import Resources, catalogue_of, close_resources, local_card_of

WORKERS = (1, 2, 4)
CLIPS = 32
SHARD = 8
CLIP_S = 1.0
PROMPT = "a red circle drifting right on a white background"
READY_S = 180.0
WARM_UPS = 6


class Fan(NamedTuple):
    """Measurements of a number of workers that process CLIPS clips.

    Attributes:
        cpu_ms: Processor time of the workers for each clip. 0 if not measured.
        connections: Catalogue connections of each worker at the end. 0 if not counted.
        cold: Number of models loaded during the measurement.
    """

    workers: int
    seconds: float
    cpu_ms: float = 0.0
    connections: float = 0.0
    cold: int = 0

    @property
    def busy(self) -> float:
        """Share of the time in which a device was busy, that is, slept."""
        return CLIPS * CLIP_S / (self.workers * self.seconds)

    def efficiency(self, one: "Fan") -> float:
        """Return the efficiency compared with one worker: 1 is linear scaling."""
        return one.seconds / (self.workers * self.seconds)


@contextmanager
def bench(home: Path, catalogue_url: str) -> Iterator[Settings]:
    """Yield the settings of a separate installation that ignores the operator's environment variables."""
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
    """Measure each number of processes. A free process starts the next shard."""
    resources = resources_of(settings)
    catalogue_of(resources)  # create the tables before the workers compete for them
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
    """Return the number of connections to the database, without those of this process."""
    close_resources()
    gc.collect()  # an unreferenced catalogue closes its connections when it is collected
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
    """Return the measurements after checking that all clips were generated and all workers took part.

    Raises:
        RuntimeError: A clip or a worker is missing.
    """
    passed, workers = sum(report.passed for report in reports), len({report.worker for report in reports})
    if (passed, workers) != (CLIPS, number):
        raise RuntimeError(f"expected {CLIPS} clips from {number} workers, got {passed} clips from {workers}")
    return Fan(number, seconds, cold=sum(report.loads for report in reports))


def by_ray(settings: Settings) -> list[Fan]:
    """Measure each number of workers as tasks of a flow, on a local Ray cluster of that size."""
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
        runtime_env={
            "worker_process_setup_hook": "benchmarks.harness.stubs.install",
            "env_vars": {"PYTHONPATH": os.getcwd()},
        },
    )
    try:
        return _flow(settings, number)
    finally:
        ray.shutdown()


def _flow(settings: Settings, number: int) -> Fan:
    from prefect import flow
    from prefect.futures import wait

    from flows.fan_out.runner import device_runner, options_for
    from tasks.render.render_task import render

    resources = resources_of(settings)
    card = local_card_of(resources, "starter")

    def go(runner: Any, work: Sequence[Shard]) -> list[ShardReport]:
        with options_for(settings, card, resources.attempts):
            futures = [
                runner.submit(render, {"resources": resources, "shard": shard, "localise": localise_resources})
                for shard in work
            ]
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
    """Run shards until every worker has loaded its model. The first workers to start may run several of them."""
    for turn in range(WARM_UPS):
        reports = go(shards(resources, f"warm {turn} ray {number}", number, 1))
        if len({report.worker for report in reports}) == number and not any(report.loads for report in reports):
            return


def shards(resources: Resources, name: str, clips: int, size: int) -> list[Shard]:
    """Plan a campaign, begin a run and return its shards."""
    catalogue, card = catalogue_of(resources), local_card_of(resources, "starter")
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
