"""Deliverables after crashes on another host, with stalled workers, and with a failing bucket."""

import signal
import time
from dataclasses import replace
from pathlib import Path

import proxy
import pytest
from audit import Findings, collect
from campaign_run import World, finish, start
from kill_points import DELIVERABLES, KillPoint, install
from test_bucket_faults import behind, shorten_waits
from test_kill import slow_unless
from test_stalled_worker import LEASE_S, hold_at, sleep_at, wait_for

from adapters.catalogue.work.deliverable_leases import DeliverableLeases

UPLOADED = "tasks.deliver.finished.publish_deliverable:put_upload"


@pytest.fixture
def world(served_world) -> World:
    return replace(served_world, finish="plain", machine="one")


def other_host(world: World) -> World:
    """Return the same campaign with the home of another machine, but the same signer."""
    home = world.home.with_name(f"{world.home.name}-two")
    return replace(world, home=home, machine="two", signer=world.home / "signer")


def crashed_at(world: World, point: KillPoint) -> None:
    assert finish(start(world, install, point)) == -signal.SIGKILL, "the kill point was not reached"


def test_two_hosts_make_each_deliverable_once(world, findings_of):
    crashed_at(world, KillPoint("before", "tasks.finish.finish:keep"))
    runs = [start(world), start(other_host(world))]
    assert [finish(run) for run in runs] == [0, 0]
    assert findings_of(world) == Findings()


def test_another_host_makes_a_finished_deliverable_of_a_dead_host_again(world, findings_of):
    crashed_at(world, KillPoint("after", f"{DELIVERABLES}.mark_finished"))
    assert finish(start(other_host(world))) == 0
    assert findings_of(world) == Findings()


def test_another_host_resigns_a_deliverable_whose_upload_was_interrupted(world, findings_of):
    crashed_at(world, KillPoint("after", UPLOADED, 2))
    assert finish(start(other_host(world))) == 0
    found = findings_of(world)
    assert set(found.counts) == {"orphaned"}, found
    assert len(found.orphaned) == 2  # the sweeper quarantines them
    assert not any(".mp4" in sentence for sentence in found.orphaned)


def sleep_while_finishing(*arguments) -> None:
    """Make the worker wait at a point without a heartbeat, so that its lease expires meanwhile."""
    DeliverableLeases.renew = lambda *_: 0  # type: ignore[method-assign]
    sleep_at(*arguments)


@pytest.mark.parametrize(
    ("asleep", "other"),
    [
        (KillPoint("before", "tasks.finish.finish:keep"), KillPoint("after", f"{DELIVERABLES}.mark_signing")),
        pytest.param(
            KillPoint("after", f"{DELIVERABLES}.mark_signing"),
            KillPoint("after", UPLOADED, 3),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            KillPoint("before", f"{DELIVERABLES}.mark_finished"),
            KillPoint("before", f"{DELIVERABLES}.mark_published"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=str,
)
def test_a_stalled_maker_does_not_overwrite_the_work_of_others(
    embedded_world, findings_of, tmp_path: Path, asleep: KillPoint, other: KillPoint
):
    world = replace(embedded_world, lease_s=LEASE_S, finish="plain")
    sleeper = start(world, sleep_while_finishing, asleep, tmp_path / "asleep", tmp_path / "awake")
    wait_for(tmp_path / "asleep")
    time.sleep(LEASE_S)
    worker = start(world, hold_at, other, tmp_path / "reached", tmp_path / "go on")
    wait_for(tmp_path / "reached")
    (tmp_path / "awake").touch()
    time.sleep(LEASE_S)
    (tmp_path / "go on").touch()
    codes = {finish(sleeper), finish(worker)}
    assert finish(start(world)) == 0
    assert findings_of(world) == Findings()
    assert codes == {0}


@pytest.mark.parametrize(
    "fault", ["lost answer", pytest.param("500", marks=pytest.mark.slow), pytest.param("reset", marks=pytest.mark.slow)]
)
def test_a_fault_at_every_second_request_does_not_harm_deliverables(world, findings_of, s3_endpoint, fault: str):
    # Two threads send requests at the same time. Counted together, all tries of one thread could fail.
    with proxy.running(s3_endpoint, proxy.every_second(fault), counts_by_path=True) as store:
        assert finish(start(behind(world, store), shorten_waits)) == 0, world.error_file.read_text()
        assert store.met.count(fault) >= 12
    assert findings_of(world) == Findings()


@pytest.mark.parametrize("when", ["inside", "after"])
def test_killed_while_it_takes_a_deliverable_of_a_dead_host(world, findings_of, when: str):
    crashed_at(world, KillPoint("after", f"{DELIVERABLES}.mark_finished"))
    crashed_at(other_host(world), KillPoint(when, f"{DELIVERABLES}.requeue"))
    assert finish(start(other_host(world))) == 0
    assert findings_of(world) == Findings()


WITHDRAWAL = [
    KillPoint("inside", "adapters.catalogue.review.reviews:Reviews.record"),
    KillPoint("after", "adapters.catalogue.review.reviews:Reviews.record"),
    KillPoint("after", "adapters.bucket.local:LocalBucket.remove"),
    KillPoint("after", "adapters.bucket.local:LocalBucket.remove", 5),
    KillPoint("inside", f"{DELIVERABLES}.mark_removed"),
    KillPoint("after", f"{DELIVERABLES}.mark_removed"),
]


@pytest.mark.parametrize("point", slow_unless(WITHDRAWAL, (WITHDRAWAL[1],)))
def test_killed_during_a_withdrawal(embedded_world, point: KillPoint):
    world = replace(embedded_world, finish="plain")
    again = {"withdraws": True}
    assert finish(start(world)) == 0
    assert finish(start(world, install, point, options=again)) == -signal.SIGKILL, "the kill point was not reached"
    assert finish(start(world, options=again)) == 0
    assert not [path for path in Path(world.bucket.location).rglob("*") if path.suffix in (".mp4", ".srt", ".c2pa")]
    evidence = collect(world.catalogue_url, {})
    assert {row.state for row in evidence.deliverables.values()} == {"withdrawn"}
    assert all(row.url is None for row in evidence.deliverables.values())
    for events in evidence.deliverable_events.values():
        assert [event.to_state for event in events].count("withdrawn") == 1
