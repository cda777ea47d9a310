"""Children import this installation, whatever modules the working directory contains."""

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_folder import imported, make_hostile

from adapters import child_python
from adapters.child_python import PYTHON, isolated_environment
from adapters.listener import listen
from app.cli.commands.up import programs_of
from app.dashboard.background.jobs import PROGRAM
from flows.prefect.deployments import FLOW_RUN

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A working directory with modules named like ours."""
    return make_hostile(tmp_path)


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


def test_the_trap_catches_an_unprotected_import(hostile):
    subprocess.run([sys.executable, "-c", "import app"], cwd=hostile, check=False, capture_output=True)
    assert imported(hostile) == ["app"]


def test_a_dashboard_job_ignores_the_working_directory(hostile):
    ended = run([*PROGRAM, "models", "--json"], hostile)
    assert (ended.returncode, imported(hostile)) == (0, []), ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dashboard", "schedules", "watcher"])
def test_the_programs_of_up_ignore_the_working_directory(hostile, name):
    with listen() as pages, listen() as prefect:
        programs = {each.name: each for each in programs_of(pages, prefect, True, "", "http://127.0.0.1:9/api")}
    ended = run(list(programs[name].command), hostile, REELMILL_LEASE_S="0", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert imported(hostile) == [], ended.stderr
    assert "Invalid setting 'lease_s'" in ended.stderr + ended.stdout, (
        "the program did not get as far as reading its settings"
    )


@pytest.mark.slow
def test_a_flow_run_of_prefect_ignores_the_working_directory(hostile):
    """Prefect's own engine imports the flow with the working directory first on the import path."""
    load = (
        "from prefect.utilities.importtools import import_object; print(import_object('flows.campaign.campaign').name)"
    )
    engine = f"import runpy; runpy.run_module = lambda *_, **__: exec({load!r}); "
    unprotected = run([*PYTHON, "-c", load], hostile)
    assert (unprotected.returncode != 0, imported(hostile)) == (True, ["flows"])
    (hostile / "flows-was-imported").unlink()
    ended = run([*PYTHON, "-c", engine + shlex.split(FLOW_RUN)[-1]], hostile)
    assert (ended.stdout.strip(), imported(hostile)) == ("campaign", []), ended.stderr


def test_relative_parts_of_pythonpath_are_left_out(hostile):
    for path in ("", ".", f"{os.pathsep}.{os.pathsep}elsewhere"):
        environment = isolated_environment({**os.environ, "PYTHONPATH": path})
        assert all(Path(part).is_absolute() for part in environment["PYTHONPATH"].split(os.pathsep))


@pytest.mark.slow
def test_workers_of_ray_ignore_the_working_directory(hostile):
    pytest.importorskip("ray")
    ask = (
        "import ray; from adapters.child_python import ray_job_config; "
        "ray.init(address='local', include_dashboard=False, num_cpus=1, object_store_memory=80_000_000, "
        "log_to_driver=False, job_config=ray_job_config()); "
        "where = ray.remote(lambda: [__import__(name).__file__ for name in ('app', 'json', 'queue')]); "
        "print(*ray.get(where.remote(), timeout=90))"
    )
    ended = run([sys.executable, "-P", "-c", ask], hostile)
    assert imported(hostile) == [], ended.stderr
    assert ended.stdout.split()[0] == str(ROOT / "app" / "__init__.py"), ended.stderr


def test_grandchildren_are_isolated_too(hostile):
    grandchild = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import app.session']))"
    ended = run([*PYTHON, "-c", grandchild], hostile)
    assert (ended.returncode, imported(hostile)) == (0, []), ended.stderr


def test_children_of_an_uninstalled_checkout_can_import_it(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/elsewhere", str(ROOT)]))
    assert isolated_environment()["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "/elsewhere"]
    monkeypatch.setattr(child_python, "ROOT", Path(child_python.sysconfig.get_path("purelib")))
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
