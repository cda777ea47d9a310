"""The database role of the renderers does the work of a Ray worker and nothing else; the owner is no superuser."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import database_roles
import psycopg
import pytest
from database_roles import Roles
from fake_scorer import FakeScorer
from s3_server import S3_KEYS

import tasks.runtime.resources
from adapters.catalogue import open_catalogue
from flows.runtime.renderer_resources import localise_resources, renderer_resources
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import CatalogueError, GenerationError, SettingsError
from manifests.states import State
from models.fake import FakeGenerator
from tasks.deliver.deliver import deliver
from tasks.plan.expand import expand
from tasks.plan.remaining import Remaining, release_dead_leases
from tasks.render.render_task import render
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import Resources, cards_of, catalogue_of, close_resources

PROMPTS = {"a red ball": State.PUBLISHED, "nothing fits": State.FAILED, "a broken one": State.FAILED}
"""The prompts of the campaign and the state in which their variants end."""
DEAD = "no-host:0:1:1"


class Model(FakeGenerator):
    """The fake generator, which fails for prompts that contain "broken"."""

    def generate(self, variants, draft=False):
        for variant, result in zip(variants, super().generate(variants, draft), strict=True):
            yield GenerationError("the device ran out of memory") if "broken" in variant.prompt else result


@pytest.fixture(scope="module")
def roles() -> Iterator[Roles]:
    """A server whose catalogue the owner has created, with the grants of the renderers."""
    with database_roles.server() as found:
        open_catalogue(found.owner).close()
        found.grant()
        yield found


@pytest.fixture
def settings(roles: Roles, tmp_path: Path, monkeypatch, s3_bucket_name: str, s3_endpoint: str) -> Iterator[Settings]:
    """The settings of a driver whose Ray cluster spans hosts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tasks.runtime.resources, "open_generator", lambda *_, **__: Model())
    monkeypatch.setattr(tasks.runtime.resources, "open_scorer", lambda *_, **__: FakeScorer())
    yield load_settings(
        home=tmp_path / "driver",
        catalogue_url=roles.owner,
        bucket=f"s3://{s3_bucket_name}/clips",
        bucket_endpoint=s3_endpoint,
        bucket_region="us-east-1",
        bucket_access_key=S3_KEYS["access_key"],
        bucket_secret_key=S3_KEYS["secret_key"],
        runner="ray",
        ray_address="ray://ray-head:10001",
        device="cpu",
    )
    close_resources()


def on_the_worker(monkeypatch, sent: Resources, home: Path, url: str) -> Resources:
    """Return what a worker makes of what the driver sends, with its own settings in the environment."""
    for name, value in {"HOME": str(home), "CATALOGUE_URL": url, "DEVICE": "cpu"}.items():
        monkeypatch.setenv(f"REELMILL_{name}", value)
    for name, value in S3_KEYS.items():
        monkeypatch.setenv(f"REELMILL_BUCKET_{name.upper()}", value)
    return localise_resources(sent)


def registered(resources: Resources, name: str, prompts=tuple(PROMPTS), **brief) -> str:
    """Add a campaign with a brief for each prompt, and return its id."""
    briefs = tuple(Brief(row, f"row-{row}", (prompt,), **brief) for row, prompt in enumerate(prompts, 2))
    campaign = Campaign(name, hashlib.sha256(name.encode()).hexdigest(), briefs)
    catalogue = catalogue_of(resources)
    catalogue.campaigns.add(campaign, {})
    planned = expand(briefs, cards_of(resources), "starter", campaign_id=campaign.campaign_id)
    catalogue.campaigns.add_variants(campaign.campaign_id, planned)
    return campaign.campaign_id


def states(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT prompt, state FROM variants").fetchall())


def test_a_renderer_does_its_work_and_the_owner_delivers_it(roles: Roles, settings, tmp_path: Path, monkeypatch):
    driver = resources_of(settings)
    campaign_id = registered(driver, "Spring")
    catalogue = catalogue_of(driver)
    run_id = catalogue.runs.begin(campaign_id, "ray", current_owner())
    sent = renderer_resources(settings, driver)
    worker = on_the_worker(monkeypatch, sent, tmp_path / "worker", roles.renderer)
    assert worker.catalogue_url == roles.renderer
    for shard in Remaining(driver, campaign_id, 0.25).shards(8, run_id):
        report = render.fn(sent, shard, localise_resources)
        assert (report.passed, report.failed) == (1, 2)
    assert catalogue.runs.get(run_id).spent_s > 0
    rendered = threading.Event()
    rendered.set()
    assert deliver(driver, campaign_id, "auto", rendered) == 1
    assert states(roles.owner) == PROMPTS
