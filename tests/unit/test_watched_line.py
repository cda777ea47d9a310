"""What `reelmill up` prints about the watched place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.watched_line import watched_line
from benchmarks.harness.postgres import free_port
from manifests.errors import SettingsError


def test_a_missing_folder_is_reported(tmp_path: Path):
    assert watched_line(str(tmp_path / "in")).startswith(f"{tmp_path / 'in'} (does not exist yet) – ")
    assert watched_line(str(tmp_path)).startswith(f"{tmp_path} – ")
    assert watched_line("s3://name/prefix").startswith("s3://name/prefix – ")
    assert watched_line("").startswith("nothing (set REELMILL_WATCH ")


def test_a_file_is_refused(tmp_path: Path):
    (tmp_path / "in.csv").touch()
    with pytest.raises(SettingsError, match=r"in\.csv' is a file and cannot be watched"):
        watched_line(str(tmp_path / "in.csv"))


def test_up_refuses_a_file_before_starting_anything(tmp_path: Path):
    (tmp_path / "in.csv").touch()
    environment = {**os.environ, "REELMILL_HOME": str(tmp_path / "home"), "REELMILL_WATCH": str(tmp_path / "in.csv")}
    ports = ["--port", str(free_port()), "--prefect-port", str(free_port())]
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", "up", *ports],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "is a file and cannot be watched" in " ".join(done.stderr.split())
    assert "[watcher]" not in done.stdout
