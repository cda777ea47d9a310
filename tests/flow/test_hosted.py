"""Campaigns of hosted cards, from the sheet to published clips, against a provider on loopback."""

import pytest
from hosted_world import jobs_of, use_cards, write_card, write_sheet
from vendor_server import VendorServer

from flows.campaign import campaign
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.hosted.job import JobState
from manifests.states import State
from tasks.runtime import resources as resources_module
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")


def catalogue():
    return catalogue_of(resources_of(load_settings()))


@pytest.fixture
def no_device(monkeypatch):
    """Fail if a device is opened; the scorer still looks for one."""

    def open_devices(_resources):
        raise AssertionError("a device was opened")

    monkeypatch.setattr(resources_module, "Devices", open_devices)


def states(campaign_id: str) -> dict[str, int]:
    return dict(catalogue().progress.tally(campaign_id))


def test_a_campaign_of_a_hosted_card_ends_with_published_clips(tmp_path, home, fake_models, no_device, monkeypatch):
    with VendorServer("openai_videos", polls_until_done=2) as vendor:
        use_cards(monkeypatch, write_card(tmp_path / "cards", "hosted", vendor.base_url))
        sheet = write_sheet(tmp_path / "s.csv", ["a red ball", "a blue cup"], variants=4)
        campaign_id = campaign(sheet=str(sheet))
    rows = catalogue().variants.of_campaign(campaign_id)
    assert {(row.state, row.error, row.reasons) for row in rows} == {(State.PUBLISHED, None, ())}
    assert vendor.billed == {"a red ball": 4, "a blue cup": 4}
    jobs = jobs_of(catalogue(), campaign_id)
    assert len(jobs) == 8
    assert all(job.state is JobState.DONE and job.fetched_at for job in jobs)
