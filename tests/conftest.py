"""Services for the tests: the real ones, started here, on loopback."""

import logging
import os
import signal
from collections.abc import Iterator

import pytest
import s3_server
from databases import database
from services import missing_service

from benchmarks.harness import postgres

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Torch's threads spin while they wait; beside other work one is the fastest."""
signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell's background jobs ignore it, and with it all that they start."""


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """URL of a running PostgreSQL, without a database name."""
    binaries = postgres.find_binaries()
    if binaries is None:
        missing_service("PostgreSQL (Debian's package postgresql)")
    with postgres.running(binaries) as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """URL of an empty database of its own."""
    with database(postgres_server_url) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    """URL of a database file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'catalogue' / 'catalogue.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue_url(request: pytest.FixtureRequest) -> str:
    """An empty database on each engine in turn."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """URL of moto's S3 over HTTP."""
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
    """Name of an empty S3 bucket of its own."""
    return s3_server.new_bucket(s3_endpoint)
