"""A worker that stalls until its lease has expired does no harm when it resumes during another worker's work."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from audit import Findings
from campaign_run import finish, start
from kill_points import RESULTS, KillPoint, install

from adapters.catalogue.work.leases import Leases

LEASE_S = 1.5
PATIENCE_S = 60.0


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"timed out waiting for {path.name}"
        time.sleep(0.02)


def hold_at(point: KillPoint, reached: Path, go_on: Path) -> None:
    """Make the thread that reaches the point wait there for a file."""

    def hold() -> None:
        reached.touch()
        wait_for(go_on)

    install(point, hold)


def sleep_at(point: KillPoint, reached: Path, go_on: Path) -> None:
    """Do the same without a heartbeat, so that the lease expires meanwhile."""
    Leases.renew = lambda *_: 0  # type: ignore[method-assign]
    hold_at(point, reached, go_on)


@pytest.mark.parametrize(
    ("asleep", "other"),
    [
        pytest.param(
            KillPoint("after", "tasks.render.postprocess:encode"),
            KillPoint("after", f"{RESULTS}.record_batch"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            KillPoint("before", "adapters.c2pa.signer:write_durably"),
            KillPoint("after", f"{RESULTS}.mark_signing"),
            marks=pytest.mark.slow,
        ),
        (
            KillPoint("before", "tasks.deliver.sign:write_durably"),
            KillPoint("after", "tasks.deliver.publish:put_upload"),
        ),
        pytest.param(
            KillPoint("after", f"{RESULTS}.mark_signing"),
            KillPoint("after", "tasks.deliver.publish:put_upload", 3),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            KillPoint("after", "tasks.deliver.publish:put_upload", 2),
            KillPoint("before", f"{RESULTS}.mark_published"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=str,
)
def test_a_stalled_worker_does_not_overwrite_the_work_of_others(
    embedded_world, findings_of, tmp_path: Path, asleep: KillPoint, other: KillPoint
):
    world = replace(embedded_world, lease_s=LEASE_S)
    sleeper = start(world, sleep_at, asleep, tmp_path / "asleep", tmp_path / "awake")
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
