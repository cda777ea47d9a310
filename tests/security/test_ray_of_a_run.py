"""The Ray cluster that a run starts on this machine refuses other users, and its workers reach Prefect's server."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.runtime.runner import _own_cluster, _without_secrets

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
    from flows.runtime.runner import device_runner

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


def test_workers_inherit_no_secret_of_the_driver(monkeypatch: pytest.MonkeyPatch):
    for name in ("AUDIT_KEY", "ALERT_WEBHOOK", "OIDC_CLIENT_SECRET", "SIGNER_KEY", "METRICS_TOKEN", "A_NEW_ONE"):
        monkeypatch.setenv(f"REELMILL_{name}", "secret-value")
    monkeypatch.setenv("REELMILL_DEVICE", "cpu")
    before = dict(os.environ)
    with _without_secrets():
        inherited = subprocess.run(["env"], capture_output=True, text=True).stdout
    assert "secret-value" not in inherited
    assert "REELMILL_DEVICE=cpu" in inherited
    assert dict(os.environ) == before


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
