"""The path of infra/, and the tools that its tests run. They are installed as Python packages, not downloaded."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services import missing_service

REPO = Path(__file__).resolve().parents[1]
INFRA = REPO / "infra"


def drill_commands(name: str) -> str:
    """Return the commands of docs/operations.md that are marked with this name."""
    guide = (REPO / "docs" / "operations.md").read_text()
    return re.search(rf"<!-- drill: {name} -->\n```sh\n(.*?)```", guide, re.DOTALL)[1]


def tool(name: str, package: str) -> str:
    """Return the path of a program that a Python package installs next to the interpreter."""
    path = Path(sys.executable).parent / name
    found = str(path) if path.is_file() else shutil.which(name)
    if not found:
        missing_service(f"{name} (the package {package})")
    return found


def run(*command: str | Path, stdin: str | None = None, cwd: Path = REPO, env: Mapping[str, str] | None = None):
    """Run a program until it ends. The caller checks the exit code."""
    return subprocess.run(
        [str(part) for part in command], input=stdin, cwd=cwd, env=env, text=True, capture_output=True, timeout=60
    )


def is_pinned(image: str) -> bool:
    """Return whether an image has a tag and a digest; ours, which each operator builds, needs only a tag."""
    name, _, digest = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    is_tagged = bool(colon) and tag not in ("", "latest")
    return is_tagged and (bool(re.fullmatch(r"sha256:[0-9a-f]{64}", digest)) or name.startswith("reelmill:"))


def walk(value: Any) -> Iterator[Any]:
    """Yield every container and every plain value of a parsed document."""
    yield value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from walk(part)
