"""Before a run spends anything, the models that it would start are checked; open jobs are fetched in any case."""

import json

import pytest
import samples
from dashboard_client import session_in
from hosted_samples import card_folder
from provider_job_samples import CHANGES, new_job

from flows.registration import check_readiness
from manifests.errors import ModelError
from manifests.hosted.provider_job import JobLimits
from manifests.states import UNFINISHED
from manifests.variant import PlannedVariant
from tasks.runtime.resources import close_resources

SPRING = samples.campaign().campaign_id


@pytest.fixture
def session(tmp_path, monkeypatch):
    retired = {"name": "acme-video-0", "retired": "Acme closed it. Use acme-video-1."}
    folder = card_folder(tmp_path / "cards", {}, retired)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    close_resources()
    yield session_in(tmp_path / "home")
    close_resources()


def planned_with(session, card: str, seed: int):
    """Add a planned variant of a card."""
    [item] = samples.planned(1, start=seed)
    variant = item.variant._replace(card=card)
    added = PlannedVariant(item.brief_id, item.placement, variant, variant.variant_id)
    session.catalogue.campaigns.add_variants(SPRING, [added])
    return variant.variant_id


def check(session) -> None:
    check_readiness(session.resources, SPRING, session.catalogue.variants.of_campaign(SPRING, UNFINISHED))


def test_a_run_without_a_key_is_refused(session):
    planned_with(session, "acme-video-1", 900)
    with pytest.raises(ModelError, match="Set REELMILL_PROVIDER_ACME_KEY, or"):
        check(session)


def test_a_run_of_a_retired_model_is_refused_unless_all_its_jobs_are_open(session):
    variant_id = planned_with(session, "acme-video-0", 901)
    with pytest.raises(ModelError, match="Acme closed it"):
        check(session)
    [lease] = samples.take(session.catalogue, [variant_id])
    job = session.catalogue.provider_jobs.reserve(
        new_job(variant_id, provider="acme", card="acme-video-0"), lease, JobLimits()
    )
    CHANGES["submitted"](session.catalogue, job.job_id)
    check(session)


def test_local_models_are_not_affected_by_a_paused_account(session, caplog):
    session.catalogue.provider_accounts.pause("acme", "money", "no credits")
    planned_with(session, "starter", 902)
    check(session)
    assert caplog.text == ""
