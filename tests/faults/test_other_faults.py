"""Full disks, locked databases, lost connections, and many workers killed at random."""

import contextlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import proxy
import psycopg
import pytest
from audit import Findings
from campaign_run import STOPPED, World, finish, start
from test_bucket_faults import FAULTS, behind, shorten_waits

import tasks.runtime.files.disk_space
from tasks.runtime.resources import BucketConfig

DISK_KB = 4096


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk requires root and permission to mount")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def skip_space_check() -> None:
    """Skip the check of free space, so that the disk becomes full during the run."""
    vars(tasks.runtime.files.disk_space).update(MIN_FREE_BYTES=0)


@pytest.mark.parametrize(
    ("part", "free_kb"),
    [
        ("catalogue", 16),
        ("home", 8),
        ("home", 32),
        ("bucket", 48),
        pytest.param("catalogue", 96, marks=pytest.mark.slow),
        pytest.param("home", 60, marks=pytest.mark.slow),
        pytest.param("bucket", 4, marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_stops_the_run_and_the_next_run_completes_it(
    tmp_path, small_disk, findings_of, part: str, free_kb: int
):
    places = {name: tmp_path / name for name in ("catalogue", "home", "bucket")} | {part: small_disk}
    world = World(
        places["home"], f"sqlite:///{places['catalogue']}/catalogue.db", BucketConfig(str(places["bucket"] / "clips"))
    )
    places["home"].mkdir(exist_ok=True)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 1024 * (DISK_KB - free_kb))
    assert finish(start(world, skip_space_check)) == STOPPED
    assert re.search("disk .*is full|No space left on device", world.error_file.read_text())
    ballast.unlink()
    assert finish(start(world, skip_space_check)) == 0
    assert findings_of(world) == Findings()


def test_a_database_locked_for_seconds_only_delays_the_run(embedded_world, findings_of):
    assert finish(start(replace(embedded_world))) == 0
    later = replace(embedded_world, seeds=2)
    path = embedded_world.catalogue_url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as holder:
        process = start(later)
        for _ in range(3):
            holder.execute("BEGIN EXCLUSIVE")
            time.sleep(0.8)
            holder.execute("ROLLBACK")
            time.sleep(0.1)
    assert finish(process) == 0
    assert findings_of(later) == Findings()


def test_lost_connections_stop_the_run_and_the_next_run_completes_it(served_world, findings_of):
    ended = threading.Event()

    def cut() -> None:
        with psycopg.connect(served_world.catalogue_url, autocommit=True) as admin:
            while not ended.wait(0.15):
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    cutter = threading.Thread(target=cut)
    cutter.start()
    codes = {finish(start(served_world)) for _ in range(3)}
    ended.set()
    cutter.join()
    assert codes <= {0, STOPPED}
    assert finish(start(served_world)) == 0
    assert findings_of(served_world) == Findings()


@pytest.mark.slow
def test_three_workers_killed_at_random_behind_a_bad_network(served_world, findings_of, s3_endpoint):
    chance = random.Random(11)
    kills = 25
    with proxy.running(s3_endpoint, proxy.some(0.4, FAULTS, seed=3)) as store:
        world = behind(replace(served_world, seeds=12), store)
        workers = [start(world, shorten_waits) for _ in range(3)]
        while kills:
            time.sleep(chance.uniform(0.1, 1.5))
            number = chance.randrange(3)
            if workers[number].is_alive():
                os.kill(workers[number].pid, signal.SIGKILL)
                kills -= 1
            workers[number].join()
            workers[number] = start(world, shorten_waits)
        for worker in workers:
            finish(worker, 200)
        store.choose = lambda _: None
        assert finish(start(world, shorten_waits)) == 0
    assert findings_of(world) == Findings()
