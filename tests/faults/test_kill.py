"""Kill a run with SIGKILL at any point and run it again: the campaign ends as if it had not been killed."""

import signal
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest
from audit import Findings
from campaign_run import World, finish, start
from kill_points import (
    COMMITS,
    DELIVERABLE_CHANGES,
    DELIVERABLE_UPLOADS,
    FILE_CHANGES,
    STATE_CHANGES,
    UPLOADS,
    KillPoint,
    install,
)


def test_an_undisturbed_run_has_no_findings(world, findings_of):
    assert finish(start(world)) == 0
    assert findings_of(world).counts == {}


def kill_and_run_again(world: World, point: KillPoint) -> None:
    assert finish(start(world, install, point)) == -signal.SIGKILL, "the kill point was not reached"
    assert finish(start(world)) == 0


def slow_unless(points: Sequence[KillPoint], quick: Collection[KillPoint]) -> list[Any]:
    """Return the points as parameters; all but the quick ones run in `make test-slow`."""
    return [pytest.param(point, marks=() if point in quick else pytest.mark.slow, id=str(point)) for point in points]


@pytest.mark.parametrize("point", slow_unless(STATE_CHANGES, (*COMMITS[1::4], UPLOADS[-1])))
def test_killed_on_sqlite_with_a_folder(embedded_world, findings_of, point: KillPoint):
    kill_and_run_again(embedded_world, point)
    assert findings_of(embedded_world) == Findings()


@pytest.mark.parametrize("point", slow_unless(FILE_CHANGES, FILE_CHANGES[3:4]))
def test_killed_between_files(embedded_world, findings_of, point: KillPoint):
    kill_and_run_again(embedded_world, point)
    assert findings_of(embedded_world) == Findings()


@pytest.mark.parametrize("point", slow_unless(STATE_CHANGES, (COMMITS[-1],)))
def test_killed_on_postgresql_with_s3(served_world, findings_of, point: KillPoint):
    kill_and_run_again(served_world, point)
    assert findings_of(served_world) == Findings()


def test_an_undisturbed_run_with_deliverables_has_no_findings(world, findings_of):
    finished = replace(world, finish="plain")
    assert finish(start(finished)) == 0
    assert findings_of(finished).counts == {}


@pytest.mark.parametrize(
    "point", slow_unless(DELIVERABLE_CHANGES, (*DELIVERABLE_CHANGES[6:14:7], DELIVERABLE_UPLOADS[1]))
)
def test_deliverables_killed_on_sqlite_with_a_folder(embedded_world, findings_of, point: KillPoint):
    finished = replace(embedded_world, finish="plain")
    kill_and_run_again(finished, point)
    assert findings_of(finished) == Findings()


@pytest.mark.parametrize("point", slow_unless(DELIVERABLE_CHANGES, (DELIVERABLE_CHANGES[-2],)))
def test_deliverables_killed_on_postgresql_with_s3(served_world, findings_of, point: KillPoint):
    finished = replace(served_world, finish="plain")
    kill_and_run_again(finished, point)
    assert findings_of(finished) == Findings()
