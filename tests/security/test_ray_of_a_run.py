"""The Ray cluster that a run starts on this machine refuses other users, and its workers reach Prefect's server."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.fan_out.runner import _own_cluster
from flows.fan_out.worker_environment import _NAMES, _NEEDED, inherited_by_workers, worker_environment
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.runtime import resources as opened

RUN = """
import json, os, subprocess, sys
from pathlib import Path
from flows.settings import prepare_prefect, load_settings
from flows.prefect.embedded_server import prefect_server
home = Path(sys.argv[1])
prepare_prefect(home)
with prefect_server(home):
    from prefect import flow, task
    from prefect.client.orchestration import get_client
    from flows.fan_out.runner import device_runner

    @task
    def in_worker():
        with get_client(sync_client=True) as client:
            return len(client.read_flow_runs()), os.getpid()

    @flow
    def fan_out():
        with device_runner(load_settings(runner="ray"), []) as runner:
            import ray
            found, worker = runner.submit(in_worker, {}).result()
            outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
            attack = subprocess.run(
                [sys.executable, "-c", sys.argv[2], ray.get_runtime_context().gcs_address],
                env={**outside, "HOME": sys.argv[3], "RAY_gcs_rpc_server_reconnect_timeout_s": "1"},
                capture_output=True,
                text=True,
            )
            return found, worker != os.getpid(), attack.stdout, attack.stderr

    print(json.dumps(fan_out()))
"""
ATTACK = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False)
print("entered", ray.get(ray.remote(lambda: 42).remote()))
"""


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)


def test_a_cluster_has_a_token_and_a_folder_of_its_own():
    with _own_cluster() as options:
        assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
        entered = Path(options["_temp_dir"]).parent
        assert stat.S_IMODE(entered.stat().st_mode) == 0o700, "Ray opens its own folder to everyone"
        assert options["include_dashboard"] is False
    assert not entered.exists()


def test_the_token_of_the_operator_takes_precedence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t" * 64)
    with _own_cluster():
        assert os.environ["RAY_AUTH_TOKEN"] == "t" * 64
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/run/secrets/ray")
    with _own_cluster():
        assert "RAY_AUTH_TOKEN" not in os.environ


SECRETS = (
    *(f"REELMILL_{name}" for name in ("AUDIT_KEY", "ALERT_WEBHOOK", "OIDC_CLIENT_SECRET", "SIGNER_KEY", "A_NEW_ONE")),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("PGPASSWORD", "POSTGRES_PASSWORD", "DATABASE_URL", "GITHUB_TOKEN", "HF_TOKEN", "SLACK_WEBHOOK"),
    *("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "RAY_REDIS_PASSWORD"),
    *("PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_PASSWORD", "PREFECT_SERVER_DOCKET_URL"),
    *("ROCKETCHAT_WEBHOOK", "ROCKSET_APIPASS", "ROC_API", "PGRST_DB_URI", "PG_DSN", "PGURL", "PGBOUNCER_AUTH"),
    *(
        "HF_PAT",
        "TRANSFORMERS_PAT",
        "NVIDIA_NGC_APIKEY",
        "NVIDIA_API",
        "TORCHSERVE_X",
        "PYTHON_PAT",
        "XDG_SESSION_COOKIE",
    ),
    *(
        "TORCH_PAT",
        "MPS_PASS",
        "RAY_JOB_HEADERS",
        "RAY_RUNTIME_ENV_GITHUB_PAT",
        "LC_API_PASS",
        "AWS_BEARER_TOKEN_BEDROCK",
    ),
    *("AWS_KEYPAIR", "AWS_LOGIN_X", "PREFECT_REDIS_MESSAGING_URL", "PREFECT_SMTP_PASS", "PREFECT_API_DATABASE_HOST"),
    *("CUDA_APIKEY", "RAY_accesskey", "TRITON_SESSION_COOKIE", "PREFECT_LOGGING_DSN"),
)


def test_workers_inherit_no_secret_of_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    settings = load_settings(home=tmp_path, runner="ray", catalogue_url="postgresql://reelmill:password@db/reelmill")
    for name in SECRETS:
        monkeypatch.setenv(name, "secret-value")
    needed = {"REELMILL_DEVICE": "cpu", "PREFECT_API_AUTH_STRING": "x", "RAY_AUTH_TOKEN": "t", "OMP_NUM_THREADS": "2"}
    needed |= {"CUDA_VISIBLE_DEVICES": "0", "HF_HOME": "/hf", "TOKENIZERS_PARALLELISM": "false", "LC_ALL": "C.UTF-8"}
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with worker_environment(settings):
        inherited = subprocess.run(["env"], capture_output=True, text=True).stdout
    assert "secret-value" not in inherited
    assert set(inherited.splitlines()) >= {f"{name}={value}" for name, value in needed.items()}
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("changes", "variable", "is_inherited"),
    [
        ({"catalogue_url": "postgresql://reelmill@db/reelmill"}, "PGPASSWORD", True),
        ({"catalogue_url": "postgresql://reelmill:password@db/reelmill"}, "PGPASSWORD", False),
        ({}, "PGPASSWORD", False),
        ({"bucket": "s3://clips"}, "AWS_SECRET_ACCESS_KEY", False),
        ({"bucket": "s3://clips", "staging": "bucket"}, "AWS_SECRET_ACCESS_KEY", True),
        (
            {"bucket": "s3://clips", "staging": "bucket", "bucket_access_key": "a", "bucket_secret_key": "s"},
            "AWS_SECRET_ACCESS_KEY",
            False,
        ),
    ],
)
def test_workers_inherit_credentials_that_they_cannot_get_otherwise(
    tmp_path: Path, changes: dict, variable: str, is_inherited: bool
):
    settings = load_settings(home=tmp_path, runner="ray", **changes)
    assert (variable in inherited_by_workers(settings, {variable: "value"})) == is_inherited


URL = "https://user:password@host/path"


@pytest.mark.parametrize(
    "value", [URL, f"a,{URL}", "https://ghp_x@github.com", "postgresql://h/d?password=x", "https://h/?a=b&api_key=x"]
)
def test_workers_inherit_no_url_with_a_password(tmp_path: Path, value: str):
    settings = load_settings(home=tmp_path, runner="ray")
    names = {*_NAMES, "RAY_X", "CUDA_X", "PREFECT_LOGGING_X", "TORCH_X"} - _NEEDED
    assert inherited_by_workers(settings, dict.fromkeys(names, value)) == {}
    plain = dict.fromkeys(names, "https://host/path?a=b")
    assert inherited_by_workers(settings, plain) == plain


@pytest.mark.parametrize(
    ("changes", "api", "is_inherited"),
    [
        ({}, "http://127.0.0.1:4200/api", False),
        ({}, "http://prefect:4200/api", True),
        ({"bucket": "s3://clips", "staging": "bucket"}, "", True),
    ],
)
def test_a_proxy_with_a_password_is_inherited_if_workers_use_it(tmp_path: Path, changes: dict, api: str, is_inherited):
    settings = load_settings(home=tmp_path, runner="ray", **changes)
    assert (
        "https_proxy" in inherited_by_workers(settings, {"https_proxy": URL, "PREFECT_API_URL": api})
    ) == is_inherited


def test_workers_of_a_cluster_with_tls_know_its_files(tmp_path: Path):
    names = ("RAY_USE_TLS", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
    wanted = dict.fromkeys(names, "/run/tls")
    assert inherited_by_workers(load_settings(home=tmp_path, runner="ray"), wanted) == wanted


def test_the_bucket_is_not_opened_without_its_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A delivery opens it while the cluster of its run starts."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-value")
    settings, found = load_settings(home=tmp_path, runner="ray"), []
    monkeypatch.setattr(opened, "_bucket", lambda *_: found.append(os.environ.get("AWS_SECRET_ACCESS_KEY")))
    thread = threading.Thread(target=opened.bucket_of, args=[resources_of(settings)])
    with worker_environment(settings):
        thread.start()
        thread.join(0.2)
        assert found == []
    thread.join(10)
    assert found == ["secret-value"]


@pytest.mark.slow
def test_other_users_cannot_run_code_and_workers_reach_prefect(tmp_path: Path, prefect_home: Callable[[Path], Path]):
    pytest.importorskip("prefect_ray")
    (tmp_path / "nobody").mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", RUN, prefect_home(tmp_path / "home"), ATTACK, tmp_path / "nobody"],
        env={name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stderr
    found, is_other_process, said, why = json.loads(ended.stdout.splitlines()[-1])
    assert (found, is_other_process) == (1, True)
    assert said == ""
    assert "InvalidAuthToken" in why
