"""Worlds for runs that are killed or disconnected: one with local storage, one with servers."""

from collections.abc import Callable
from pathlib import Path

import pytest
import s3_server
from audit import Findings, audit, collect
from campaign_run import World

from tasks.runtime.resources import BucketConfig


@pytest.fixture
def embedded_world(tmp_path: Path, sqlite_url: str) -> World:
    """SQLite and a local folder, as in a default installation."""
    return World(tmp_path, sqlite_url, BucketConfig(str(tmp_path / "bucket")))


@pytest.fixture
def served_world(tmp_path: Path, postgres_url: str, s3_endpoint: str, s3_bucket_name: str) -> World:
    """PostgreSQL and S3, as in production."""
    return World(
        tmp_path,
        postgres_url,
        BucketConfig(f"s3://{s3_bucket_name}/clips", endpoint=s3_endpoint, region="us-east-1", **s3_server.S3_KEYS),
    )


@pytest.fixture(params=["embedded", "served"])
def world(request: pytest.FixtureRequest) -> World:
    """Each of the two worlds."""
    return request.getfixturevalue(f"{request.param}_world")


@pytest.fixture
def findings_of(request: pytest.FixtureRequest) -> Callable[[World], Findings]:
    """Return a function that audits a world."""

    def examine(world: World) -> Findings:
        local = world.bucket.endpoint is None
        objects = (
            _files(Path(world.bucket.location))
            if local
            else _objects(request.getfixturevalue("s3_endpoint"), world.bucket.location)
        )
        anchors = (world.home / "signer" / "root.pem").read_text()
        return audit(collect(world.catalogue_url, objects), world.expected(), anchors, world.expected_deliverables())

    return examine


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.parent.name != ".incoming"}


def _objects(endpoint: str, location: str) -> dict[str, bytes]:
    name, _, prefix = location.removeprefix("s3://").partition("/")
    client = s3_server.client(endpoint)
    listed = client.list_objects_v2(Bucket=name).get("Contents", ())
    return {
        item["Key"].removeprefix(f"{prefix}/"): client.get_object(Bucket=name, Key=item["Key"])["Body"].read()
        for item in listed
    }
