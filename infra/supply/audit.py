"""Look for known vulnerabilities of the pinned packages with pip-audit: ``python -m infra.supply.audit [--strict]``.

The exit code is 1 if there are any. If no service can be reached, that is printed and the exit code is 0, so that
machines without internet access can build; with ``--strict``, for a release, it is 2. With ``--strict``, it is also 2
if the service has not checked some of the pins.

pip-audit alone reports "No known vulnerabilities found" for packages that the service does not know, and ends with a
traceback if it cannot connect. Neither is a result, so its JSON is read here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name, canonicalize_version

from infra.supply.accepted import ACCEPTED, Acceptance, read_accepted
from infra.supply.pins import CONSTRAINTS, SupplyError, read_pins

LIMIT_S = 60.0
CONNECT_S = 5
SAMPLE = 5


@dataclass(frozen=True)
class Service:
    """A database of vulnerabilities, with the options that make pip-audit use it."""

    name: str
    options: tuple[str, ...]


SERVICES = (Service("PyPI", ("-s", "pypi")), Service("OSV", ("-s", "osv")))


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of a pinned version."""

    package: str
    version: str
    ids: tuple[str, ...]
    summary: str
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fix = f"Fixed in {', '.join(self.fixed_in)}." if self.fixed_in else "There is no fixed version yet."
        return f"{self.package} {self.version}: {self.ids[0]}: {self.summary[:200]} {fix}"


@dataclass(frozen=True)
class Answer:
    """What a service said about the pins.

    Attributes:
        checked: names and versions of the packages that the service knows, normalized.
        problem: why it said nothing.
    """

    service: str
    found: tuple[Vulnerability, ...] = ()
    checked: frozenset[tuple[str, str]] = frozenset()
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """What to print, and the exit code."""

    lines: tuple[str, ...]
    code: int


def main(arguments: list[str]) -> int:
    """Audit the pins; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.supply.audit", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--strict", action="store_true", help="fail if a package cannot be checked, or no service can be reached"
    )
    chosen = parser.parse_args(arguments)
    try:
        report = audit(CONSTRAINTS, SERVICES, read_accepted(ACCEPTED, _today()), _today(), strict=chosen.strict)
    except SupplyError as error:
        report = Report((str(error),), 1)
    print("\n".join(report.lines))
    return report.code


def audit(
    pins: Path,
    services: Sequence[Service],
    accepted: Sequence[Acceptance],
    today: date,
    strict: bool = False,
    limit_s: float = LIMIT_S,
) -> Report:
    """Ask the services in order until one answers, all of them within the limit."""
    end = time.monotonic() + limit_s
    problems = []
    for service in services:
        answer = _sample(service, pins, end - time.monotonic())
        if not answer.problem:
            answer = ask(service, pins, end - time.monotonic())
        if not answer.problem:
            return judge(answer, read_pins(pins), accepted, today, strict)
        problems.append(f"{service.name} {answer.problem}")
    line = f"Known vulnerabilities were NOT checked: {'; '.join(problems)}."
    return Report((line,), 2 if strict else 0)


def _sample(service: Service, pins: Path, limit_s: float) -> Answer:
    """Ask about a few pins first: a mirror without the service would refuse hundreds of requests."""
    lines = pins.read_text().splitlines(keepends=True)
    if len(lines) <= SAMPLE:
        return Answer(service.name)
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / pins.name
        few.write_text("".join(lines[:SAMPLE]))
        return ask(service, few, limit_s)


def ask(service: Service, pins: Path, limit_s: float) -> Answer:
    """Run pip-audit on a file of pins with one service."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", str(CONNECT_S), *service.options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(limit_s, 0.01))  # noqa: S603
    except subprocess.TimeoutExpired:
        return Answer(service.name, problem="did not answer in time")
    return read_answer(service.name, done.stdout, done.stderr)


def read_answer(service: str, output: str, errors: str) -> Answer:
    """Return the answer in pip-audit's output; without any JSON, it could not connect."""
    try:
        items = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        reason = (errors.strip().splitlines() or ["no output"])[-1].partition(" (Caused by")[0]
        return Answer(service, problem=f"cannot be reached: {reason[:160]}")
    known = [item for item in items if "skip_reason" not in item]
    if not known:
        return Answer(service, problem=f"does not know any of {len(items)} packages; the index may be a mirror")
    found = tuple(_vulnerability(item, each) for item in known for each in item["vulns"])
    return Answer(service, found, frozenset(_normalized(item["name"], item["version"]) for item in known))


def judge(
    answer: Answer, pins: Mapping[str, str], accepted: Sequence[Acceptance], today: date, strict: bool = False
) -> Report:
    """Compare the vulnerabilities with those that are accepted; ``strict`` fails for pins that were not checked.

    The service's own list does not suffice: it could omit packages.
    """
    unchecked = [name for name, version in pins.items() if _normalized(name, version) not in answer.checked]
    lines = [f"{answer.service}: {len(pins) - len(unchecked)} packages checked."]
    if unchecked:
        what = f"{len(unchecked)} of {len(pins)} packages were NOT checked, because {answer.service}"
        lines.append(f"{what} does not know these versions: {', '.join(unchecked)}.")
    failed = []
    for item in answer.found:
        match = [one for one in accepted if one.covers(item.package, item.ids, today)]
        lines += [f"Accepted until {one.expires}: {item} {one.reason}" for one in match[:1]]
        failed += [] if match else [f"VULNERABLE: {item}"]
    lines += _stale(answer.found, accepted, today)
    if failed:
        failed.append(f"Upgrade them in constraints.txt and run `make lock`, or accept them in {ACCEPTED.name}.")
    code = 1 if failed else 2 if strict and unchecked else 0
    return Report((*lines, *failed), code)


def _stale(found: Iterable[Vulnerability], accepted: Iterable[Acceptance], today: date) -> list[str]:
    """Return a line for each acceptance that has expired or matches nothing."""
    known = {(item.package, name) for item in found for name in item.ids}
    lines = [f"{one.id} of {one.package} expired on {one.expires}." for one in accepted if one.expires < today]
    lines += [f"{one.id} of {one.package} matches nothing." for one in accepted if (one.package, one.id) not in known]
    return [f"{ACCEPTED.name}: {line} Remove or renew it." for line in lines]


def _normalized(name: str, version: str) -> tuple[str, str]:
    return canonicalize_name(name), canonicalize_version(version)


def _vulnerability(item: dict[str, Any], each: dict[str, Any]) -> Vulnerability:
    ids = (each["id"], *each.get("aliases", ()))
    summary = " ".join(each.get("description", "").split())
    return Vulnerability(
        canonicalize_name(item["name"]), item["version"], ids, summary, tuple(each.get("fix_versions", ()))
    )


def _today() -> date:
    return datetime.now(UTC).date()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
