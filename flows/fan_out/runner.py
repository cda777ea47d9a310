"""The task runner for shards: threads of this process, or a Ray cluster."""

import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from adapters.child_python import ray_job_config
from flows.fan_out.worker_environment import worker_environment
from flows.settings import Settings
from manifests.errors import SettingsError
from models.card import ModelCard
from tasks.runtime.devices import devices_of
from tasks.runtime.resources import Resources

WORKERS = 16
"""Threads of the task runner; each device runs one shard at a time, and the other threads wait."""
ANSWER_S = 5.0
DEMAND = 64
"""Shards submitted to an autoscaling cluster, which adds workers based on waiting work."""
STORE_BYTES = 200_000_000
"""Size of Ray's object store on a single machine: shards and reports are small, and frames are never sent."""


@contextmanager
def device_runner(settings: Settings, cards: Iterable[ModelCard]) -> Iterator[TaskRunner[Any]]:
    """Yield the started task runner for shards.

    Raises:
        SettingsError: Ray is not installed, does not respond, or has no worker with enough resources for a card.
    """
    if settings.runner == "threads":
        threads: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=WORKERS)
        with threads:
            yield threads
        return
    with _ray_runner(settings) as ray:
        for card in cards:
            _check_fit(settings, card)
        yield ray


def options_for(settings: Settings, card: ModelCard, attempts: int) -> Any:
    """Return the context for submitting the shards of a card.

    ``max_calls=0`` keeps the worker process and its model; with GPUs, Ray would otherwise end it after each task.
    ``max_retries`` only counts lost workers; a variant that causes them is quarantined after ``attempts``.
    """
    if settings.runner == "threads":
        return nullcontext()
    from prefect_ray.context import remote_options

    return remote_options(
        num_gpus=card.worker.num_gpus,
        num_cpus=card.worker.num_cpus,
        max_calls=0,
        max_retries=attempts + 1,
        scheduling_strategy="SPREAD",
    )


def max_in_flight(settings: Settings, resources: Resources, cards: Collection[ModelCard]) -> int:
    """Return how many shards may be submitted at a time: enough that no device waits for the driver.

    Submitted shards cannot be withdrawn, even if an earlier one failed for a reason that affects all of them.
    """
    if settings.runner == "threads":
        return min(WORKERS, len(devices_of(resources)) + 1)
    if settings.ray_autoscales:
        return DEMAND  # the cluster grows with the waiting work
    return max(2, 2 * number_of_devices(settings, resources, cards))


def number_of_devices(settings: Settings, resources: Resources, cards: Collection[ModelCard]) -> int:
    """Return how many shards can run at the same time at present."""
    if settings.runner == "threads":
        return min(WORKERS, len(devices_of(resources)))
    return sum(max(_room(worker, card) for card in cards) for worker in _workers())


def is_lost_worker(error: BaseException) -> bool:
    """Return whether Ray reports that a shard was lost with its worker, after retries; the shard may be run again."""
    ray = sys.modules.get("ray")
    return ray is not None and isinstance(error, ray.exceptions.RayError)


@contextmanager
def _ray_runner(settings: Settings) -> Iterator[TaskRunner[Any]]:
    try:
        from prefect_ray import RayTaskRunner
    except ImportError:
        raise SettingsError(
            "Ray is not installed. Run `pip install 'reelmill[ray]'`, or set REELMILL_RUNNER to threads."
        ) from None
    _check_reachable(settings.ray_address)
    options = {"log_to_driver": False, "logging_level": "ERROR", "job_config": ray_job_config()}
    cluster: AbstractContextManager[dict[str, Any]] = nullcontext({}) if settings.ray_address else _own_cluster()
    with cluster as own:
        runner: TaskRunner[Any] = RayTaskRunner(address=settings.ray_address or "local", init_kwargs={**options, **own})
        try:
            with nullcontext() if settings.ray_address else worker_environment(settings):
                started = runner.__enter__()
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise _unreachable(settings.ray_address, first_line(error)) from error
        try:
            yield started
        finally:
            runner.__exit__(None, None, None)


@contextmanager
def _own_cluster() -> Iterator[dict[str, Any]]:
    """Yield the options of a cluster for one run on this machine, which no other user can use.

    Ray listens on all interfaces and runs the code of every client as this user, so it must require a token. By
    default, all users of this machine can read the token in ~/.ray. Ray reads the token once, so this process keeps it.
    Ray makes its folder writable for everyone; this is harmless in a folder that only this user can enter.
    """
    if not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        # A short name: the paths of Ray's sockets may have 107 bytes.
        yield {"include_dashboard": False, "object_store_memory": STORE_BYTES, "_temp_dir": str(Path(folder, "r"))}


def _check_reachable(address: str) -> None:
    """Check that the head accepts connections; Ray itself would retry for minutes."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if not place.port or not place.hostname:
        return  # empty or ``auto``: Ray finds the cluster
    try:
        socket.create_connection((place.hostname, place.port), timeout=ANSWER_S).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error message, shortened; Ray's messages are long."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _unreachable(address: str, why: str) -> SettingsError:
    return SettingsError(
        f"The Ray cluster {address or 'of this machine'} does not respond ({why}). Start it with `ray start`, or "
        "correct REELMILL_RAY_ADDRESS."
    )


def _check_fit(settings: Settings, card: ModelCard) -> None:
    """Check that a card fits on some worker; otherwise, its shards would wait forever."""
    if settings.ray_autoscales:
        return
    if not any(_room(worker, card) for worker in _workers()):
        raise SettingsError(
            f"No worker of the Ray cluster {settings.ray_address or 'of this machine'} has the "
            f"{card.worker.num_gpus:g} GPUs and {card.worker.num_cpus:g} CPUs that the card {card.name} needs. Add a "
            "worker that has them, change `worker` in the card, or set REELMILL_RAY_AUTOSCALES if the cluster adds "
            "workers on demand."
        )


def _workers() -> list[Mapping[str, float]]:
    """Return the resources of each live node."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _room(worker: Mapping[str, float], card: ModelCard) -> int:
    """Return how many shards of a card fit on a node at the same time."""
    need = {"GPU": card.worker.num_gpus, "CPU": card.worker.num_cpus}
    return int(min(worker.get(kind, 0) / number for kind, number in need.items() if number))
