"""The parts of a GPU session: what each one runs, and how long it may take. Needs only Python itself."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT, PROBE, TESTS = "environment", "probe", "tests"
BENCHMARKS = ("gpu-exact", "gpu-night", "gpu-passing", "gpu-kernels")
LIMITS_S: Mapping[str, float] = {
    ENVIRONMENT: 300,
    PROBE: 90,
    TESTS: 300,
    "gpu-exact": 360,
    "gpu-night": 360,
    "gpu-passing": 450,
    "gpu-kernels": 320,
}
"""Seconds that each part may take, in the order in which they run. Their sum is more than a session may take, because
no part is expected to need its limit: what one leaves, the next ones may use."""


@dataclass(frozen=True)
class Stage:
    """A part of the session.

    Attributes:
        found: the file to which the command writes what it has measured; None if it writes none.
    """

    name: str
    command: Sequence[str]
    limit_s: float
    found: Path | None = None


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        root: root of the repository.
        wheels: folder with the wheels to install; None to use the packages of this interpreter.
        site: folder to which they are installed.
        scratch: folder for the files that the parts write.
        device: such as ``cuda:0`` or ``cpu``.
        tiny: run the benchmarks with tiny networks.
        names: the parts to run.
    """

    root: Path
    wheels: Path | None
    site: Path
    scratch: Path
    device: str
    tiny: bool
    names: Sequence[str] = tuple(LIMITS_S)


def stages_of(options: Options) -> list[Stage]:
    """Return the parts of a session in order."""
    made = {
        ENVIRONMENT: _install(options),
        PROBE: _script(options, "infra/gpu/probe.py"),
        # Without the plugins of a development machine, some of which the wheels lack.
        TESTS: [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "gpu", "tests/gpu", "-rs"],
    } | {name: _benchmark(options, name) for name in BENCHMARKS}
    return [
        Stage(name, command, LIMITS_S[name], _found(options, name))
        for name, command in made.items()
        if name in options.names and command
    ]


def _install(options: Options) -> list[str]:
    """Return the command that installs all wheels, with the pip among them if there is one: Python may have none."""
    if options.wheels is None:
        return []
    pips = sorted(options.wheels.glob("pip-*.whl"))
    pip = [str(pips[-1] / "pip")] if pips else ["-m", "pip"]
    wheels = [str(path) for path in sorted(options.wheels.glob("*.whl")) if path not in pips]
    flags = ["--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--disable-pip-version-check", "--upgrade"]
    return [sys.executable, *pip, "install", "--quiet", *flags, "--target", str(options.site), *wheels]


def _script(options: Options, path: str) -> list[str]:
    return [sys.executable, path, "--device", options.device, "--out", str(_found(options, PROBE))]


def _benchmark(options: Options, name: str) -> list[str]:
    tiny = ["--tiny"] if options.tiny else []
    file = str(_found(options, name))
    return [sys.executable, "-m", "benchmarks.wan", name, *tiny, "--device", options.device, "--out", file]


def _found(options: Options, name: str) -> Path | None:
    return options.scratch / f"{name}.json" if name in (PROBE, *BENCHMARKS) else None
