"""Every command in the README runs, in order, with the real starter model."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("reelmill")


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def call(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command, comments=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REELMILL_", "PREFECT_"))}
    environment = {**kept, "REELMILL_HOME": str(folder / "home")}
    return subprocess.run(
        [PROGRAM, *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_of_the_readme_run(tmp_path: Path, prefect_home: Callable[[Path], Path]):
    prefect_home(tmp_path / "home")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    assert len(commands()) >= 10
    for command in commands():
        ended = call(command, tmp_path)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        assert "Traceback" not in ended.stderr
    clips = list((tmp_path / "home" / "bucket").rglob("*.mp4"))
    assert clips
    for clip in clips[:3]:
        assert call(f"reelmill verify {clip}", tmp_path).returncode == 0


def test_the_make_commands_of_the_readme_match_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test"):
        assert f"make {target}" in (ROOT / "README.md").read_text()
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_link_in_the_readme_has_a_target():
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
