"""infra/ and its guide mention only settings, commands, flows, queues and versions that exist."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import prefect.settings
import pytest
import typer
import yaml
from infra_files import INFRA, REPO, walk

from app.cli.main import app
from flows.fan_out.fan_out import check_fan_out, spans_hosts
from flows.fan_out.renderer_resources import localise_resources, renderer_resources
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings

OUTPUT = {".terraform", "__pycache__"}
FILES = sorted(path for path in INFRA.rglob("*") if path.is_file() and not OUTPUT & set(path.parts))
GUIDE = REPO / "docs" / "operations.md"
OURS = {"PREFECT_AUTH", "PREFECT_POSTGRES_PASSWORD"}
"""Variables that compose requires from the operator; they are not settings of Prefect."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def unknown_settings(text: str) -> set[str]:
    known = {f"REELMILL_{name.upper()}" for name in Settings.model_fields}
    return set(re.findall(r"REELMILL_[A-Z0-9_]*[A-Z0-9]", text)) - known


def unknown_to_prefect(text: str) -> set[str]:
    return {
        name
        for name in re.findall(r"\bPREFECT_[A-Z0-9_]*[A-Z0-9]", text)
        if name not in OURS and not hasattr(prefect.settings, name)
    }


def unknown_commands(commands: Iterable[list[str]]) -> set[str]:
    """Return the commands and options that `reelmill` does not have."""
    group: Any = typer.main.get_command(app)
    return {" ".join(words) for words in commands if not _is_known(group, words)}


def _is_known(command: Any, words: list[str]) -> bool:
    while words and hasattr(command, "commands"):
        if words[0] not in command.commands:
            return False
        command, words = command.commands[words[0]], words[1:]
    known = {name for option in command.params for name in [*option.opts, *option.secondary_opts]} | {"--help"}
    return all(word in known for word in words if word.startswith("--"))


def documents() -> Iterator[Any]:
    for path in FILES:
        if path.suffix == ".yaml":
            yield from yaml.safe_load_all(text_of(path))


def command_lines() -> Iterator[list[str]]:
    """Yield each command in compose, Kubernetes and the Dockerfile that starts one of our programs."""
    for part in walk(list(documents())):
        if isinstance(part, list) and part and part[0] in ("reelmill", "prefect", "python", "ray"):
            yield part
    for line in re.findall(r"^CMD (\[.*\])", text_of(INFRA / "docker" / "Dockerfile"), re.MULTILINE):
        yield yaml.safe_load(line)


def unknown_modules(commands: Iterable[list[str]]) -> set[str]:
    """Return commands of `python -m` with an unknown module, or with an option that the module does not mention."""
    found = set()
    for words in commands:
        path = REPO / f"{words[0].replace('.', '/')}.py"
        known = text_of(path) if path.is_file() else ""
        if "__main__" not in known or not all(f'"{word}"' in known for word in words[1:] if word.startswith("--")):
            found.add(" ".join(words))
    return found


def environments() -> dict[str, dict[str, str]]:
    """Return the environment of the campaign worker in compose and Kubernetes, with variables filled in."""
    return {
        "compose": compose_environment("driver"),
        "kubernetes": kubernetes_environment("reelmill", "prefect-client"),
    }


def renderer_environments() -> dict[str, dict[str, str]]:
    """Return the same for a Ray worker."""
    return {
        "compose": compose_environment("ray-worker"),
        "kubernetes": kubernetes_environment("prefect-client", "renderer"),
    }


def compose_environment(service: str) -> dict[str, str]:
    values = yaml.safe_load(text_of(INFRA / "compose" / "compose.yaml"))["services"][service]["environment"]
    return {name: filled(value) for name, value in values.items() if value}


def kubernetes_environment(*names: str) -> dict[str, str]:
    maps = [
        *yaml.safe_load_all(text_of(INFRA / "kubernetes" / "config.yaml")),
        *yaml.safe_load_all(text_of(INFRA / "kubernetes" / "secrets.example.yaml")),
    ]
    found: dict[str, str] = {}
    for item in maps:
        if item["metadata"]["name"] in names:
            found |= item.get("data", item.get("stringData"))
    return found | ({"REELMILL_AUDIT_KEY": "ab" * 32} if "REELMILL_AUDIT_KEY" in found else {})


def filled(value: str) -> str:
    """Replace compose's variables by their defaults, or by an example value if there is none."""
    if value.startswith("${AUDIT_KEY"):
        return "ab" * 32
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)\}", lambda found: found[1] or "https://given.example", value)


def queues() -> set[str]:
    return {line[line.index("--work-queue") + 1] for line in command_lines() if "--work-queue" in line}


def deployment_faults(deployments: list[dict[str, Any]]) -> Iterator[str]:
    for item in deployments:
        module, _, name = item["entrypoint"].partition(":")
        if not (REPO / f"{module.replace('.', '/')}.py").is_file() or not name:
            yield f"{item['name']}: {item['entrypoint']} does not exist"
        pool = item["work_pool"]
        if pool["name"] != "reelmill":
            yield f"{item['name']}: no worker serves the pool {pool['name']}"
        if pool.get("work_queue_name", "default") not in queues():
            yield f"{item['name']}: no worker serves the queue {pool['work_queue_name']}"
    fed = {item["work_pool"].get("work_queue_name", "default") for item in deployments}
    yield from (f"the queue {name} has no deployment" for name in sorted(queues() - fed))


@pytest.mark.parametrize("path", [*FILES, GUIDE], ids=lambda path: path.relative_to(REPO).as_posix())
def test_settings_exist(path: Path):
    assert unknown_settings(text_of(path)) == set()
    assert unknown_to_prefect(text_of(path)) == set()


def test_an_unknown_setting_is_reported():
    assert unknown_settings("REELMILL_HOME=/x REELMILL_HOUSE: y") == {"REELMILL_HOUSE"}
    assert unknown_to_prefect("PREFECT_API_URL PREFECT_API_LINK") == {"PREFECT_API_LINK"}


def test_commands_exist():
    ours = [line[1:] for line in command_lines() if line[0] == "reelmill"]
    assert ["review", "--port", "8765", "--no-browser"] in ours
    assert unknown_commands(ours) == set()


def test_modules_exist():
    ours = [line[2:] for line in command_lines() if line[:2] == ["python", "-m"]]
    assert ours.count(["flows.prefect.deployments", "--deploy"]) == 2, "compose and Kubernetes deploy the flows"
    assert unknown_modules(ours) == set()


def test_an_unknown_module_is_reported():
    wrong = [["flows.deployment", "--deploy"], ["flows.prefect.deployments", "--deplore"]]
    assert unknown_modules(wrong) == {"flows.deployment --deploy", "flows.prefect.deployments --deplore"}


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_renderers_receive_shared_staging_and_use_their_own_role(where: str, monkeypatch, tmp_path: Path):
    for name, value in environments()[where].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "driver"))
    settings = load_settings()
    assert spans_hosts(settings)
    check_fan_out(settings)
    sent = renderer_resources(settings, resources_of(settings))
    for name in environments()[where]:
        monkeypatch.delenv(name)
    for name, value in renderer_environments()[where].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "renderer"))
    got = localise_resources(sent)
    assert got.shared
    assert got.catalogue_url.startswith("postgresql://reelmill_renderer:")
    assert got.bucket.location.startswith("s3://")
    assert got.staging == tmp_path / "renderer" / "staging"


def test_commands_of_the_guide_exist():
    spans = re.findall(r"`reelmill ([^`\n]+)`", text_of(GUIDE))
    spans += re.findall(r"^(?:\$ )?reelmill (.+)$", text_of(GUIDE), re.MULTILINE)
    assert len(spans) > 5
    assert unknown_commands([span.split("#")[0].split() for span in spans]) == set()


def test_files_that_the_guide_names_exist():
    named = re.findall(r"`((?:infra|tests)/[\w./-]+)`", text_of(GUIDE))
    named += [f"docs/{target}" for target in re.findall(r"\]\(([^)#]+)\)", text_of(GUIDE))]
    assert len(named) > 5
    assert [name for name in named if not (REPO / name).exists()] == []


def test_an_unknown_command_is_reported():
    assert unknown_commands([["review", "--prot", "1"], ["revue"], ["audit", "verify"]]) == {"review --prot 1", "revue"}


def test_deployments_and_workers_match():
    deployments = yaml.safe_load(text_of(REPO / "prefect.yaml"))["deployments"]
    assert {"campaign", "stock", "sweep", "watch"} <= {item["name"] for item in deployments}
    assert list(deployment_faults(deployments)) == []


def test_a_deployment_without_a_worker_is_reported():
    wrong = [{"name": "x", "entrypoint": "flows.nothing:x", "work_pool": {"name": "y", "work_queue_name": "z"}}]
    said = list(deployment_faults(wrong))
    assert said == [
        "x: flows.nothing:x does not exist",
        "x: no worker serves the pool y",
        "x: no worker serves the queue z",
        "the queue default has no deployment",
        "the queue sweep has no deployment",
        "the queue watch has no deployment",
    ]


def test_compose_and_kubernetes_run_the_same_workers_and_server():
    compose = yaml.safe_load(text_of(INFRA / "compose" / "compose.yaml"))["services"]
    config = {
        item["metadata"]["name"]: item["data"]
        for item in yaml.safe_load_all(text_of(INFRA / "kubernetes" / "config.yaml"))
    }
    for name in ("driver", "watcher", "sweeper"):
        deployment = yaml.safe_load(text_of(INFRA / "kubernetes" / f"{name}.yaml"))
        there = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        assert [word for word in compose[name]["command"] if word not in ("--name", name)] == there
    server = {
        name: value
        for name, value in compose["prefect"]["environment"].items()
        if name not in ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_SERVER_DATABASE_CONNECTION_URL")
    }
    assert server == config["prefect-server"]


def test_containers_use_the_same_user_everywhere():
    uid = re.findall(r"^USER (\d+):\d+$", text_of(INFRA / "docker" / "Dockerfile"), re.MULTILINE)[-1]
    users = {part["runAsUser"] for part in walk(list(documents())) if isinstance(part, dict) and "runAsUser" in part}
    assert users == {int(uid)}
    assert f"uid={uid}," in text_of(INFRA / "compose" / "compose.yaml")


def test_versions_match_the_pins():
    pins = dict(line.split("==") for line in text_of(REPO / "constraints.txt").split())
    assert f'rayVersion: "{pins["ray"]}"' in text_of(INFRA / "kubernetes" / "ray.yaml")


def test_terraform_binds_the_service_accounts_of_the_pods():
    items = yaml.safe_load_all(text_of(INFRA / "kubernetes" / "accounts.yaml"))
    accounts = {item["metadata"]["name"] for item in items}
    block = re.search(r"  roles = \{\n(.*?)\n  \}", text_of(INFRA / "terraform" / "roles.tf"), re.DOTALL)[1]
    assert {f"reelmill-{role}" for role in re.findall(r"(\w+)\s+= \[", block)} == accounts - {"prefect"}
