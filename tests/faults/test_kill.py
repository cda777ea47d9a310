"""kill -9 at any moment, run again: the campaign ends as if nothing had happened."""

import signal

import pytest
from audit import Findings
from campaign_run import World, finish, start
from kill_points import COMMITS, FILE_CHANGES, STATE_CHANGES, UPLOADS, KillPoint, install


def test_an_undisturbed_run_is_without_findings(world, findings_of):
    assert finish(start(world)) == 0
    assert findings_of(world).counts == {}


def kill_and_run_again(world: World, point: KillPoint) -> None:
    assert finish(start(world, install, point)) == -signal.SIGKILL, "the point was not reached"
    assert finish(start(world)) == 0


@pytest.mark.parametrize("point", STATE_CHANGES, ids=str)
def test_killed_on_sqlite_with_a_folder(embedded_world, findings_of, point: KillPoint):
    kill_and_run_again(embedded_world, point)
    assert findings_of(embedded_world) == Findings()


@pytest.mark.parametrize("point", FILE_CHANGES, ids=str)
def test_killed_between_files(embedded_world, findings_of, point: KillPoint):
    kill_and_run_again(embedded_world, point)
    assert findings_of(embedded_world) == Findings()


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, marks=() if point in (*COMMITS, *UPLOADS) else pytest.mark.slow, id=str(point))
        for point in STATE_CHANGES
    ],
)
def test_killed_on_postgresql_with_s3(served_world, findings_of, point: KillPoint):
    kill_and_run_again(served_world, point)
    assert findings_of(served_world) == Findings()
