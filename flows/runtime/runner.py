"""What shards are submitted to: threads of this process, or a Ray cluster."""

import socket
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import urlsplit

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.settings import Settings
from manifests.errors import SettingsError
from models.card import ModelCard
from tasks.runtime.resources import Resources, devices_of

WORKERS = 16
"""Threads of the task runner; each device takes one shard at a time, the rest wait their turn."""
ANSWER_S = 5.0
DEMAND = 64
"""Shards that wait in a cluster which adds workers by what waits."""
STORE_BYTES = 200_000_000
"""Ray's object store on a machine of its own: shards and reports are small, frames never go through it."""


@contextmanager
def device_runner(settings: Settings, cards: Iterable[ModelCard]) -> Iterator[TaskRunner[Any]]:
    """Yield the started runner that shards are submitted to.

    Raises:
        SettingsError: Ray is not installed, does not answer, or has no worker that fits one of the cards.
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
    """Return the context in which a card's shards are submitted.

    ``max_calls=0`` keeps the worker's process, and so the model warm: with GPUs Ray would end it after each task.
    ``max_retries`` counts lost workers alone; a variant that loses them is quarantined after ``attempts``.
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


def at_once(settings: Settings, resources: Resources, cards: Collection[ModelCard]) -> int:
    """Return how many shards may be submitted at a time: enough that no device waits for the driver.

    What is submitted cannot be taken back, and what one shard failed of, all that are submitted will try.
    """
    if settings.runner == "threads":
        return min(WORKERS, len(devices_of(resources)) + 1)
    if settings.ray_autoscales:
        return DEMAND  # the cluster grows by what waits
    return max(2, 2 * sum(max(_room(worker, card) for card in cards) for worker in _workers()))


def is_lost_worker(error: BaseException) -> bool:
    """True where Ray says that a shard went with its worker, and its retries as well; the shard may be run again."""
    ray = sys.modules.get("ray")
    return ray is not None and isinstance(error, ray.exceptions.RayError)


@contextmanager
def _ray_runner(settings: Settings) -> Iterator[TaskRunner[Any]]:
    try:
        from prefect_ray import RayTaskRunner
    except ImportError:
        raise SettingsError(
            "The runner ray needs Ray: pip install 'reelmill[ray]', or set REELMILL_RUNNER to threads."
        ) from None
    _check_answer(settings.ray_address)
    own: dict[str, Any] = (
        {} if settings.ray_address else {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    )
    runner: TaskRunner[Any] = RayTaskRunner(
        address=settings.ray_address or "local", init_kwargs={"log_to_driver": False, "logging_level": "ERROR", **own}
    )
    try:
        started = runner.__enter__()
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _silent(settings.ray_address, first_line(error)) from error
    try:
        yield started
    finally:
        runner.__exit__(None, None, None)


def _check_answer(address: str) -> None:
    """Refuse a head that nobody listens at: Ray itself tries for minutes."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if not place.port or not place.hostname:
        return  # empty, or ``auto``: Ray finds its own
    try:
        socket.create_connection((place.hostname, place.port), timeout=ANSWER_S).close()
    except OSError as error:
        raise _silent(address, error.strerror or str(error)) from error


def first_line(error: BaseException) -> str:
    """Return the beginning of what an error says: Ray says much."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _silent(address: str, why: str) -> SettingsError:
    return SettingsError(
        f"The Ray cluster {address or 'of this machine'} does not answer ({why}); start it by "
        "`ray start`, or mend REELMILL_RAY_ADDRESS."
    )


def _check_fit(settings: Settings, card: ModelCard) -> None:
    """Refuse a card that no worker has room for: its shards would wait for ever."""
    if settings.ray_autoscales:
        return
    if not any(_room(worker, card) for worker in _workers()):
        raise SettingsError(
            f"No worker of the Ray cluster {settings.ray_address or 'of this machine'} has the "
            f"{card.worker.num_gpus:g} GPUs and {card.worker.num_cpus:g} CPUs that the card {card.name} asks for; add "
            "such a worker, change `worker` in the card, or set REELMILL_RAY_AUTOSCALES where the cluster adds workers "
            "by itself."
        )


def _workers() -> list[Mapping[str, float]]:
    """Return what each living node has."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _room(worker: Mapping[str, float], card: ModelCard) -> int:
    """Return how many shards of a card a node has room for at once."""
    need = {"GPU": card.worker.num_gpus, "CPU": card.worker.num_cpus}
    return int(min(worker.get(kind, 0) / number for kind, number in need.items() if number))
