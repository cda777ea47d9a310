"""A database of Prefect with all its tables: creating them takes longer than starting the server."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import prefect
import pytest
from filelock import FileLock


def migrated_database(cache: pytest.Cache) -> Path:
    """Return a database file that was created once for this version of Prefect, by one process of the tests."""
    folder = cache.mkdir(f"prefect-{prefect.__version__}")
    database = folder / "prefect.db"
    with FileLock(folder / "lock"):
        if not database.exists():
            _create(folder / "new", database)
    return database


def _create(folder: Path, database: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    subprocess.run(
        command, env={**kept, "PREFECT_HOME": str(folder)}, check=True, stdout=subprocess.DEVNULL, timeout=280
    )
    (folder / "prefect.db").rename(database)
