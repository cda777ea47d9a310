"""The versions in constraints.txt, and the names of the packages that Reelmill needs at run time."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
MACHINES = ("x86_64", "aarch64")
"""Processors that the lock has wheels for, as `platform.machine()` spells them. The system is Linux."""
PYTHON = "3.11"
PYTHON_FULL = "3.11.15"
"""The version of the base image: some requirements are only for patch releases before 3.11.3."""
EXTRAS = ("finish", "ray")
"""Extras that the image installs. The others are for tests and benchmarks."""

Requires = Callable[[str], Iterable[str]]
"""Return the requirements of a package, given its normalized name."""


class SupplyError(Exception):
    """A problem for people: the message says what is wrong and how to fix it."""


def read_pins(path: Path = CONSTRAINTS) -> dict[str, str]:
    """Return the version of each package in a file of ``name==version`` lines."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    pairs = (line.partition("==") for line in lines if line)
    return {canonicalize_name(name): version.strip() for name, _, version in pairs}


def roots() -> list[Requirement]:
    """Return the direct run-time requirements in pyproject.toml, with those of the extras that the image installs."""
    extras = [line for extra in EXTRAS for line in _project()["optional-dependencies"][extra]]
    return [*runtime_requirements(), *map(Requirement, extras)]


def runtime_requirements() -> list[Requirement]:
    """Return the direct run-time requirements in pyproject.toml, without extras."""
    return [Requirement(line) for line in _project()["dependencies"]]


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def installed_requires(name: str) -> list[str]:
    """Return the requirements of an installed package; none if it is not installed, as CUDA on a Mac."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def runtime_names(machine: str, requires: Requires = installed_requires) -> set[str]:
    """Return the normalized names of all packages that Reelmill needs at run time, direct or not."""
    return closure(roots(), machine, requires)


def closure(
    requirements: Iterable[Requirement], machine: str, requires: Requires = installed_requires, python: str = PYTHON
) -> set[str]:
    """Return the normalized names of the packages that requirements stand for, direct or not.

    Args:
        python: version of Python, such as ``3.12``.
    """
    found: set[tuple[str, str]] = set()
    queue = list(_wanted(requirements, "", machine, python))
    while queue:
        name, extra = item = queue.pop()
        if item not in found:
            found.add(item)
            queue += _wanted(map(Requirement, requires(name)), extra, machine, python)
    return {name for name, _ in found}


def runtime_pins(machine: str) -> dict[str, str]:
    """Return the pinned versions of the packages that Reelmill needs at run time.

    Raises:
        SupplyError: constraints.txt does not pin one of them.
    """
    names, pins = runtime_names(machine), read_pins()
    if missing := sorted(names - set(pins)):
        lines = ", ".join(f"{name}=={installed_version(name)}" for name in missing)
        raise SupplyError(f"constraints.txt does not pin packages that Reelmill needs at run time. Add {lines}.")
    return {name: pins[name] for name in sorted(names)}


def installed_version(name: str) -> str:
    """Return the version of an installed package, or ``VERSION`` if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "VERSION"


def _wanted(requirements: Iterable[Requirement], extra: str, machine: str, python: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each requirement that applies, alone and with each of its extras."""
    for item in requirements:
        if item.marker is None or item.marker.evaluate(_environment(machine, python) | {"extra": extra}):
            name = canonicalize_name(item.name)
            yield from ((name, wanted) for wanted in ("", *item.extras))


def _environment(machine: str, python: str) -> dict[str, str]:
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": PYTHON_FULL if python == PYTHON else f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
