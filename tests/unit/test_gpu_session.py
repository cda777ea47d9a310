"""The command for GPU machines, with commands of its own instead of hours of work."""

import json
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from infra.gpu import session
from infra.gpu.session import Session
from infra.gpu.stages import LIMITS_S, Options, Stage, stages_of

ROOT = Path(__file__).parents[2]


def options(tmp_path: Path, **changes: object) -> Options:
    made = {
        "root": ROOT,
        "wheels": None,
        "site": tmp_path / "site",
        "scratch": tmp_path,
        "device": "cpu",
        "tiny": True,
    }
    return Options(**made | changes)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs parts, given as Python code by name, and returns the results by name."""

    def run_parts(parts: dict[str, str], limit_s: float = 30.0, budget_s: float = 60.0) -> dict[str, dict]:
        found = {name: tmp_path / f"{name}.json" for name in parts}
        stages = [Stage(name, [sys.executable, "-c", code], limit_s, found[name]) for name, code in parts.items()]
        monkeypatch.setattr(session, "stages_of", lambda _: stages)
        made = Session(options(tmp_path), tmp_path / "out", budget_s)
        passed = made.run()
        content = json.loads((tmp_path / "out" / "results.json").read_text())
        assert passed == all(stage["status"] in ("passed", "skipped") for stage in content["stages"])
        return {stage["name"]: stage for stage in content["stages"]}

    return run_parts


def has_ended(file: Path) -> bool:
    """Return whether the process whose id is in a file ends within a few seconds, or waits to be reaped."""
    for _ in range(50):
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(int(file.read_text())).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.1)
                continue
        return True
    return False


def test_a_part_that_fails_does_not_stop_the_others(run, tmp_path):
    write = f"open({str(tmp_path / 'gpu-night.json')!r}, 'w').write('{{\"result\": {{}}}}')"
    found = run({"gpu-exact": "print('a'); raise SystemExit(3)", "gpu-night": write})
    assert [stage["status"] for stage in found.values()] == ["failed", "passed"]
    assert found["gpu-exact"]["why"] == "a"
    assert found["gpu-night"]["found"] == {"result": {}}
    assert "== gpu-exact: " in (tmp_path / "out" / "log.txt").read_text()


def test_a_missed_limit_of_a_benchmark_keeps_its_result(run, tmp_path):
    write = f"open({str(tmp_path / 'gpu-exact.json')!r}, 'w').write('{{\"result\": {{}}}}'); raise SystemExit(1)"
    assert run({"gpu-exact": write})["gpu-exact"]["found"] == {"result": {}}


def test_a_part_that_hangs_is_ended_with_everything_that_it_started(run, tmp_path):
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(300)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    began = time.monotonic()
    found = run({"gpu-exact": code, "gpu-night": "print('b')"}, limit_s=3.0)
    assert [stage["status"] for stage in found.values()] == ["timed out", "passed"]
    assert time.monotonic() - began < 30
    assert has_ended(tmp_path / "pid")


def test_a_part_that_ignores_the_request_to_end_is_killed(run, monkeypatch):
    monkeypatch.setattr(session, "GRACE_S", 0.5)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(300)"
    )
    assert run({"gpu-exact": code}, limit_s=3.0)["gpu-exact"]["status"] == "timed out"


def test_processes_that_a_part_leaves_behind_are_ended(run, tmp_path):
    child = "import time; time.sleep(300)"
    code = (
        "import subprocess, sys; "
        f"left = subprocess.Popen([sys.executable, '-c', {child!r}]); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(left.pid))"
    )
    assert run({"gpu-exact": code})["gpu-exact"]["status"] == "passed"
    assert has_ended(tmp_path / "pid")


@pytest.mark.parametrize(
    ("name", "why"),
    [("environment", "the environment could not be built"), ("probe", "torch cannot use the device")],
)
def test_without_an_environment_or_a_device_nothing_else_is_run(run, name, why):
    found = run({name: "raise SystemExit(1)", "tests": "print('1 passed')"})
    assert found["tests"] | {"found": None} == {
        "name": "tests", "status": "not run", "seconds": 0.0, "limit_s": 0.0, "found": None, "why": why
    }  # fmt: skip


def test_a_part_without_time_is_not_started(run):
    found = run({"gpu-exact": "import time; time.sleep(2)", "gpu-night": "print('b')"}, budget_s=session.LEAST_S + 1)
    assert found["gpu-exact"]["status"] == "passed"
    assert found["gpu-night"] | {"found": None} == found["gpu-night"]
    assert found["gpu-night"]["why"] == "no time was left"


def test_no_part_gets_more_time_than_is_left(run):
    found = run({"gpu-exact": "print('a')"}, limit_s=500.0, budget_s=100.0)
    assert 90 < found["gpu-exact"]["limit_s"] <= 100


def test_a_slow_machine_can_be_given_more_time(run):
    assert run({"gpu-exact": "print('a')"}, limit_s=100.0, budget_s=3000.0)["gpu-exact"]["limit_s"] == 200


def test_results_are_kept_when_the_session_itself_is_killed(tmp_path):
    code = (
        "import sys; from pathlib import Path; from infra.gpu import session; from infra.gpu.stages import *\n"
        "stages = [Stage('gpu-exact', [sys.executable, '-c', 'print(1)'], 30), "
        "Stage('gpu-night', [sys.executable, '-c', 'import time; time.sleep(20)'], 30)]\n"
        "session.stages_of = lambda _: stages\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "made = Options(folder, None, folder, folder, 'cpu', True)\n"
        "session.Session(made, folder / 'out', 60).run()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if line.startswith("== gpu-night, at most"):
                child.kill()
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(stage["name"], stage["status"]) for stage in content["stages"]] == [("gpu-exact", "passed")]


@pytest.mark.parametrize(
    ("summary", "status", "counts"),
    [
        ("13 passed in 60.1s", "passed", {"passed": 13}),
        ("8 passed, 5 skipped, 8 warnings in 191.33s (0:03:11)", "passed", {"passed": 8, "skipped": 5}),
        ("13 skipped in 2.1s", "skipped", {"skipped": 13}),
    ],
)
def test_the_tests_are_counted(run, tmp_path, summary, status, counts):
    found = run({"tests": f"print('...\\n{summary}')"})["tests"]
    assert (found["status"], found["found"]) == (status, counts)


def test_wheels_are_installed_without_a_network_and_used(run, tmp_path, monkeypatch):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tiny_gpu_kit-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_gpu_kit.py", "answer = 42")
        about = "tiny_gpu_kit-1.0.dist-info"
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-gpu-kit\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    chosen = options(tmp_path, wheels=wheels)
    stages = stages_of(chosen)[:1]
    code = "import tiny_gpu_kit, manifests; print(tiny_gpu_kit.answer)"
    stages.append(Stage("gpu-exact", [sys.executable, "-c", code], 30))
    monkeypatch.setattr(session, "stages_of", lambda _: stages)
    made = Session(chosen, tmp_path / "out", 120)
    assert made.run(), (tmp_path / "out" / "log.txt").read_text()
    assert (tmp_path / "out" / "log.txt").read_text().strip().endswith("42")


def test_a_later_session_with_other_parts_uses_the_installed_wheels(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(session.Session, "run", lambda self: seen.append(self._environment["PYTHONPATH"]) or True)
    (tmp_path / "a-1.0-py3-none-any.whl").touch()
    for part in ("environment", "gpu-exact"):
        session.main(["--wheels", str(tmp_path), "--stages", part, "--out", str(tmp_path / part)])
    assert seen[0] == seen[1]


def test_the_whole_session_fits_into_the_time():
    real = [name for name in LIMITS_S if name.startswith("gpu-")]
    assert sum(LIMITS_S[name] for name in real) < session.BUDGET_S, "the benchmarks can always use their limits"
    assert session.BUDGET_S <= 25 * 60


def test_only_the_standard_library_is_needed_to_start():
    done = subprocess.run(
        [sys.executable, "-S", "-E", "infra/gpu/session.py", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--tiny" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--stages", "gpu-exact,gpu-day"], "unknown stage 'gpu-day': choose from environment, probe"),
        (["--wheels", "."], "contains no wheels; make them with `make gpu-kit`"),
    ],
)
def test_wrong_options_are_reported(tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        session.main(words)
    assert sentence in capsys.readouterr().err


def test_the_main_figure_of_a_benchmark_is_printed(run, tmp_path, capsys):
    content = {"result": {"ours": 19.6, "unit": "s per clip", "ratio": 1.0349}}
    run({"gpu-exact": f"open({str(tmp_path / 'gpu-exact.json')!r}, 'w').write({json.dumps(content)!r})"})
    assert "== gpu-exact: passed, 0 s; 19.6 s per clip, ratio 1.03\n" in capsys.readouterr().out


def test_the_device_is_described(tmp_path):
    assert session.main(["--device", "cpu", "--stages", "probe", "--out", str(tmp_path / "out")]) == 0
    (stage,) = json.loads((tmp_path / "out" / "results.json").read_text())["stages"]
    assert stage["found"]["matmul_tflops"] > 0


def test_a_device_that_torch_cannot_use_is_reported(tmp_path):
    words = ["--device", "cuda:99", "--stages", "probe,tests", "--out", str(tmp_path / "out")]
    assert session.main(words) == 1
    probe, tests = json.loads((tmp_path / "out" / "results.json").read_text())["stages"]
    assert probe["status"] == "failed"
    assert "Error" in probe["why"]
    assert tests["why"] == "torch cannot use the device"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_whole_session_with_tiny_networks_on_the_cpu(tmp_path):
    assert session.main(["--tiny", "--device", "cpu", "--out", str(tmp_path / "out"), "--budget-s", "3000"]) == 0
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {stage["name"]: stage["status"] for stage in content["stages"]} == {
        name: "passed" for name in LIMITS_S if name != "environment"
    }
    assert all("result" in stage["found"] for stage in content["stages"] if stage["name"].startswith("gpu-"))
