"""The script that pins images: it takes the digests of the registry, and finds every image that the files name."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from infra_files import INFRA, is_pinned, run, walk

SCRIPT = Path("images") / "pin.py"
NEW = "sha256:" + "ab" * 32
DOCKER = f"""#!/bin/sh
[ "$*" = "buildx version" ] && exit 0
[ "$1 $2 $3" = "buildx imagetools inspect" ] || exit 2
case "$4" in broken*) echo "no such manifest" >&2; exit 1;; esac
echo "$4" >> "$(dirname "$0")/asked"
echo {NEW}
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of infra/, and a docker that knows one digest."""
    shutil.copytree(INFRA, tmp_path / "infra", ignore=shutil.ignore_patterns(".terraform"))
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    return tmp_path


def pin(folder: Path, *options: str):
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return run(sys.executable, folder / "infra" / SCRIPT, *options, env={"PATH": path})


def images(infra: Path) -> set[str]:
    """Return the images of other projects in all files of infra/."""
    found = {
        part["image"]
        for path in infra.rglob("*.yaml")
        for part in walk(list(yaml.safe_load_all(path.read_text())))
        if isinstance(part, dict) and isinstance(part.get("image"), str)
    }
    text = (infra / "docker" / "Dockerfile").read_text()
    found |= {name for name in re.findall(r"^(?:FROM |# syntax=)(\S+)", text, re.MULTILINE) if ":" in name}
    return {image for image in found if not image.startswith("reelmill:")}


def test_every_image_of_other_projects_is_pinned_by_digest():
    assert len(images(INFRA)) == 5
    assert [image for image in images(INFRA) if not is_pinned(image)] == []


def test_the_script_updates_every_image(copy: Path):
    assert pin(copy).returncode == 0
    assert {image.partition("@")[2] for image in images(copy / "infra")} == {NEW}
    asked = (copy / "bin" / "asked").read_text().split()
    assert sorted(asked) == sorted({image.partition("@")[0] for image in images(INFRA)}), "each is asked for once"


def test_it_adds_missing_digests_and_changes_nothing_else(copy: Path):
    for path in (copy / "infra").rglob("*"):
        if path.is_file() and path.suffix in (".yaml", ""):
            path.write_text(re.sub(r"@sha256:[0-9a-f]{64}", "", path.read_text()))
    pin(copy)
    for path in INFRA.rglob("*"):
        if path.is_file() and ".terraform" not in path.parts and "__pycache__" not in path.parts:
            pinned = (copy / "infra" / path.relative_to(INFRA)).read_text().replace(NEW, "")
            assert pinned == re.sub(r"sha256:[0-9a-f]{64}", "", path.read_text()), path


def test_a_check_reports_and_changes_nothing(copy: Path):
    before = images(copy / "infra")
    answer = pin(copy, "--check")
    assert answer.returncode == 1
    assert "compose.yaml: needs other digests" in answer.stdout
    assert images(copy / "infra") == before
    pin(copy)
    assert pin(copy, "--check").returncode == 0


@pytest.mark.parametrize("is_installed", [True, False], ids=["docker", "nothing"])
def test_a_missing_buildx_is_explained(copy: Path, is_installed: bool):
    docker = copy / "bin" / "docker"
    docker.write_text("#!/bin/sh\necho \"docker: 'buildx' is not a docker command.\" >&2\nexit 1\n")
    if not is_installed:
        docker.unlink()
    answer = run(sys.executable, copy / "infra" / SCRIPT, "--check", env={"PATH": str(copy / "bin")})
    assert answer.returncode == 1
    assert answer.stderr.startswith("This needs docker buildx. Install Docker with its plugin buildx")
    assert "is not a docker command" not in answer.stderr


def test_an_unknown_image_stops_it(copy: Path):
    path = copy / "infra" / "kubernetes" / "dashboard.yaml"
    path.write_text(path.read_text() + "  image: broken:1\n")
    answer = pin(copy)
    assert answer.returncode == 1
    assert "Cannot get the digest of broken:1: no such manifest" in answer.stderr
