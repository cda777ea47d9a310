"""Kill the process of a hosted lane with SIGKILL at any step and run it again: every clip is billed once."""

import itertools
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from hosted_world import World, accept_every_clip, hurry, paid
from vendor_server import VendorServer

from adapters.catalogue.work.provider_jobs import ProviderJobs
from manifests.hosted.job import JobState
from manifests.states import State
from models.hosted import kling
from tasks.render.hosted.provider import Provider
from tasks.runtime import resources as resources_module

PROMPTS = tuple("abcde")
POINTS = [
    *((Provider, "submit", is_before) for is_before in (True, False)),
    *((ProviderJobs, "submitted", is_before) for is_before in (True, False)),
    *((ProviderJobs, "done", is_before) for is_before in (True, False)),
    *((Provider, "fetch", is_before) for is_before in (True, False)),
    (ProviderJobs, "fetched", False),
    *((ProviderJobs, "done_and_reserve", is_before) for is_before in (True, False)),
]
"""A call of the engine, and whether the process is killed before it or after it."""
CARDS: dict[str, tuple[str, dict[str, Any]]] = {
    "searched by our reference": ("kling", paid("external_id")),
    "left to a person": ("runway", paid("none", limits_of_account={"concurrency": 10})),
    "free": ("openai_videos", {}),
}


QUICK = (1, 3, 5, 10)
"""Points that are not left to ``make test-slow``: each process takes seconds to start."""


def parameters(points: Sequence[Any], quick: Collection[int] = QUICK) -> list[Any]:
    """Return the points as parameters; all but the quick ones are slow."""
    return [
        pytest.param(
            each, marks=() if index in quick else pytest.mark.slow, id=f"{'before' if each[2] else 'after'} {each[1]}"
        )
        for index, each in enumerate(points)
    ]


def world_of(folder: Path, base_url: str, card: str) -> World:
    protocol, changes = CARDS[card]
    return World(folder, base_url, protocol, prompts=PROMPTS, **changes)


def run(folder: Path, base_url: str, card: str, point: tuple[type, str, bool] | None) -> None:
    """Run the lane in this process, and kill it at the third call of the point, or the first one if there are few."""
    patch = pytest.MonkeyPatch()
    accept_every_clip(patch)
    hurry(patch)
    patch.setattr(kling, "LOOK_AGAIN_S", 0.05)
    world = world_of(folder, base_url, card)
    if point:
        owner, name, is_before = point
        patch.setattr(owner, name, killing(getattr(owner, name), is_before, 1 if name == "done_and_reserve" else 3))
    world.run()


def killing(call: Callable[..., Any], is_before: bool, last: int) -> Callable[..., Any]:
    """Return a call that kills the process at its use of this number."""
    calls = itertools.count(1)

    def killed(*args: Any, **kwargs: Any) -> Any:
        number = next(calls)
        if is_before and number == last:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return killed


def in_child(*args: Any) -> int | None:
    child = multiprocessing.get_context("spawn").Process(target=run, args=args)
    child.start()
    child.join(60)
    return child.exitcode


@pytest.fixture(autouse=True)
def own_resources():
    """Open no resources before or after the test."""
    resources_module.close_resources()
    yield
    resources_module.close_resources()


@pytest.mark.parametrize("point", parameters(POINTS))
def test_every_clip_is_billed_once(tmp_path, point):
    card = "searched by our reference"
    with VendorServer("kling", job_s=0.05) as vendor:
        assert in_child(tmp_path, vendor.base_url, card, point) == -signal.SIGKILL, "the point was not reached"
        assert in_child(tmp_path, vendor.base_url, card, None) == 0
        assert vendor.billed == Counter(PROMPTS)
    world = world_of(tmp_path, vendor.base_url, card)
    assert world.states == [State.PASSED] * len(PROMPTS)
    assert {job.state for job in world.jobs} <= {JobState.DONE, JobState.CANCELLED}
    assert sum(job.cost_micros or 0 for job in world.jobs) == len(PROMPTS) * 420_000
    assert all(row.tries <= 1 for row in world.rows)


@pytest.mark.parametrize("point", parameters(POINTS[:4], (1,)))
def test_what_cannot_be_searched_for_is_left_to_a_person(tmp_path, point):
    card = "left to a person"
    with VendorServer("runway", job_s=0.05) as vendor:
        assert in_child(tmp_path, vendor.base_url, card, point) == -signal.SIGKILL, "the point was not reached"
        assert in_child(tmp_path, vendor.base_url, card, None) == 0
        assert max(vendor.billed.values()) == 1
    world = world_of(tmp_path, vendor.base_url, card)
    uncertain = [job for job in world.jobs if job.state is JobState.UNCERTAIN]
    assert world.states.count(State.PASSED) == len(PROMPTS) - len(uncertain)
    assert all("ended before the provider's answer was stored" in job.error for job in uncertain)


@pytest.mark.parametrize("point", parameters(POINTS, ()))
def test_a_free_server_ends_with_all_clips(tmp_path, point):
    with VendorServer("openai_videos", job_s=0.05) as vendor:
        assert in_child(tmp_path, vendor.base_url, "free", point) == -signal.SIGKILL, "the point was not reached"
        assert in_child(tmp_path, vendor.base_url, "free", None) == 0
    assert world_of(tmp_path, vendor.base_url, "free").states == [State.PASSED] * len(PROMPTS)
