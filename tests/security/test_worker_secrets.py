"""Ray workers get no secret of the driver, and use their own credentials for catalogue and bucket."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import pytest
from s3_server import S3_KEYS

from flows.fan_out.renderer_resources import localise_resources, renderer_resources
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.errors import SettingsError
from tasks.render.render_task import render
from tasks.runtime.logs.redaction import redact
from tasks.runtime.resources import Resources

OWNER = "postgresql://reelmill:password-of-the-owner@postgres.example/reelmill"
RENDERER = "postgresql://reelmill_renderer:password-of-the-worker@postgres.example/reelmill"
WORKER_KEYS = {"access_key": "key-of-the-worker", "secret_key": "secret-of-the-worker"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch) -> Settings:
    """The settings of a driver whose Ray cluster spans hosts."""
    monkeypatch.chdir(tmp_path)
    return load_settings(
        home=tmp_path / "driver",
        catalogue_url=OWNER,
        bucket="s3://clips/spring",
        bucket_endpoint="https://s3.example",
        bucket_access_key=S3_KEYS["access_key"],
        bucket_secret_key=S3_KEYS["secret_key"],
        runner="ray",
        ray_address="ray://ray-head:10001",
    )


def on_the_worker(monkeypatch, sent: Resources, home: Path, url: str = RENDERER) -> Resources:
    """Return what a worker makes of what the driver sends, with its own settings in the environment."""
    for name, value in {"HOME": str(home), "CATALOGUE_URL": url}.items():
        monkeypatch.setenv(f"REELMILL_{name}", value)
    for name, value in WORKER_KEYS.items():
        monkeypatch.setenv(f"REELMILL_BUCKET_{name.upper()}", value)
    return localise_resources(sent)


def test_a_worker_uses_its_own_credentials_in_the_places_of_the_driver(settings: Settings, tmp_path: Path, monkeypatch):
    worker = on_the_worker(monkeypatch, renderer_resources(settings, resources_of(settings)), tmp_path / "worker")
    assert worker.catalogue_url == RENDERER
    place = worker.bucket
    assert (place.location, place.endpoint) == ("s3://clips/spring", "https://s3.example")
    assert (place.access_key, place.secret_key) == tuple(WORKER_KEYS.values())
    assert worker.staging == tmp_path / "worker" / "staging"


def test_no_secret_of_the_driver_is_sent_to_workers(settings: Settings, tmp_path: Path):
    secrets = {
        "signer_key": str(tmp_path / "key-of-the-signer.pem"),
        "signer_kms_key": "alias/key-of-kms",
        "oidc_client_secret": "secret-of-oidc",
        "alert_webhook": "https://hooks.example/secret-hook",
        "metrics_token": "token-of-the-metrics",
    }
    whole = resources_of(Settings(**{**settings.model_dump(), **secrets}))
    whole = replace(whole, prompt_key=b"key-of-the-prompts")
    sent = cloudpickle.dumps(renderer_resources(settings, whole))
    for secret in (*secrets.values(), "password-of-the-owner", "key-of-the-prompts", *S3_KEYS.values(), "/signer"):
        assert secret.encode() not in sent, secret
    assert b"password-of-the-owner" in cloudpickle.dumps(whole)


def test_a_new_field_is_not_sent_until_it_is_listed(settings: Settings):
    """Every field of the resources that is not in this list has its default in what is sent."""
    needed = {
        "bucket",
        "staging",
        "first_frames",
        "master_crf",
        "finish_master_crf",
        "machine",
        "shared",
        "devices",
        "threads",
        "model_folders",
        "weights_root",
        "lease_s",
        "attempts",
    }
    sent = renderer_resources(settings, resources_of(settings))
    for name, field in Resources.__dataclass_fields__.items():
        if name not in needed | {"catalogue_url", "signer"}:
            assert getattr(sent, name) == field.default, name
    assert (sent.catalogue_url, sent.signer.kind) == ("", "none")


def test_threads_and_a_local_cluster_share_the_machine_and_its_credentials(settings: Settings):
    for changes in ({"runner": "threads"}, {"ray_address": ""}):
        local = Settings(**{**settings.model_dump(), **changes})
        whole = resources_of(local)
        sent = renderer_resources(local, whole)
        assert sent.catalogue_url == whole.catalogue_url
        assert sent.bucket.access_key == S3_KEYS["access_key"]
        assert (sent is whole) == (local.runner == "threads")
        assert sent.prompt_key == (whole.prompt_key if sent is whole else b"")


@pytest.mark.parametrize("url", ["", "sqlite:///x.db"])
def test_a_worker_without_its_own_database_says_so(settings: Settings, tmp_path: Path, monkeypatch, url: str):
    sent = renderer_resources(settings, resources_of(settings))
    with pytest.raises(SettingsError, match="Set REELMILL_CATALOGUE_URL on the worker"):
        on_the_worker(monkeypatch, sent, tmp_path / "worker", url)


def test_a_worker_creates_no_key_of_its_own(settings: Settings, tmp_path: Path, monkeypatch):
    on_the_worker(monkeypatch, renderer_resources(settings, resources_of(settings)), tmp_path / "w")
    assert [path.name for path in (tmp_path / "w").iterdir() if path.name != ".lock"] == ["machine.id"]


def test_the_password_of_a_worker_is_redacted(settings: Settings, tmp_path: Path, monkeypatch):
    sent = renderer_resources(settings, resources_of(settings))
    on_the_worker(monkeypatch, sent, tmp_path / "worker")
    monkeypatch.setattr("tasks.render.render_task.render_shard", lambda *_: redact("password-of-the-worker"))
    shard = SimpleNamespace(campaign_id="c", name="shard", run_id="")
    assert render.fn(sent, shard, localise_resources) == "***"
