"""The sweeper with a folder and SQLite, and with S3 and PostgreSQL: what it finds, fixes, reports and ignores."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import samples
from decisions import decide
from s3_server import S3_KEYS
from sqlalchemy import update
from sweep_world import DAY_S, OLD_S, SPRING, SweepWorld, aged, content_of

from adapters.bucket import LocalBucket
from adapters.catalogue import SignedFacts
from adapters.catalogue.core.tables import database_now, runs
from adapters.catalogue.views.files import Files
from adapters.catalogue.work.runs import ALIVE_S
from manifests.errors import BucketRefusedError, BucketUnreachableError
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import BucketConfig, close_resources
from tasks.sweep.context import FEW

TODAY = f"quarantine/{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture
def embedded(tmp_path: Path, sqlite_url: str):
    yield SweepWorld(tmp_path, sqlite_url, BucketConfig(str(tmp_path / "bucket")))
    close_resources()


@pytest.fixture
def served(tmp_path: Path, postgres_url: str, s3_endpoint: str, s3_bucket_name: str):
    place = BucketConfig(f"s3://{s3_bucket_name}/clips", endpoint=s3_endpoint, region="us-east-1", **S3_KEYS)
    yield SweepWorld(tmp_path, postgres_url, place, grace_s=0.0)
    close_resources()


@pytest.fixture(params=["embedded", "served"])
def world(request: pytest.FixtureRequest) -> SweepWorld:
    """Return each of the two installations in turn."""
    return request.getfixturevalue(request.param)


def counts(report) -> dict[str, int]:
    return {kind: found.count for kind, found in report.found.items()}


def test_an_intact_world_has_no_findings(world: SweepWorld):
    for state in ("planned", "leased", "rendered", "passed", "failed", "approved", "rejected", "signing", "published"):
        world.stage(world.variant(state), age_s=0)
    before = world.snapshot()
    report = world.sweep()
    assert (counts(report), report.needs_person, world.alert_texts()) == ({}, {}, [])
    assert world.snapshot() == before
    assert report.checked["clips"] == 1
    assert report.checked["objects"] == 8


def test_a_missing_published_file_is_alerted_once_a_day(world: SweepWorld):
    variant_id = world.variant("published")
    key = world.facts(variant_id).poster_key
    world.bucket.remove(key)
    assert counts(world.sweep(dry_run=True)) == {"missing": 1}
    assert world.alert_texts() == []
    for _ in range(2):
        report = world.sweep()
        assert report["missing"].names == (key,)
    (text,) = world.alert_texts()
    assert key in text
    assert "Restore it" in text
    assert world.catalogue.variants.states([variant_id]) == {variant_id: "published"}
    world.put(key, content_of(key))
    assert world.sweep().is_empty


@pytest.mark.parametrize("content", [b"short", None])
def test_changed_content_is_reported(world: SweepWorld, content: bytes | None):
    key = world.facts(world.variant("published")).key
    world.bucket.remove(key)
    world.put(key, content or content_of(key)[::-1])
    before = world.snapshot()
    assert counts(world.sweep()) == {"differing": 1}
    assert world.snapshot() == before


def test_a_changed_sidecar_is_reported(world: SweepWorld):
    key = world.facts(world.variant("published")).sidecar_key
    world.bucket.remove(key)
    world.put(key, b"x")
    assert world.sweep()["differing"].names == (key,)


def test_files_without_a_clip_are_moved_to_quarantine(world: SweepWorld):
    kept = world.variant("published")
    orphans = [world.orphan(), world.orphan("b1/readme.txt"), world.orphan(f"b1/{kept[:12]}-{'0' * 16}.mp4")]
    before = world.snapshot()
    assert counts(world.sweep(dry_run=True)) == {"orphan": 3}
    assert world.snapshot() == before
    report = world.sweep()
    assert report["orphan"].names == tuple(sorted(orphans))
    assert not report.needs_person
    assert world.snapshot() == {f"{TODAY}/{key}" if key in orphans else key: data for key, data in before.items()}
    assert world.sweep().is_empty


def test_new_files_are_not_touched(embedded: SweepWorld):
    young = embedded.orphan("b1/young.mp4", age_s=DAY_S - 3600)
    embedded.orphan("b1/old.mp4", age_s=DAY_S + 3600)
    assert counts(embedded.sweep()) == {"orphan": 1}
    assert young in embedded.snapshot()


def test_uploads_in_progress_stay_and_leftovers_of_other_attempts_go(world: SweepWorld):
    first = world.variant("signing", upload=False)
    early = world.facts(first).keys[:2]
    for key in early:
        world.put(key, content_of(key), age_s=2 * DAY_S)
    world.catalogue.leases.renew("me", -1.0)
    world.sign(first)
    late = world.facts(first).keys[:3]
    for key in late:
        world.put(key, content_of(key), age_s=2 * DAY_S)
    assert world.sweep()["orphan"].names == tuple(sorted(early))
    assert {*late} <= world.snapshot().keys()


def test_a_file_is_moved_back_if_its_key_is_committed_during_the_move(world: SweepWorld, monkeypatch):
    variant_id = world.variant("approved")
    key = world.put(f"{SPRING}/{variant_id}.mp4", age_s=2 * DAY_S)
    monkeypatch.setattr("sweep_world._facts", lambda *_: SignedFacts(key, "5" * 64, 3))
    move = type(world.bucket).move
    moves: list[str] = []

    def move_late(self, old: str, new: str) -> bool:
        moved = move(self, old, new)
        if not moves:
            world.sign(variant_id)
        moves.append(new)
        return moved

    monkeypatch.setattr(type(world.bucket), "move", move_late)
    assert counts(world.sweep()) == {}
    assert moves == [f"{TODAY}/{key}", key]
    assert list(world.bucket.list()) == [key]


def test_a_key_committed_after_the_clips_were_read_is_not_an_orphan(embedded: SweepWorld, monkeypatch):
    variant_id = embedded.variant("approved")
    key = embedded.put(f"{SPRING}/{variant_id}.mp4", age_s=2 * DAY_S)
    monkeypatch.setattr("sweep_world._facts", lambda *_: SignedFacts(key, "5" * 64, 3))
    just_before(monkeypatch, Files, "keys_in_use", lambda: embedded.sign(variant_id))
    assert embedded.sweep(dry_run=True).is_empty


def test_a_clip_withdrawn_during_the_sweep_is_not_reported_as_damaged(embedded: SweepWorld, monkeypatch):
    variant_id = embedded.variant("published")
    for key in embedded.facts(variant_id).keys:
        embedded.bucket.remove(key)
    just_before(
        monkeypatch, LocalBucket, "head", lambda: decide(embedded.catalogue, [variant_id], "withdrawn", "ann", "rights")
    )
    assert embedded.sweep(dry_run=True).is_empty


def just_before(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, happens: Callable[[], object]) -> None:
    """Run a callback just before the first call of a method."""
    original, calls = getattr(owner, name), iter([happens])
    lock = threading.Lock()

    def wrapped(*args: object) -> object:
        with lock:
            next(calls, lambda: None)()
        return original(*args)

    monkeypatch.setattr(owner, name, wrapped)


def test_objects_outside_every_campaign_are_ignored(world: SweepWorld):
    world.variant("published")
    for key in (
        "other-brand/clip.mp4",
        "staging/first-frames/0.png",
        "staging/odd.txt",
        "inbox/sheet.csv",
        "quarantine/2020-01-01/x.mp4",
        "top.mp4",
    ):
        world.put(key, age_s=OLD_S)
    before = world.snapshot()
    report = world.sweep()
    assert report.is_empty
    assert report.checked["unrelated"] == 2
    assert world.snapshot() == before


def test_clips_published_after_the_backup_are_named_as_such(embedded: SweepWorld):
    """After a restore, they belong to no clip of the catalogue, and some to no campaign."""
    embedded.variant("published")
    stem = "b1/0123456789ab-0123456789abcdef"
    for suffix in ("mp4", "c2pa", "jpg", "json"):
        embedded.put(f"{SPRING}/{stem}.{suffix}")
    embedded.put(f"lost-3f2a/{stem}.mp4", age_s=OLD_S)
    embedded.put("other-brand/clip.mp4")
    report = embedded.sweep()
    assert report.is_empty
    assert "4 recent objects that no known clip uses (orphans after a day)" in report.checked_texts
    lost = "1 object of campaigns that this catalogue does not contain"
    assert lost in report.checked_texts
    assert report.checked["unrelated"] == 1


def test_files_of_other_programs_are_ignored(embedded: SweepWorld):
    embedded.variant("published")
    for name in (".DS_Store", "b 1.mp4", "ü.mp4"):
        path = embedded.folder / SPRING / name
        path.write_bytes(b"x")
        aged(path, OLD_S)
    report = embedded.sweep()
    assert report.is_empty
    assert report.checked["unrelated"] == 3


def test_an_orphan_stays_if_its_quarantine_key_exists(world: SweepWorld):
    key = world.orphan()
    world.put(f"{TODAY}/{key}", b"another")
    before = world.snapshot()
    report = world.sweep()
    assert list(report.needs_person) == ["orphan-left"]
    assert "already exists with different content" in report["orphan-left"].names[0]
    assert world.snapshot() == before


def test_an_unreachable_bucket_is_not_tried_for_every_orphan(embedded: SweepWorld, monkeypatch):
    for number in range(5):
        embedded.orphan(f"b1/{number}.mp4")
    asked: list[str] = []

    def away(self: object, key: str, new_key: str) -> bool:
        asked.append(key)
        raise BucketUnreachableError("The bucket does not answer; check the network.")

    monkeypatch.setattr(LocalBucket, "move", away)
    assert counts(embedded.sweep()) == {"not-done": 1}
    assert len(asked) == 1


def test_suspiciously_many_orphans_need_a_person(embedded: SweepWorld):
    for number in range(FEW + 1):
        embedded.orphan(f"b1/{number}.mp4")
    before = embedded.snapshot()
    report = embedded.sweep()
    assert (counts(report), list(report.needs_person)) == ({"orphan-left": FEW + 1}, ["orphan-left"])
    assert embedded.snapshot() == before
    assert counts(embedded.sweep(many=True)) == {"orphan": FEW + 1}
    assert embedded.sweep().is_empty


def test_files_of_a_withdrawn_clip_are_deleted_once(world: SweepWorld):
    variant_id = world.variant("withdrawn")
    keys = set(world.facts(variant_id).keys)
    assert keys <= world.snapshot().keys()
    assert counts(world.sweep(dry_run=True)) == {"withdrawn": 1}
    assert keys <= world.snapshot().keys()
    assert counts(world.sweep()) == {"withdrawn": 1}
    assert world.snapshot() == {}
    assert world.sweep().is_empty
    world.upload(variant_id)  # by a worker that was suspended
    assert counts(world.sweep()) == {"withdrawn": 1}
    assert world.snapshot() == {}


def test_a_withdrawn_clip_that_cannot_be_deleted_is_reported(embedded: SweepWorld, monkeypatch):
    embedded.variant("withdrawn")

    def refused(*_: object) -> None:
        raise BucketRefusedError("The bucket refused the call (AccessDenied); check the right to delete.")

    with monkeypatch.context() as denied:
        denied.setattr(LocalBucket, "remove", refused)
        report = embedded.sweep()
    assert list(report.needs_person) == ["withdrawn-left"]
    assert "AccessDenied" in embedded.alert_texts()[0]
    assert counts(embedded.sweep()) == {"withdrawn": 1}


def test_staged_files_are_pruned_by_age_and_need(world: SweepWorld):
    settled = [world.quiet(world.variant(state)) for state in ("published", "rejected")]
    waiting = [world.quiet(world.variant(state)) for state in ("passed", "failed", "approved", "planned")]
    held = world.quiet(world.variant("rendered"))
    lately = world.variant("published")
    gone = [world.stage(variant_id) for variant_id in settled]
    kept = [world.stage(variant_id) for variant_id in (*waiting, held, lately)]
    kept += [world.stage(settled[0], "poster.jpg"), world.stage(world.quiet(world.variant("published")), age_s=60)]
    assert counts(world.sweep(dry_run=True)) == {"master": 2}
    assert all(path.exists() for path in gone)
    report = world.sweep()
    assert counts(report) == {"master": 2}
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)
    assert report.checked["bytes"] == 12


def test_the_sound_of_a_clip_is_pruned_with_its_master(embedded: SweepWorld):
    published, waiting = embedded.quiet(embedded.variant("published")), embedded.quiet(embedded.variant("passed"))
    gone, kept = embedded.stage(published, "sound.flac"), embedded.stage(waiting, "sound.flac")
    shared = {
        variant_id: embedded.put(f"staging/{variant_id[:2]}/{variant_id}/{'d' * 64}.flac", age_s=OLD_S)
        for variant_id in (published, waiting)
    }
    embedded.give_sound(waiting, "d" * 64)
    assert counts(embedded.sweep()) == {"sound": 1, "shared-sound": 1}
    assert not gone.exists()
    assert kept.exists()
    assert shared[published] not in embedded.snapshot()
    assert shared[waiting] in embedded.snapshot()
    embedded.give_sound(waiting, "e" * 64)
    assert counts(embedded.sweep()) == {"shared-sound": 1}, "another attempt has replaced it"


def test_masters_of_damaged_clips_are_kept(world: SweepWorld):
    variant_id = world.quiet(world.variant("published"))
    master, shared = world.stage(variant_id), world.shared_master(variant_id)
    key = world.facts(variant_id).key
    world.bucket.remove(key)
    assert counts(world.sweep(keep_s=-60.0)) == {"missing": 1}
    assert master.exists()
    assert shared in world.snapshot()
    world.put(key, content_of(key))
    assert counts(world.sweep(keep_s=-60.0)) == {"master": 1, "shared-master": 1}


def test_ended_signings_and_unfinished_files_are_deleted(embedded: SweepWorld):
    signing = embedded.variant("signing")
    embedded.catalogue.leases.renew("me", -1.0)
    embedded.catalogue.leases.end_expired()
    awaited = embedded.stage(signing, f"{embedded.facts(signing).path.parent.name}/clip.mp4")
    earlier = embedded.stage(signing, "signed-9/clip.mp4")
    done = embedded.variant("published")
    left = embedded.stage(done, "signed-1/clip.mp4")
    young = embedded.stage(done, "signed-2/clip.mp4", age_s=60)
    part, new_part = embedded.stage(done, ".master.mp4.x.part"), embedded.stage(done, ".poster.jpg.x.part", age_s=60)
    fetched, new_fetched = embedded.stage(done, "3-fetched.mp4"), embedded.stage(done, "4-fetched.mp4", age_s=60)
    held = embedded.stage(embedded.variant("signing"), "signed-9/clip.mp4")
    assert counts(embedded.sweep()) == {"signed-folder": 2, "partial": 2}
    assert [path.exists() for path in (awaited, young, new_part, new_fetched, held)] == [True] * 5
    assert not any(path.exists() for path in (earlier, earlier.parent, left, left.parent, part, fetched))


def test_folders_of_unknown_variants_are_deleted_unless_many_or_new(embedded: SweepWorld):
    for number in range(FEW):
        embedded.stage(f"{number:032x}")
    young = embedded.stage("f" * 32, age_s=60)
    aged(young.parent, 60)
    assert counts(embedded.sweep()) == {"unknown-folder": FEW}
    assert young.exists()
    for number in range(FEW + 1):
        embedded.stage(f"{number:032x}")
    report = embedded.sweep()
    assert list(report.needs_person) == ["unknown-left"]
    assert counts(embedded.sweep(many=True)) == {"unknown-folder": FEW + 1}


def test_other_files_in_staging_are_ignored(embedded: SweepWorld):
    odd = embedded.resources.staging / "ab" / "notes.txt"
    odd.parent.mkdir(parents=True)
    odd.write_text("x")
    target = embedded.resources.staging.parent / "elsewhere"
    target.mkdir()
    (target / "master.mp4").write_bytes(b"x")
    (odd.parent / ("ab" + "0" * 30)).symlink_to(target)
    for path in (odd, target, target / "master.mp4"):
        aged(path, OLD_S)
    assert embedded.sweep().is_empty
    assert odd.exists()
    assert (target / "master.mp4").exists()


def test_shared_masters_are_deleted_and_pictures_kept(world: SweepWorld):
    settled = world.quiet(world.variant("published"))
    waiting, held = world.quiet(world.variant("passed")), world.quiet(world.variant("rendered"))
    gone = {world.shared_master(settled), world.shared_master(waiting, "a" * 64)}
    world.shared_master(waiting)
    world.shared_master(held, "a" * 64)
    world.shared_master("f" * 32)
    world.put(f"staging/first-frames/{'a' * 64}.png", age_s=OLD_S)
    before = world.snapshot()
    report = world.sweep(keep_s=-60.0)
    assert set(report["shared-master"].names) == gone
    assert counts(report) == {"shared-master": 2}
    assert world.snapshot() == {key: data for key, data in before.items() if key not in gone}


def test_new_shared_masters_are_kept(embedded: SweepWorld):
    variant_id = embedded.quiet(embedded.variant("published"))
    embedded.shared_master(variant_id, age_s=60)
    assert embedded.sweep().is_empty


def test_abandoned_work_is_ended_and_alerted_once(world: SweepWorld):
    ids = [world.variant() for _ in range(4)]
    samples.take(world.catalogue, ids[:2], owner="far:boot:17:99")
    world.catalogue.leases.renew("far:boot:17:99", -1.0)
    dead = current_owner().rpartition(":")[0] + ":1"
    samples.take(world.catalogue, ids[2:3], owner=dead)
    samples.take(world.catalogue, ids[3:], owner="alive")
    run_id = world.catalogue.runs.begin(SPRING, "pool", "far:boot:16:98")
    with world.catalogue.database.writing() as connection:
        connection.execute(update(runs).values(beat_at=database_now() - ALIVE_S - 1))
    expected = {"expired-lease": 2, "dead-worker": 1, "lost-run": 1}
    assert counts(world.sweep(dry_run=True)) == expected
    assert (world.catalogue.leases.owners(), world.alert_texts("worker-lost")) == (
        sorted(["alive", dead, "far:boot:17:99"]),
        [],
    )
    assert counts(world.sweep()) == expected
    assert world.catalogue.leases.owners() == ["alive"]
    assert set(world.catalogue.variants.states(ids[:3]).values()) == {"planned"}
    assert world.catalogue.runs.get(run_id).outcome == "lost"
    assert world.sweep().is_empty
    texts = world.alert_texts("worker-lost")
    assert len(texts) == 3
    assert any("process 17 on far. Its leases on 2 clips pass to other workers" in text for text in texts)
    assert any("has stopped because its process died" in text for text in texts)


def test_a_live_driver_of_this_machine_is_not_lost(embedded: SweepWorld):
    run_id = embedded.catalogue.runs.begin(SPRING, "pool", current_owner())
    with embedded.catalogue.database.writing() as connection:
        connection.execute(update(runs).values(beat_at=database_now() - ALIVE_S - 1))
    assert embedded.sweep().is_empty
    assert embedded.catalogue.runs.get(run_id).ended_at is None


def test_a_bucket_that_refuses_fails_only_its_own_steps(embedded: SweepWorld, monkeypatch):
    variant_id = embedded.quiet(embedded.variant("published"))
    master, other = embedded.stage(variant_id), embedded.stage(embedded.quiet(embedded.variant("rejected")))
    leased = embedded.variant("leased")
    embedded.catalogue.leases.renew("me", -1.0)

    def refused(*_: object):
        raise BucketRefusedError("The bucket refused the call (AccessDenied); check its rights.")

    with monkeypatch.context() as denied:
        denied.setattr(LocalBucket, "entries", refused)
        report = embedded.sweep()
    assert counts(report) == {"expired-lease": 1, "master": 1, "not-done": 2}
    assert list(report.needs_person) == ["not-done"]
    assert master.exists(), "the master was deleted although its clip was not seen in the bucket"
    assert not other.exists()
    assert embedded.catalogue.variants.states([leased]) == {leased: "planned"}
    assert counts(embedded.sweep()) == {"master": 1}


def test_two_concurrent_sweeps_do_what_one_does(world: SweepWorld):
    orphans = [world.orphan(f"b1/{number}.mp4") for number in range(10)]
    kept = world.variant("published")
    world.stage(world.quiet(world.variant("rejected")))
    world.variant("withdrawn")
    before = world.snapshot()
    errors: list[BaseException] = []

    def sweep() -> None:
        try:
            world.sweep()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    assert world.sweep().is_empty
    expected = {f"{TODAY}/{key}": before[key] for key in orphans}
    expected |= {key: content_of(key) for key in world.facts(kept).keys}
    assert world.snapshot() == expected


class Killed(BaseException):
    """Simulates kill -9: no handler catches it."""


STEPS = [
    "adapters.catalogue.work.runs:Runs.mark_lost",
    "adapters.catalogue.work.leases:Leases.release_owner",
    "adapters.catalogue.work.leases:Leases.end_expired",
    "adapters.catalogue.messages.alerts:Alerts.add",
    "adapters.catalogue.review.decisions:Decisions.mark_removed",
    "adapters.bucket.local:LocalBucket.move",
    "adapters.bucket.local:LocalBucket.remove",
    "os:link",
    "shutil:rmtree",
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.partition(":")[2])
def test_killed_at_any_step_another_sweep_finishes(embedded: SweepWorld, monkeypatch, step: str, when: str):
    orphans = [embedded.orphan(f"b1/{number}.mp4") for number in range(2)]
    lost = embedded.variant()
    samples.take(embedded.catalogue, [lost], owner="far:boot:17:99")
    embedded.catalogue.leases.renew("far:boot:17:99", -1.0)
    held = embedded.variant()
    samples.take(embedded.catalogue, [held], owner=current_owner().rpartition(":")[0] + ":1")
    embedded.catalogue.runs.begin(SPRING, "pool", "far:boot:16:98")
    with embedded.catalogue.database.writing() as connection:
        connection.execute(update(runs).values(beat_at=database_now() - ALIVE_S - 1))
    embedded.variant("withdrawn")
    published = embedded.variant("published")
    embedded.stage(published, "signed-1/clip.mp4")
    _die(monkeypatch, step, when)
    with pytest.raises(Killed):
        embedded.sweep()
    embedded.sweep()
    assert embedded.sweep().is_empty
    assert len(embedded.alert_texts("worker-lost")) == 3
    assert set(embedded.catalogue.variants.states([lost, held]).values()) == {"planned"}
    expected = {f"{TODAY}/{key}": b"odd" for key in orphans}
    assert embedded.snapshot() == expected | {key: content_of(key) for key in embedded.facts(published).keys}


def _die(monkeypatch: pytest.MonkeyPatch, step: str, when: str) -> None:
    """Make the next call of a step die; later calls work."""
    target = step.replace(":", ".")
    module, _, name = step.partition(":")
    owner = __import__(module, fromlist=["_"])
    for part in name.split("."):
        owner = getattr(owner, part)
    calls: list[int] = []

    def dying(*args, **kwargs):
        calls.append(1)
        if len(calls) == 1 and when == "before":
            raise Killed
        result = owner(*args, **kwargs)
        if len(calls) == 1:
            raise Killed
        return result

    monkeypatch.setattr(target, dying)
