"""What runs shards, and what of it is told before any is submitted; real clusters are in tests/faults."""

import socket
import sys
from collections import deque
from collections.abc import Callable

import engine_variants
import pytest

from flows.runtime.dispatch import BARREN, Wave
from flows.runtime.runner import device_runner, first_line, options_for
from flows.settings import Settings
from manifests.errors import BrokenDeviceError, BucketError, SettingsError
from models.registry import load_cards
from tasks.plan.shard import Job, Shard
from tasks.render.render import ShardReport
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

STARTER = load_cards()["starter"]


def test_a_head_that_nobody_listens_at_is_told_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port meanwhile
        settings = Settings(runner="ray", ray_address=f"127.0.0.1:{taken.getsockname()[1]}")
        with (
            pytest.raises(SettingsError, match=r"does not answer .*mend REELMILL_RAY_ADDRESS"),
            device_runner(settings, [STARTER]),
        ):
            pytest.fail("nothing runs here")


def test_a_missing_ray_is_told_with_its_mend(monkeypatch):
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    with (
        pytest.raises(SettingsError, match=r"pip install 'reelmill\[ray\]'"),
        device_runner(Settings(runner="ray"), [STARTER]),
    ):
        pytest.fail("nothing runs here")


def test_ray_keeps_processes_warm_and_gives_what_the_card_asks():
    from prefect_ray.context import RemoteOptionsContext

    card = STARTER.model_copy(update={"worker": STARTER.worker.model_copy(update={"num_gpus": 0.5, "num_cpus": 2})})
    with options_for(Settings(runner="ray"), card, attempts=5):
        options = RemoteOptionsContext.get().current_remote_options
    assert (options["num_gpus"], options["num_cpus"], options["max_calls"]) == (0.5, 2, 0)
    assert options["max_retries"] > 5, "a variant that kills its worker must be quarantined before Ray gives up"
    with options_for(Settings(), card, attempts=5):
        assert RemoteOptionsContext.get().current_remote_options == {}


class Future:
    """A future of Prefect's that has ended."""

    def __init__(self, outcome: ShardReport | Exception) -> None:
        self._outcome = outcome

    def add_done_callback(self, callback: Callable[["Future"], None]) -> None:
        callback(self)

    def result(self) -> ShardReport:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class Runner:
    """Ends each shard as it was told, at once."""

    def __init__(self, *outcomes: ShardReport | Exception) -> None:
        self._outcomes = deque(outcomes)

    def submit(self, *_) -> Future:
        return Future(self._outcomes.popleft())

    @property
    def left(self) -> int:
        return len(self._outcomes)


DONE = ShardReport(1, 0, 0, 1.0)


def wave_of(runner: Runner, resources: Resources) -> Wave:
    jobs = (Job(engine_variants.variant("starter"), "a" * 32, ("row-2",), 0.2),)
    return Wave(Settings(), resources, runner, [Shard("c", jobs, {}, (), 0.25)] * runner.left)


@pytest.fixture
def resources(tmp_path) -> Resources:
    return Resources(
        "sqlite://", BucketConfig(str(tmp_path)), SignerConfig("development", tmp_path), tmp_path, devices=("cpu",)
    )


def test_all_shards_are_submitted_and_reported(resources):
    runner = Runner(*[DONE] * 9)
    wave = wave_of(runner, resources)
    wave.roll()
    assert len(wave.reports) == 9
    assert not wave.gave_way


def test_a_lost_worker_is_told_apart_from_what_failed(resources):
    from ray.exceptions import WorkerCrashedError

    wave = wave_of(Runner(DONE, WorkerCrashedError(), DONE), resources)
    wave.roll()
    assert wave.reports == [DONE, DONE]
    assert isinstance(wave.lost, WorkerCrashedError)
    assert BARREN > 1


@pytest.mark.parametrize(("trouble", "most_tried"), [(BucketError("refused"), 3), (BrokenDeviceError("burnt"), 4)])
def test_what_all_would_meet_is_not_tried_with_all(resources, trouble, most_tried):
    runner = Runner(*[trouble] * 100)
    with pytest.raises(type(trouble), match=str(trouble)):
        wave_of(runner, resources).roll()
    assert 100 - runner.left <= most_tried


def test_a_broken_device_does_not_stop_the_others(resources):
    runner = Runner(BrokenDeviceError("burnt"), *[DONE] * 20)
    with pytest.raises(BrokenDeviceError):
        wave_of(runner, resources).roll()
    assert runner.left == 0


def test_no_more_is_submitted_once_others_go_first(resources):
    runner = Runner(DONE, DONE._replace(why_ended="others"), *[DONE] * 50)
    wave = wave_of(runner, resources)
    wave.roll()
    assert wave.gave_way
    assert runner.left >= 48


def test_of_what_ray_says_the_first_line_is_told():
    assert first_line(RuntimeError("it died\nat length")) == "it died"
    assert first_line(RuntimeError()) == "RuntimeError"
