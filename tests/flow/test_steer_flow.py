"""Steering actions of the flows, and the outcome of a run that could not generate everything."""

import pytest

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import CatalogueError, SettingsError
from tasks.runtime.resources import catalogue_of
from tasks.runtime.steering import CampaignCancelledError

pytestmark = pytest.mark.usefixtures("prefect_server", "fake_models")


def catalogue():
    return catalogue_of(resources_of(load_settings()))


@pytest.fixture
def campaign_id(home, sheet) -> str:
    """A finished campaign with the name ``spring``."""
    from flows.campaign import campaign

    return campaign(sheet=str(sheet))


def test_an_action_accepts_a_campaign_name(campaign_id):
    from flows.campaign import campaign
    from flows.steer import steer

    assert steer("spring", action="pause", priority=7) == "paused"
    row = catalogue().campaigns.get(campaign_id)
    assert (row.standing, row.priority) == ("paused", 7)
    assert campaign(campaign_id=campaign_id[:8], action="resume", priority=-3) == campaign_id
    row = catalogue().campaigns.get(campaign_id)
    assert (row.standing, row.priority) == ("active", -3)


def test_only_reopen_reopens_a_cancelled_campaign(campaign_id):
    from flows.campaign import campaign
    from flows.steer import steer

    steer(campaign_id, action="cancel")
    for word in ("pause", "resume"):
        with pytest.raises(CampaignCancelledError):
            steer(campaign_id, action=word)
        with pytest.raises(CampaignCancelledError):
            campaign(campaign_id=campaign_id, action=word)
    assert catalogue().steering.standing(campaign_id) == "cancelled"
    assert steer(campaign_id, action="reopen") == "active"


def test_an_unknown_campaign_and_a_wrong_action_are_refused(campaign_id):
    from flows.steer import steer

    with pytest.raises(CatalogueError, match="No campaign in the catalogue is called 'autumn'"):
        steer("autumn", action="pause")
    with pytest.raises(Exception, match="action"):
        steer(campaign_id, action="stop")


def test_secrets_in_parameters_are_refused_with_the_advice_to_change_them(campaign_id):
    from flows.campaign import campaign

    for secret in ("catalogue_url", "bucket_secret_key", "metrics_token", "alert_webhook"):
        with pytest.raises(SettingsError, match="Delete this flow run, replace the secret"):
            campaign(campaign_id=campaign_id, settings={secret: "s3cr3t"})


def test_a_run_is_not_finished_while_others_hold_leases(home, sheet):
    from flows.campaign import run_campaign
    from flows.submit import submit

    settings = load_settings(lease_s=1.0)
    resources = resources_of(settings)
    made = submit(settings, resources, sheet).campaign_id
    held = [row.variant_id for row in catalogue().variants.of_campaign(made)][:3]
    catalogue().leases.acquire(held, "elsewhere:boot:1:1", 600, attempts_cap=5, campaign_id=made)
    assert run_in_flow(run_campaign, settings, resources, made) == "left"
    assert catalogue().runs.all(made)[0].outcome == "left"
    [alert] = [each for each in catalogue().alerts.all(10) if each.kind == "failed"]
    assert "other workers hold some of its clips" in alert.text


def run_in_flow(run_campaign, settings, resources, campaign_id: str) -> str:
    from prefect import flow

    @flow(persist_result=False)
    def run() -> str:
        return run_campaign(settings, resources, campaign_id)

    return run()
