"""Children import this installation, whatever modules the working directory contains."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters import child_python
from adapters.child_python import PYTHON, isolated_environment
from app.cli.commands.up import programs_of
from app.dashboard.background.jobs import PROGRAM

ROOT = Path(__file__).parents[2]
NAMES = ("app", "flows", "tasks", "adapters", "models", "manifests", "prefect", "typer", "rich")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A working directory with modules named like ours; importing one of them creates a marker file."""
    for name in NAMES:
        marker = tmp_path / f"{name}-was-imported"
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'w').close()\nraise SystemExit('hostile')\n")
    return tmp_path


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**isolated_environment(), "REELMILL_HOME": str(folder / "home"), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def imported(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*-was-imported")]


def test_the_trap_catches_an_unprotected_import(hostile):
    subprocess.run([sys.executable, "-c", "import app"], cwd=hostile, check=False, capture_output=True)
    assert imported(hostile) == ["app-was-imported"]


def test_a_dashboard_job_ignores_the_working_directory(hostile):
    ended = run([*PROGRAM, "models", "--json"], hostile)
    assert (ended.returncode, imported(hostile)) == (0, []), ended.stderr


@pytest.mark.parametrize("name", ["dashboard", "schedules", "watcher"])
def test_the_programs_of_up_ignore_the_working_directory(hostile, name):
    programs = {each.name: each for each in programs_of(8765, 4200, True, "", "http://127.0.0.1:9/api")}
    ended = run(list(programs[name].command), hostile, REELMILL_LEASE_S="0", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert imported(hostile) == [], ended.stderr
    assert "Invalid setting 'lease_s'" in ended.stderr + ended.stdout, (
        "the program did not get as far as reading its settings"
    )


def test_grandchildren_are_isolated_too(hostile):
    grandchild = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import app.session']))"
    ended = run([*PYTHON, "-c", grandchild], hostile)
    assert (ended.returncode, imported(hostile)) == (0, []), ended.stderr


def test_children_of_an_uninstalled_checkout_can_import_it(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/elsewhere", str(ROOT)]))
    assert isolated_environment()["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "/elsewhere"]
    monkeypatch.setattr(child_python, "_ROOT", Path(child_python.sysconfig.get_path("purelib")))
    assert isolated_environment()["PYTHONPATH"] == os.environ["PYTHONPATH"], "site-packages needs no PYTHONPATH"


def test_product_code_starts_python_in_no_other_way():
    """sys.executable is named only in adapters/child_python.py and in the sheet sandbox, which passes -P itself."""
    allowed = {ROOT / "adapters" / "child_python.py", ROOT / "adapters" / "sheets" / "sandbox.py"}
    for room in ("app", "flows", "tasks", "adapters", "models", "manifests"):
        for path in (ROOT / room).rglob("*.py"):
            named = any(
                isinstance(node, ast.Attribute) and node.attr == "executable"
                for node in ast.walk(ast.parse(path.read_text()))
            )
            assert not named or path in allowed, path
