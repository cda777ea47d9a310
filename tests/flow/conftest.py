"""One Prefect server for all flow tests, and a separate home for each test."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from fake_scorer import FakeScorer
from filelock import FileLock
from shared_prefect import shared_server

from flows import registration
from flows.prefect import embedded_server
from flows.settings import prepare_prefect
from models.fake import FakeGenerator
from tasks.runtime import devices as devices_module
from tasks.runtime import resources as resources
from tasks.runtime.device_use.meter import DeviceMeter


@pytest.fixture(scope="session")
def prefect_server(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, prefect_home: Callable[[Path], Path]
) -> Iterator[None]:
    """Make the Prefect server of all test processes the server of this one; it is the kind that commands start."""
    base, session_pid = tmp_path_factory.getbasetemp(), os.getpid()
    if worker_id != "master":
        base, session_pid = base.parent, os.getppid()
    home = base / "prefect-home"
    with FileLock(f"{home}.prepared"):
        if not home.exists():
            prefect_home(home)
    prepare_prefect(home)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in shared_server(home, session_pid).items():
            environment.setenv(name, value)
        with _used():
            yield


@pytest.fixture(scope="module")
def full_prefect_server(
    tmp_path_factory: pytest.TempPathFactory, prefect_home: Callable[[Path], Path]
) -> Iterator[None]:
    """Start a Prefect server with schedules, automations and stored events, as `reelmill up` does."""
    with pytest.MonkeyPatch.context() as environment:
        for name in embedded_server.DEFAULTS:
            environment.setenv(name, "true")
        for name in (*embedded_server.CREDENTIALS, "PREFECT_HOME"):  # those of the other server
            environment.delenv(name, raising=False)
        home = prefect_home(tmp_path_factory.mktemp("prefect") / "home")
        prepare_prefect(home)
        with embedded_server.prefect_server(home), _used():
            yield


@contextmanager
def _used() -> Iterator[None]:
    """Use the server in PREFECT_API_URL in all threads of this process, whose settings are older than the variable."""
    from prefect import settings
    from prefect.context import _temporary_global_settings_context, get_settings_context

    updates = {getattr(settings, name): os.environ[name] for name in embedded_server.CREDENTIALS}
    updates[settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY] = None
    with settings.temporary_settings(updates), _temporary_global_settings_context(get_settings_context()):
        _send_logs_and_events()  # new background threads connect to this server
        yield
        _send_logs_and_events()


def _send_logs_and_events() -> None:
    """Send what Prefect's background threads have queued, and end them."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    with suppress(RuntimeError):  # the worker was not started
        APILogWorker.instance().drain()
    EventsWorker.drain_all()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A new REELMILL_HOME; no other setting is set, and no resources are open before or after the test."""
    for name in list(os.environ):
        if name.startswith("REELMILL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    resources.close_resources()
    yield tmp_path / "home"
    resources.close_resources()


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> FakeGenerator:
    """Replace the models by fakes; return the generator, on which tests can plan failures."""
    generator = FakeGenerator()
    monkeypatch.setattr(devices_module, "open_generator", lambda *_, **__: generator)
    monkeypatch.setattr(resources, "open_scorer", lambda *_, **__: FakeScorer())
    monkeypatch.setattr(registration, "weights_problem", lambda *_: None)
    return generator


@pytest.fixture
def reported_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeGenerator], None]:
    """Return a function after which meters count the time that a generator reports, though no device worked."""

    def count(generator: FakeGenerator) -> None:
        meter = partial(DeviceMeter, clock=lambda: time.monotonic() / 1000 + generator.worked_s)
        monkeypatch.setattr(devices_module, "DeviceMeter", meter)

    return count


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A sheet with two briefs: one with axes, and one that needs two of four variants."""
    path = tmp_path / "spring.csv"
    path.write_text(
        "brief_id,prompt,placements,variants,want,colour\n"
        "circle,a {colour} circle on a white background,16:9|tiktok,2,,red|blue\n"
        "cup,a green cup,1:1,4,2,\n"
    )
    return path


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    """A sheet with ten clips of one brief."""
    path = tmp_path / "ten.csv"
    path.write_text("brief_id,prompt,placements,variants\ncircle,a red circle,16:9,10\n")
    return path
