"""Real services for the tests, started on loopback."""

import gc
import logging
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import s3_server
from databases import database
from services import missing_service

from adapters.catalogue.core import engine
from adapters.files import umask
from benchmarks.harness import postgres
from tasks.runtime.logs.redaction import redact

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Torch's threads spin while they wait, so one thread is the fastest on a busy machine."""
os.environ.pop("COLUMNS", None)
"""xdist's workers set it to 80, and then the output of commands is wrapped."""
gc.disable()
"""While libraries are imported, collections find no garbage; `pytest_collection_finish` enables them again."""
signal.signal(signal.SIGINT, signal.default_int_handler)
"""Background jobs of a shell ignore it, and so do the processes that they start."""


BROWSER_LATER = ("tests/browser/test_gallery.py", "tests/browser/test_pages.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run two browser files later: the first one generates the campaign that all of them copy."""
    later = [item for item in items if item.nodeid.startswith(BROWSER_LATER)]
    if len(later) < len(items):
        others = [item for item in items if not item.nodeid.startswith(BROWSER_LATER)]
        place = next((i for i, item in enumerate(others) if item.nodeid.startswith("tests/flow/")), len(others))
        items[:] = [*others[:place], *later, *others[place:]]


def pytest_collection_finish() -> None:
    """Exclude the objects of imported libraries from garbage collections, which then take a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()


PREPARE_SQLITE = engine._prepare_sqlite


@pytest.fixture(autouse=True, scope="session")
def no_fsync() -> Iterator[None]:
    """Skip fsync: killed processes lose no data without it, and no test simulates a power failure."""
    fsync = os.fsync

    def prepare_without_sync(connection: sqlite3.Connection, record: object) -> None:
        PREPARE_SQLITE(connection, record)
        connection.execute("PRAGMA synchronous=OFF").close()

    engine._prepare_sqlite, os.fsync = prepare_without_sync, lambda _: None
    yield
    engine._prepare_sqlite, os.fsync = PREPARE_SQLITE, fsync


@pytest.fixture(autouse=True)
def secrets_of_one_test() -> Iterator[None]:
    """Forget the secrets that a test has taught the redaction of this process."""
    forms, known = redact._forms, redact._known
    redact._forms = set(forms)
    yield
    redact._forms, redact._known = forms, known


@pytest.fixture(autouse=True)
def umask_of_one_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin with the umask of the user: opening a home changes it for the whole process."""
    monkeypatch.setattr(umask, "_of_user", None)
    monkeypatch.delenv(umask.VARIABLE, raising=False)
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def durable_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open SQLite as the product does, with its waits for the disk."""
    monkeypatch.setattr(engine, "_prepare_sqlite", PREPARE_SQLITE)


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """The URL of a running PostgreSQL server, without a database name."""
    binaries = postgres.find_binaries()
    if binaries is None:
        missing_service("PostgreSQL (Debian's package postgresql)")
    with postgres.running(binaries) as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with database(postgres_server_url) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    """The URL of a database file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'catalogue' / 'catalogue.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database on each engine."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of moto's S3 server."""
    try:
        from moto.server import ThreadedMotoServer
    except ImportError:
        missing_service("moto's server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_bucket_name(s3_endpoint: str) -> str:
    """The name of an empty S3 bucket."""
    return s3_server.new_bucket(s3_endpoint)


@pytest.fixture(scope="session")
def prefect_home(pytestconfig: pytest.Config) -> Callable[[Path], Path]:
    """Return a function that prepares a home in which Prefect's server starts without creating its tables."""

    def prepare(home: Path) -> Path:
        from prefect_database import migrated_database

        (home / "prefect").mkdir(parents=True)
        shutil.copy(migrated_database(pytestconfig.cache), home / "prefect" / "prefect.db")
        return home

    return prepare
