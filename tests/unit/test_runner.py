"""What runs shards, and what of it is told before any is submitted; real clusters are in tests/faults."""

import socket
import sys

import pytest

from flows.dispatch import BARREN, results_of
from flows.runner import device_runner, first_line, is_lost_worker, options_for
from flows.settings import Settings
from manifests.errors import BucketError, SettingsError
from models.registry import load_cards
from tasks.render import ShardReport

STARTER = load_cards()["starter"]


def test_a_head_that_nobody_listens_at_is_told_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port meanwhile
        settings = Settings(runner="ray", ray_address=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(SettingsError, match=r"does not answer .*mend REELMILL_RAY_ADDRESS"), \
             device_runner(settings, [STARTER]):
            pytest.fail("nothing runs here")


def test_a_missing_ray_is_told_with_its_mend(monkeypatch):
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    with pytest.raises(SettingsError, match=r"pip install 'reelmill\[ray\]'"), \
         device_runner(Settings(runner="ray"), [STARTER]):
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
        self._final_state = object()
        self._outcome = outcome

    def result(self) -> ShardReport:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def test_a_lost_worker_is_told_apart_from_what_failed():
    from ray.exceptions import WorkerCrashedError

    report = ShardReport(1, 0, 0, 1.0)
    reports, lost = results_of([Future(report), Future(WorkerCrashedError()), Future(report)])
    assert reports == [report, report]
    assert isinstance(lost, WorkerCrashedError)
    with pytest.raises(BucketError, match="refused"):
        results_of([Future(WorkerCrashedError()), Future(BucketError("refused"))])
    assert is_lost_worker(WorkerCrashedError())
    assert not is_lost_worker(BucketError("refused"))
    assert BARREN > 1


def test_of_what_ray_says_the_first_line_is_told():
    assert first_line(RuntimeError("it died\nat length")) == "it died"
    assert first_line(RuntimeError()) == "RuntimeError"
