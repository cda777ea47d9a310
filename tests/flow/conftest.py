"""One Prefect server for all flow tests, and a separate home for each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_scorer import FakeScorer

from flows import registration
from flows.settings import prepare_prefect
from models.fake import FakeGenerator
from tasks.runtime import resources as resources


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start Prefect's test harness once; it takes twelve seconds."""
    prepare_prefect(tmp_path_factory.mktemp("prefect"))
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        from prefect.settings import PREFECT_API_URL

        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value()
        yield
        del os.environ["PREFECT_API_URL"]


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
    monkeypatch.setattr(resources, "open_generator", lambda *_, **__: generator)
    monkeypatch.setattr(resources, "open_scorer", lambda *_, **__: FakeScorer())
    monkeypatch.setattr(registration, "weights_problem", lambda *_: None)
    return generator


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
