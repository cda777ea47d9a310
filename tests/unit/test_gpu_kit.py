"""The kit for GPU machines without a network."""

import json
import subprocess
import sys
import tarfile
from dataclasses import replace

import pytest

from benchmarks.harness import results_file
from benchmarks.harness.result import Limit, Result
from infra.gpu import adopt, kit
from infra.supply.pins import SupplyError

RESULT = Result("gpu-exact", "one clip", "s", 20.0, 21.0, limits=(Limit("ratio", "at least", 1.0),))


def session_of(result: Result, status: str = "passed", tiny: bool = False) -> dict:
    found = {"machine": {"gpu": "NVIDIA H200"}, "result": result.to_json()}
    stages = [{"name": "probe", "status": "passed", "found": {}}, {"name": "tests", "status": "passed", "found": None}]
    return {
        "commit": "a" * 40,
        "tiny": tiny,
        "stages": [*stages, {"name": result.name, "status": status, "found": found}],
    }


class TestNames:
    @pytest.mark.parametrize("python", ["3.11", "3.12"])
    def test_a_kit_has_torch_with_cuda_the_packages_of_a_run_and_pytest(self, python):
        names = kit.names_of(python, light=False)
        wanted = {"torch", "triton", "nvidia-cublas", "diffusers", "av", "c2pa-python", "pytest", "imageio-ffmpeg"}
        assert wanted <= set(names)
        assert not {"ray", "ruff", "mypy", "moto"} & set(names)
        assert len(kit.pinned(names)) == len(names) + 1, "and pip"

    def test_a_light_kit_leaves_out_what_the_machine_has(self):
        names = kit.names_of("3.12", light=True)
        assert "diffusers" in names
        assert not [name for name in names if name.startswith(("nvidia", "cuda", "torch", "triton"))]

    def test_a_package_without_a_pin_is_reported(self):
        with pytest.raises(SupplyError, match=r"constraints\.txt does not pin none-such"):
            kit.pinned(["none-such"])


class TestPack:
    @pytest.fixture
    def unpacked(self, tmp_path):
        wheel = tmp_path / "a-1.0-py3-none-any.whl"
        wheel.write_bytes(b"wheel")
        kit.pack([wheel], tmp_path / "kit.tar")
        with tarfile.open(tmp_path / "kit.tar") as archive:
            archive.extractall(tmp_path / "there", filter="data")
        return tmp_path / "there" / "reelmill"

    def test_it_contains_the_source_the_wheels_and_the_commit(self, unpacked):
        assert (unpacked / "wheels" / "a-1.0-py3-none-any.whl").read_bytes() == b"wheel"
        assert (unpacked / "models" / "starter" / "t2v" / "model_index.json").is_file()
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=kit.ROOT, capture_output=True, text=True, check=True)
        assert (unpacked / "COMMIT").read_text() == head.stdout

    def test_its_script_starts_the_session_from_any_folder(self, unpacked, tmp_path):
        start = unpacked / "gpu.sh"
        assert start.stat().st_mode & 0o111
        done = subprocess.run(
            ["sh", start, "--help"], cwd=tmp_path, env={"PYTHON": sys.executable}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "--budget-s" in done.stdout


def test_a_failed_download_is_reported(tmp_path, capsys, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for torch==2.14.1")
    monkeypatch.setattr(kit, "pip", lambda *_, **__: failed)
    assert kit.main(["--python", "3.12", "--out", str(tmp_path / "kit.tar")]) == 1
    assert "pip cannot download the wheels for Python 3.12:\n  ERROR: No matching" in capsys.readouterr().err
    assert not (tmp_path / "kit.tar").exists()


class TestAdopt:
    @pytest.fixture(autouse=True)
    def saved(self, tmp_path, monkeypatch):
        monkeypatch.setattr(results_file, "PATH", tmp_path / "results.json")

    def test_figures_are_saved_for_the_page(self, tmp_path, capsys):
        (tmp_path / "session.json").write_text(json.dumps(session_of(RESULT)))
        assert adopt.main([str(tmp_path / "session.json")]) == 0
        assert "Saved gpu-exact. Run: python -m benchmarks.page" in capsys.readouterr().out
        one = results_file.load()["gpu-exact"]
        assert (one.result, one.commit, one.machine) == (RESULT, "a" * 12, {"gpu": "NVIDIA H200"})

    def test_a_missed_limit_is_saved_too(self):
        assert adopt.adopt(session_of(replace(RESULT, ours=30.0), "failed")) == ["gpu-exact"]
        assert not results_file.load()["gpu-exact"].result.met

    def test_what_did_not_finish_is_not(self):
        assert adopt.adopt(session_of(RESULT, "timed out")) == []

    def test_figures_of_tiny_networks_are_refused(self, tmp_path, capsys):
        (tmp_path / "session.json").write_text(json.dumps(session_of(RESULT, tiny=True)))
        assert adopt.main([str(tmp_path / "session.json")]) == 1
        assert "Run the session without --tiny" in capsys.readouterr().err
        assert results_file.load() == {}
