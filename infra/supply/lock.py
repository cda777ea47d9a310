"""Write or check requirements.lock: ``python -m infra.supply.lock [--check | --verify]``.

The lock has the run-time packages of constraints.txt with the SHA-256 of their wheels. pip chooses the wheels and
downloads them to compute the digests, if the package index has not published these. pip-tools would do the same, but
lists only packages that the interpreter at hand needs, and pip's own `pip lock` writes a format that the pip of the
base image cannot install.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from infra.supply.pins import MACHINES, PYTHON, ROOT, SupplyError, installed_requires, runtime_names, runtime_pins

LOCK = ROOT / "requirements.lock"
NEWEST_GLIBC, OLDEST_GLIBC = 41, 5
"""Minor versions: Debian trixie has 2.41, and manylinux1 is 2.5."""
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
VERIFY_S = 420
WRITE_S = 1800
DRY = ("--dry-run", "--ignore-installed", "--quiet", "--report", "-")
HEADER = """\
# The packages that Reelmill needs at run time, with the SHA-256 of their wheels: Linux, glibc, CPython {python}.
# Where two digests are listed, the first is of the wheel for x86-64, the second for arm64.
# Generated from pyproject.toml and constraints.txt by `make lock`. Install it with
#   pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock
"""
INSTALL = ("install", "--require-hashes", "--no-deps", "--only-binary", ":all:")
"""As the image does. The lock is complete, and older versions of pip find no digests for requirements with extras."""
UNREACHABLE = re.compile(r"Retrying \(|ConnectionError|NameResolutionError|timed out|Temporary failure", re.IGNORECASE)
MISMATCH = re.compile(r"hash", re.IGNORECASE)


@dataclass(frozen=True)
class Wheel:
    """A wheel that pip chose for one machine."""

    name: str
    version: str
    sha256: str
    requires: tuple[str, ...]


@dataclass(frozen=True)
class Locked:
    """A package in the lock; the digests are in the order of `MACHINES`."""

    version: str
    sha256: tuple[str, ...]

    def digest_for(self, machine: str) -> str:
        """Return the digest of the wheel for a machine, or an empty string for a machine that is not supported."""
        if machine not in MACHINES:
            return ""
        return self.sha256[min(MACHINES.index(machine), len(self.sha256) - 1)]


def main(arguments: list[str]) -> int:
    """Write the lock, or check it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.supply.lock", description=__doc__.splitlines()[0])
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="compare the lock with constraints.txt, without a network")
    group.add_argument("--verify", action="store_true", help="download the wheels and compare their digests")
    chosen = parser.parse_args(arguments)
    try:
        print(check() if chosen.check else verify() if chosen.verify else write())
    except SupplyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def read_lock(path: Path = LOCK) -> dict[str, Locked]:
    """Return the packages of a lock by their normalized names."""
    joined = path.read_text().replace("\\\n", " ")
    lines = [line.split() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return {canonicalize_name(line[0].partition("==")[0]): _locked(line) for line in lines}


def all_pins() -> dict[str, str]:
    """Return the versions of the packages that any machine needs at run time."""
    return {name: version for machine in MACHINES for name, version in runtime_pins(machine).items()}


def lock_faults(lock: Mapping[str, Locked], pins: Mapping[str, str]) -> list[str]:
    """Return the differences between a lock and the pins, one line each."""
    faults = [f"{name}=={pins[name]} is missing" for name in pins if name not in lock]
    faults += [f"{name} is not needed" for name in lock if name not in pins]
    faults += [
        f"{name} is {lock[name].version}, but constraints.txt has {pins[name]}"
        for name in pins
        if name in lock and lock[name].version != pins[name]
    ]
    return faults + [f"{name} has no digest" for name in lock if not lock[name].sha256]


def check(path: Path = LOCK) -> str:
    """Compare a lock with constraints.txt; return a line for people.

    Raises:
        SupplyError: they differ.
    """
    lock = read_lock(path)
    if faults := lock_faults(lock, all_pins()):
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise SupplyError(f"{path.name} does not match constraints.txt:\n{lines}\nRun: make lock")
    return f"{path.name}: {len(lock)} packages, as in constraints.txt."


def verify(path: Path = LOCK) -> str:
    """Let pip download a lock as an image for this processor does, without installing it; return a line for people.

    Raises:
        SupplyError: a wheel is missing, has another digest, or was yanked.
    """
    machine = platform.machine() if platform.machine() in MACHINES else MACHINES[0]
    try:
        done = pip(*INSTALL, *DRY, *target(machine), "-r", str(path), timeout=VERIFY_S)
    except subprocess.TimeoutExpired:
        return f"{path.name} was NOT verified: pip was not ready after {VERIFY_S} s."
    if done.returncode == 0:
        return f"{path.name}: {len(wheels(done.stdout))} wheels for {machine} have the locked digests."
    if UNREACHABLE.search(done.stderr) and not MISMATCH.search(done.stderr):
        return f"{path.name} was NOT verified: the package index cannot be reached."
    raise SupplyError(f"pip refuses {path.name}. If constraints.txt changed, run: make lock\n{_tail(done)}")


def write(path: Path = LOCK) -> str:
    """Write a lock; ask pip only for versions that it does not contain yet. Return a line for people.

    Raises:
        SupplyError: a package is not pinned, or has no wheel for one of the machines.
    """
    old = read_lock(path) if path.exists() else {}
    chosen = {machine: _wheels_for(machine, old) for machine in MACHINES}
    for machine, found in chosen.items():
        check_closure(machine, found)
    path.write_text(lock_text(chosen))
    return f"Wrote {path.name}: {len(read_lock(path))} packages."


def _wheels_for(machine: str, old: Mapping[str, Locked]) -> dict[str, Wheel]:
    """Return the wheels of a machine: those that the lock already has in the pinned version, and new ones."""
    pins = runtime_pins(machine)
    kept = {
        name: Wheel(name, locked.version, locked.digest_for(machine), tuple(installed_requires(name)))
        for name, locked in old.items()
        if pins.get(name) == locked.version
    }
    return kept | _choose(machine, {name: version for name, version in pins.items() if name not in kept})


def check_closure(machine: str, found: Mapping[str, Wheel]) -> None:
    """Check the names against the metadata of the wheels themselves.

    Raises:
        SupplyError: a wheel requires a package that the installed packages do not require.
    """
    needed = runtime_names(machine, lambda name: found[name].requires if name in found else ())
    if missing := sorted(needed - set(found)):
        lines = ", ".join(missing)
        raise SupplyError(f"Wheels for {machine} require packages that are not installed here: {lines}. Run: make test")


def lock_text(chosen: Mapping[str, Mapping[str, Wheel]]) -> str:
    """Return the text of the lock, given the wheels of each machine by name."""
    names = sorted({name for found in chosen.values() for name in found})
    return HEADER.format(python=PYTHON) + "".join(_entry(name, chosen) for name in names)


def _entry(name: str, chosen: Mapping[str, Mapping[str, Wheel]]) -> str:
    found = {machine: of[name] for machine, of in chosen.items() if name in of}
    wheel = next(iter(found.values()))
    marker = f' ; platform_machine == "{next(iter(found))}"' if len(found) < len(chosen) else ""
    digests = dict.fromkeys(item.sha256 for item in found.values())
    return f"{name}=={wheel.version}{marker}" + "".join(f" \\\n    --hash=sha256:{digest}" for digest in digests) + "\n"


def _choose(machine: str, pins: Mapping[str, str]) -> dict[str, Wheel]:
    """Let pip choose the wheels of a machine. Dependencies are not followed, because pip ignores the machine there."""
    if not pins:
        return {}
    print(f"Choosing {len(pins)} wheels for {machine} …", flush=True)
    wanted = [f"{name}=={version}" for name, version in pins.items()]
    done = pip("install", "--no-deps", "--only-binary", ":all:", *DRY, *target(machine), *wanted, timeout=WRITE_S)
    if done.returncode:
        raise SupplyError(f"pip finds no wheels for {machine}:\n{_tail(done)}")
    return {wheel.name: wheel for wheel in wheels(done.stdout)}


def target(machine: str) -> list[str]:
    """Return pip's options for wheels of the image, which nothing is installed from."""
    return ["--target", "unused", *platform_options(machine, PYTHON)]


def platform_options(machine: str, python: str) -> list[str]:
    """Return pip's options for wheels of Linux: the best platform tag first, as pip itself orders them.

    Args:
        python: version of Python, such as ``3.12``.
    """
    tags: list[str] = []
    for minor in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1):
        tags += [f"manylinux_2_{minor}_{machine}"]
        tags += [f"{LEGACY[minor]}_{machine}"] if minor in LEGACY else []
    platforms = [word for tag in [*tags, f"linux_{machine}"] for word in ("--platform", tag)]
    return ["--python-version", python, *platforms]


def wheels(report: str) -> list[Wheel]:
    """Return the wheels of a report of pip.

    Raises:
        SupplyError: a release was yanked by its authors.
    """
    items = json.loads(report)["install"]
    if yanked := [f"{item['metadata']['name']} {item['metadata']['version']}" for item in items if _is_yanked(item)]:
        raise SupplyError(f"Their authors yanked these releases: {', '.join(yanked)}. Pin others in constraints.txt.")
    return [_wheel(item) for item in items]


def pip(*arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run pip of this interpreter; the caller checks the exit code."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT)  # noqa: S603


def _wheel(item: Mapping[str, Any]) -> Wheel:
    about = item["metadata"]
    digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
    return Wheel(canonicalize_name(about["name"]), about["version"], digest, tuple(about.get("requires_dist", ())))


def _is_yanked(item: Mapping[str, Any]) -> bool:
    return bool(item.get("is_yanked"))  # pip before 23.3 does not report it


def _locked(words: Iterable[str]) -> Locked:
    name, *rest = words
    return Locked(name.partition("==")[2], tuple(word.rpartition(":")[2] for word in rest if word.startswith("--hash")))


def _tail(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(f"  {line}" for line in done.stderr.splitlines()[-15:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
