"""Dispatch the shards of hosted cards: beside devices, on this host, one lane for each card."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from manifests.errors import ProviderError
from models.hosted_card import HostedCard
from tasks.plan.shard import Job, Shard
from tasks.render.hosted.hosted_task import render_hosted
from tasks.render.render import ShardReport
from tasks.runtime.resources import Resources, card_of

MOST_JOBS = 1000
"""Jobs of a shard of a hosted card. Providers do not care about shapes, and larger shards use an account better."""


def is_hosted(resources: Resources, shard: Shard) -> bool:
    """Return whether a provider runs the card of a shard; raises as ``card_of`` does."""
    return isinstance(card_of(resources, shard.card), HostedCard)


def by_card(shards: Iterable[Shard]) -> dict[str, tuple[Shard, ...]]:
    """Return as few shards as possible with the same jobs, by card."""
    found: dict[str, list[Shard]] = {}
    for shard in shards:
        found.setdefault(shard.card, []).append(shard)
    return {card: tuple(_merged(each)) for card, each in found.items()}


def _merged(shards: list[Shard]) -> Iterator[Shard]:
    jobs = [job for shard in shards for job in shard.jobs]
    wants = {goal: want for shard in shards for goal, want in shard.wants.items()}
    for start in range(0, len(jobs), MOST_JOBS):
        few = jobs[start : start + MOST_JOBS]
        yield replace(shards[0], jobs=tuple(few), wants=_wants_of(few, wants))


def _wants_of(jobs: Iterable[Job], wants: dict[str, int]) -> dict[str, int]:
    goals = {goal for job in jobs for goal in job.wanted_by}
    return {goal: want for goal, want in wants.items() if goal in goals}


class HostedLanes:
    """The lanes of hosted cards; a lane that fails does not stop the others.

    Attributes:
        reports: reports of the shards of lanes that have ended.
        provider_failures: why providers cannot be used, by card.
    """

    def __init__(self, runner: TaskRunner[Any], resources: Resources, shards: Iterable[Shard]) -> None:
        self.reports: list[ShardReport] = []
        self.provider_failures: dict[str, ProviderError] = {}
        self._futures: dict[str, PrefectFuture[list[ShardReport]]] = {
            card: runner.submit(render_hosted, {"resources": resources, "card": card, "shards": each})
            for card, each in by_card(shards).items()
        }

    def wait(self) -> None:
        """Wait until all lanes have ended; the failures of providers are only kept.

        Raises:
            ReelmillError: the first failure of this machine.
        """
        failures: list[Exception] = []
        for card, future in self._futures.items():
            try:
                self.reports += future.result()
            except ProviderError as error:
                self.provider_failures[card] = error
            except Exception as error:  # noqa: BLE001 - one is raised at the end
                failures.append(error)
        if failures:
            raise failures[0]


@contextmanager
def hosted_runner(lanes: int) -> Iterator[TaskRunner[Any] | None]:
    """Yield the started task runner for this number of lanes; None for none."""
    if not lanes:
        yield None
        return
    runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=lanes)
    with runner:
        yield runner
