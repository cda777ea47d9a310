"""The audit detects damage: in tampered worlds, and after steps in the wrong order."""

import shutil
import signal
import sqlite3
from pathlib import Path

import pytest
from audit import Findings
from campaign_run import World, finish, start
from kill_points import RESULTS, KillPoint, install

import tasks.deliver.deliver
import tasks.deliver.sign
from adapters.catalogue import Catalogue, Lease, SignedFacts
from adapters.catalogue.work.results import Results
from tasks.deliver.publish import publish_clip, uploads_of
from tasks.runtime.resources import BucketConfig, Resources, bucket_of, catalogue_of


def world_in(home: Path) -> World:
    return World(home, f"sqlite:///{home / 'catalogue.db'}", BucketConfig(str(home / "bucket")))


@pytest.fixture(scope="module")
def finished_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = world_in(tmp_path_factory.mktemp("finished"))
    assert finish(start(world)) == 0
    return world


def published(world: World, suffix: str) -> Path:
    return next(Path(world.bucket.location).rglob(f"*{suffix}"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change(world: World, statement: str) -> None:
    connection = sqlite3.connect(world.catalogue_url.removeprefix("sqlite:///"), isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement)
    connection.close()


TAMPERINGS = {
    "a clip is gone": (lambda w: published(w, ".mp4").unlink(), {"missing": 1}),
    "a sidecar is gone": (lambda w: published(w, ".c2pa").unlink(), {"missing": 1}),
    "a clip has a changed byte": (lambda w: flip(published(w, ".mp4")), {"corrupt": 2}),
    "a poster has a changed byte": (lambda w: flip(published(w, ".jpg")), {"corrupt": 1}),
    "a file that was never committed": (
        lambda w: published(w, ".jpg").with_name("stray.jpg").write_bytes(b"x"),
        {"orphaned": 1},
    ),
    "a clip under two keys": (
        lambda w: (clip := published(w, ".mp4")).with_name(f"{clip.stem}-again.mp4").write_bytes(b"x"),
        {"orphaned": 1, "doubled": 1},
    ),
    "a variant stuck in signing": (
        lambda w: change(w, "UPDATE variants SET state = 'signing' WHERE state = 'published'"),
        {"corrupt": 2, "unfinished": 2},
    ),
    "a lease that was never released": (
        lambda w: change(w, "UPDATE variants SET lease_owner = 'x' WHERE state = 'failed'"),
        {"unfinished": 2},
    ),
    "an event that was rewritten": (
        lambda w: change(w, "UPDATE events SET to_state = 'failed' WHERE to_state = 'passed'"),
        {"corrupt": 2},
    ),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_each_kind_of_damage_is_detected(finished_world, findings_of, tmp_path: Path, tampering: str):
    shutil.copytree(finished_world.home, tmp_path / "copy")
    world = world_in(tmp_path / "copy")
    assert findings_of(world) == Findings()
    damage, counts = TAMPERINGS[tampering]
    damage(world)
    assert findings_of(world).counts == counts


class UploadsFirst(Results):
    """Commits keys only after the upload, which is the wrong order."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(catalogue_of(resources).database)
        self._resources = resources

    def mark_signing(self, lease: Lease, facts: SignedFacts) -> None:
        for upload in uploads_of(self._resources, lease, facts):
            bucket_of(self._resources).put_new(
                upload.key, upload.path, content_type="video/mp4", cache_control="no-store", sha256=upload.sha256
            )
        super().mark_signing(lease, facts)


def upload_first(point: KillPoint | None) -> None:
    def catalogue_that_uploads_first(resources: Resources) -> Catalogue:
        catalogue = Catalogue(catalogue_of(resources).database)
        catalogue.results = UploadsFirst(resources)
        return catalogue

    vars(tasks.deliver.sign).update(catalogue_of=catalogue_that_uploads_first)
    if point:
        install(point)


def commit_first(point: KillPoint) -> None:
    def publish(resources: Resources, lease: Lease, facts: SignedFacts) -> str:
        catalogue_of(resources).results.mark_published(lease, bucket_of(resources).url(facts.key))
        return publish_clip(resources, lease, facts)

    vars(tasks.deliver.deliver).update(publish_clip=publish)
    install(point)


def test_uploading_before_the_commit_is_detected(world, findings_of):
    point = KillPoint("before", f"{RESULTS}.mark_signing")
    assert finish(start(world, upload_first, point)) == -signal.SIGKILL
    assert finish(start(world, upload_first, None)) == 0
    assert findings_of(world).counts == {"orphaned": 4, "doubled": 1}


def test_marking_published_before_the_upload_is_detected(world, findings_of):
    assert finish(start(world, commit_first, KillPoint("after", f"{RESULTS}.mark_published"))) == -signal.SIGKILL
    assert finish(start(world)) == 0
    assert findings_of(world).counts == {"missing": 4}
