"""Test backup and restore as in docs/operations.md: back up during a campaign, lose everything, restore."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import campaign_run
import psycopg
import pytest
import s3_server
from audit import Findings
from campaign_run import World, finish, start
from infra_files import drill_commands
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from benchmarks.harness import postgres
from tasks.runtime.resources import BucketConfig, bucket_of, catalogue_of
from tasks.sweep.context import SweepOptions, SweepTarget
from tasks.sweep.sweep import sweep_all

SEEDS = 6
PACE_S = 0.3
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Drill:
    """An installation that is backed up, lost and restored."""

    world: World
    variables: Mapping[str, str]
    backup: tuple[str, ...]
    restore: tuple[str, ...]
    lose: Callable[[], object]

    def do(self, *names: str) -> None:
        """Run the guide's commands as an operator would."""
        for name in names:
            ended = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", drill_commands(name)],
                env=self.variables,
                text=True,
                capture_output=True,
                timeout=120,
            )
            assert ended.returncode == 0, f"{name}\n{ended.stdout}\n{ended.stderr}"

    def count(self, what: str) -> int:
        """Count rows; return 0 if the tables do not exist yet."""
        engine = create_engine(self.world.catalogue_url.replace("postgresql://", "postgresql+psycopg://"))
        with suppress(DBAPIError), engine.connect() as connection:
            return connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one()
        return 0


def variables_of(home: Path, backup: Path, **more: str) -> dict[str, str]:
    home.mkdir()
    backup.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REELMILL_", "PREFECT_"))}
    scripts = Path(sys.executable).parent
    path = os.pathsep.join(filter(None, [more.pop("PATH", ""), str(scripts), kept["PATH"]]))
    return {**kept, "REELMILL_HOME": str(home), "BACKUP": str(backup), "PATH": path, **more}


@pytest.fixture
def one_machine(tmp_path: Path) -> Drill:
    """SQLite and a folder in one home, whose disk is lost."""
    home = tmp_path / "home"
    world = World(home, f"sqlite:///{home / 'catalogue.sqlite'}", BucketConfig(str(home / "bucket")), seeds=SEEDS)
    return Drill(
        world,
        variables_of(home, tmp_path / "backup"),
        ("sqlite backup", "home backup"),
        ("home restore", "sqlite restore"),
        lambda: shutil.rmtree(home),
    )


@pytest.fixture
def servers(
    tmp_path: Path, postgres_server_url: str, postgres_url: str, s3_endpoint: str, s3_bucket_name: str
) -> Drill:
    """PostgreSQL and S3: the database and the driver's disk are lost, the bucket is not."""
    home, database = tmp_path / "home", postgres_url.rpartition("/")[2]
    place = BucketConfig(f"s3://{s3_bucket_name}/clips", endpoint=s3_endpoint, region="us-east-1", **s3_server.S3_KEYS)
    binaries = postgres.find_binaries()
    variables = variables_of(
        home,
        tmp_path / "backup",
        PATH=str(binaries),
        SERVER=postgres_server_url,
        DATABASE=database,
        REELMILL_CATALOGUE_URL=postgres_url,
    )

    def lose() -> None:
        shutil.rmtree(home)
        with psycopg.connect(f"{postgres_server_url}/postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {database} WITH (FORCE)")

    return Drill(
        World(home, postgres_url, place, seeds=SEEDS),
        variables,
        ("postgresql backup", "home backup"),
        ("home restore", "postgresql restore"),
        lose,
    )


@pytest.fixture(params=["one_machine", pytest.param("servers", marks=pytest.mark.slow)])
def drill(request: pytest.FixtureRequest) -> Drill:
    """Each of the two installations."""
    return request.getfixturevalue(request.param)


def slow_until(go_on: Path) -> None:
    """Slow the model down until a file exists, so that the backup happens during the campaign."""
    generate = campaign_run.Model.generate

    def slowly(self, variants):
        for result in generate(self, variants):
            time.sleep(0 if go_on.exists() else PACE_S)
            yield result

    campaign_run.Model.generate = slowly


def back_up_while_it_writes(drill: Drill, go_on: Path) -> int:
    """Run the campaign with a backup in between; return how many clips were published before the backup."""
    process = start(drill.world, slow_until, go_on)
    published, deadline = 0, time.monotonic() + PATIENCE_S
    while not published:
        assert process.is_alive(), "the run ended before anything was published"
        assert time.monotonic() < deadline, "nothing was published"
        time.sleep(0.05)
        published = drill.count("variants WHERE state = 'published'")
    drill.do(*drill.backup)
    assert process.is_alive(), "the run had ended before the backup was taken"
    go_on.touch()
    assert finish(process) == 0
    return published


def open_to_others(top: Path) -> list[Path]:
    """Return the files in a folder that other users of the machine can read."""
    return [path for path in top.iterdir() if path.is_file() and path.stat().st_mode & 0o077]


def sweep_orphans(world: World) -> set[str]:
    """Sweep like `reelmill sweep --many` a day later, and delete the quarantined objects; return their keys."""
    target = SweepTarget(
        world.resources, frozenset(row.campaign_id for row in catalogue_of(world.resources).campaigns.all())
    )
    sweep_all(world.resources, [target], SweepOptions(grace_s=0, many=True))
    bucket = bucket_of(world.resources)
    aside = [entry.key for entry in bucket.entries("quarantine/")]
    for key in aside:
        bucket.remove(key)
    return {key.split("/", 2)[2] for key in aside}


def test_only_the_database_is_restored(one_machine: Drill, tmp_path: Path):
    """Beside an intact home, with a journal of the lost file, as the guide says."""
    drill = one_machine
    published = back_up_while_it_writes(drill, tmp_path / "go-on")
    journal = drill.world.home / "catalogue.sqlite-journal"
    journal.write_bytes(b"left over")
    drill.do("sqlite restore alone")
    assert not journal.exists()
    restored = drill.count("variants WHERE state = 'published'")
    assert published <= restored < 2 * SEEDS
    drill.do("accept restore")
    assert finish(start(drill.world)) == 0
    assert drill.count("variants WHERE state = 'published'") == 2 * SEEDS


def test_a_backup_restores_everything(drill: Drill, findings_of, tmp_path: Path):
    published = back_up_while_it_writes(drill, tmp_path / "go-on")
    of_all = drill.count("variants WHERE state = 'published'")
    assert published < of_all == 2 * SEEDS
    drill.lose()
    backup = Path(drill.variables["BACKUP"])
    assert open_to_others(backup) == []
    for copy in backup.iterdir():
        copy.chmod(0o644)  # as after a copy from another disk
    drill.do(*drill.restore)
    assert drill.world.home / "catalogue.sqlite" not in open_to_others(drill.world.home)
    drill.do("check")
    restored = drill.count("variants WHERE state = 'published'")
    assert published <= restored < of_all, "the backup was not taken during the campaign"

    assert finish(start(drill.world)) == 0
    found = findings_of(drill.world)
    assert not found.missing + found.corrupt + found.unfinished
    orphans = {sentence.split()[0] for sentence in found.orphaned}
    assert orphans or drill.world.bucket.endpoint is None, (
        "clips published after the backup must still be in the bucket"
    )
    assert sweep_orphans(drill.world) == orphans
    assert findings_of(drill.world) == Findings()
