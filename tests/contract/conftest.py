"""New catalogues on each database engine, and fast runs of hosted models."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import database
from hosted_world import accept_every_clip, hurry

from adapters.catalogue import Catalogue, open_catalogue
from models.hosted import kling
from tasks.render.hosted import lane
from tasks.runtime.resources import close_resources


@pytest.fixture(scope="session")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new catalogue. Copying it is faster than running the migrations."""
    path = tmp_path_factory.mktemp("catalogue") / "new.db"
    open_catalogue(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def new_database(postgres_server_url: str) -> Iterator[str]:
    """The name of a new catalogue's database. Copying it is faster than running the migrations."""
    with database(postgres_server_url) as url:
        open_catalogue(url).close()
        yield url.rpartition("/")[2]


@pytest.fixture
def new_sqlite_url(new_file: Path, tmp_path: Path) -> str:
    path = tmp_path / "catalogue" / "catalogue.db"
    path.parent.mkdir()
    shutil.copy(new_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def new_postgres_url(postgres_server_url: str, new_database: str) -> Iterator[str]:
    with database(postgres_server_url, new_database) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue(request: pytest.FixtureRequest) -> Iterator[Catalogue]:
    """An open new catalogue on each engine."""
    name = "new_sqlite_url" if request.param == "sqlite" else "new_postgres_url"
    with open_catalogue(request.getfixturevalue(name)) as opened:
        yield opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Accept every clip of a hosted model, and wait for milliseconds only."""
    lane.stopping.clear()
    accept_every_clip(monkeypatch)
    hurry(monkeypatch)
    monkeypatch.setattr(kling, "LOOK_AGAIN_S", 0.05)
    yield
    close_resources()
