"""Campaigns of hosted cards whose catalogue is a PostgreSQL database, from the sheet to published clips."""

import pytest
from hosted_world import jobs_of, paid, use_cards, write_card, write_sheet
from vendor_server import Fault, VendorServer, scripted

from flows.campaign import campaign
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.hosted.job import JobState
from manifests.states import State
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_campaign_is_paid_once_and_published(tmp_path, home, fake_models, postgres_url, monkeypatch):
    monkeypatch.setenv("REELMILL_CATALOGUE_URL", postgres_url)
    monkeypatch.setenv("REELMILL_PROVIDER_VENDOR_KEY", "secret-key")
    faults = scripted(submit=[Fault("close", takes=True), Fault(refusal="moderation")], poll=[Fault(status=503)])
    with VendorServer("kling", faults, polls_until_done=2) as vendor:
        cards = write_card(tmp_path / "cards", "hosted", vendor.base_url, "kling", **paid("external_id"))
        use_cards(monkeypatch, cards)
        sheet = write_sheet(tmp_path / "s.csv", ["a red ball", "a blue cup"], variants=4)
        campaign_id = campaign(sheet=str(sheet), settings={"budget": "5 USD"})
    catalogue = catalogue_of(resources_of(load_settings()))
    assert catalogue.database.dialect == "postgresql"
    states = sorted(row.state for row in catalogue.variants.of_campaign(campaign_id))
    assert states == sorted([State.FAILED, *[State.PUBLISHED] * 7])
    jobs = jobs_of(catalogue, campaign_id)
    assert sorted(job.state for job in jobs) == sorted([JobState.REFUSED, *[JobState.DONE] * 7])
    assert vendor.billed.total() == 7
    [total] = catalogue.provider_jobs.money(campaign_id)
    assert (total.reserved_micros, total.currency, total.jobs[JobState.DONE]) == (0, "USD", 7)
    assert total.spent_micros == sum(job.cost_micros or 0 for job in jobs)
