"""Runners of shards, and errors that are raised before submission; tests/faults uses real clusters."""

import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import engine_variants
import pytest

from flows.fan_out import dispatch
from flows.fan_out.dispatch import MAX_FRUITLESS, Wave
from flows.fan_out.runner import device_runner, first_line, options_for
from flows.settings import Settings
from manifests.errors import BrokenDeviceError, BucketError, CatalogueUnreachableError, SettingsError
from models.registry import load_cards
from tasks.plan.shard import Job, Shard
from tasks.render.render import ShardReport
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

STARTER = load_cards()["starter"]


def test_an_unreachable_ray_head_is_reported_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening, so that no other process gets the port
        settings = Settings(runner="ray", ray_address=f"127.0.0.1:{taken.getsockname()[1]}")
        with (
            pytest.raises(SettingsError, match=r"does not respond .*correct REELMILL_RAY_ADDRESS"),
            device_runner(settings, [STARTER]),
        ):
            pytest.fail("a runner was opened")


def test_a_missing_ray_is_reported_with_its_pip_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    with (
        pytest.raises(SettingsError, match=r"pip install 'reelmill\[ray\]'"),
        device_runner(Settings(runner="ray"), [STARTER]),
    ):
        pytest.fail("a runner was opened")


def test_ray_keeps_processes_warm_and_reserves_what_the_card_requires():
    from prefect_ray.context import RemoteOptionsContext

    card = STARTER.model_copy(update={"worker": STARTER.worker.model_copy(update={"num_gpus": 0.5, "num_cpus": 2})})
    with options_for(Settings(runner="ray"), card, attempts=5):
        options = RemoteOptionsContext.get().current_remote_options
    assert (options["num_gpus"], options["num_cpus"], options["max_calls"]) == (0.5, 2, 0)
    assert options["max_retries"] > 5, "Ray gives up before a variant that kills its worker is quarantined"
    with options_for(Settings(), card, attempts=5):
        assert RemoteOptionsContext.get().current_remote_options == {}


class Future:
    """A Prefect future that has completed."""

    def __init__(self, outcome: ShardReport | Exception) -> None:
        self._outcome = outcome

    def add_done_callback(self, callback: Callable[["Future"], None]) -> None:
        callback(self)

    def result(self) -> ShardReport:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class Runner:
    """A runner that ends each shard at once with the given outcome."""

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
    url = f"sqlite:///{tmp_path / 'unused.db'}"
    return Resources(
        url, BucketConfig(str(tmp_path)), SignerConfig("development", tmp_path), tmp_path, devices=("cpu",)
    )


def test_all_shards_are_submitted_and_reported(resources):
    runner = Runner(*[DONE] * 9)
    wave = wave_of(runner, resources)
    wave.run()
    assert len(wave.reports) == 9
    assert not wave.yielded


def test_a_lost_worker_is_distinguished_from_a_failure(resources):
    from ray.exceptions import WorkerCrashedError

    wave = wave_of(Runner(DONE, WorkerCrashedError(), DONE), resources)
    wave.run()
    assert wave.reports == [DONE, DONE]
    assert isinstance(wave.lost, WorkerCrashedError)
    assert MAX_FRUITLESS > 1


@pytest.mark.parametrize(("trouble", "most_tried"), [(BucketError("refused"), 3), (BrokenDeviceError("burnt"), 4)])
def test_an_error_that_affects_every_shard_stops_the_wave_early(resources, trouble, most_tried):
    runner = Runner(*[trouble] * 100)
    with pytest.raises(type(trouble), match=str(trouble)):
        wave_of(runner, resources).run()
    assert 100 - runner.left <= most_tried


def test_a_broken_device_does_not_stop_the_others(resources):
    runner = Runner(BrokenDeviceError("burnt"), *[DONE] * 20)
    with pytest.raises(BrokenDeviceError):
        wave_of(runner, resources).run()
    assert runner.left == 0


def test_a_catalogue_that_is_briefly_away_does_not_end_the_run(resources, monkeypatch):
    """Shards wait for it themselves; the driver only asks it whether idle devices can help."""

    class Later(Future):
        def add_done_callback(self, callback: Callable[[Future], None]) -> None:
            self.end = lambda: callback(self)

    running, looks = Later(DONE), iter((CatalogueUnreachableError("away"), None))

    def look(*_) -> None:
        if error := next(looks):
            raise error
        running.end()

    for name, value in (("shard_to_help", look), ("catalogue_of", lambda _: None), ("LOOK_S", 0.01)):
        monkeypatch.setattr(dispatch, name, value)
    runner = SimpleNamespace(left=1, submit=lambda *_: running)
    wave = wave_of(runner, replace(resources, devices=("one", "two")))
    wave.run()
    assert wave.reports == [DONE]


def test_nothing_is_submitted_after_giving_way_to_another_run(resources):
    runner = Runner(DONE, DONE._replace(why_ended="others"), *[DONE] * 50)
    wave = wave_of(runner, resources)
    wave.run()
    assert wave.yielded
    assert runner.left >= 48


def test_only_the_first_line_of_a_ray_error_is_shown():
    assert first_line(RuntimeError("it died\nat length")) == "it died"
    assert first_line(RuntimeError()) == "RuntimeError"
