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


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


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
@pytest.mark.timeout(1200)
def test_the_commands_of_the_readme_run(tmp_path: Path, prefect_home: Callable[[Path], Path]):
    prefect_home(tmp_path / "home")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    readme = commands((ROOT / "README.md").read_text())
    assert len(readme) >= 10
    for command in readme:
        ended = call(command, tmp_path)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        assert "Traceback" not in ended.stderr
    clips = list((tmp_path / "home" / "bucket").rglob("*.mp4"))
    assert clips
    for clip in clips[:3]:
        assert call(f"reelmill verify {clip}", tmp_path).returncode == 0


def test_the_quickstart_of_hosted_models_is_complete_and_in_order(tmp_path: Path):
    """Only the plan runs here: the other steps need a key, a network or money."""
    guide = (ROOT / "docs" / "providers.md").read_text()
    steps = commands(guide[guide.index("## Quickstart") : guide.index("## Several models")])
    assert [shlex.split(step)[:2] for step in steps] == [
        ["export", "REELMILL_PROVIDER_RUNWAY_KEY=…"],
        ["reelmill", "models"],
        ["reelmill", "doctor"],
        ["reelmill", "plan"],
        ["reelmill", "run"],
    ]
    pull, plan, run = steps[1], steps[3], steps[4]
    assert pull == "reelmill models pull openclip-vit-b-32"
    assert run.replace(" run ", " plan ").startswith(plan)
    assert run.removeprefix(f"reelmill run{plan.removeprefix('reelmill plan')}") == ' --budget "5 USD"'
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    planned = call(run.replace(" run ", " plan "), tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "2 clips to generate" in planned.stdout


def test_the_make_commands_of_the_readme_match_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test"):
        assert f"make {target}" in (ROOT / "README.md").read_text()
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_link_in_the_readme_has_a_target():
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
