"""Campaigns of hosted cards, from the sheet to published clips, against a provider on loopback."""

from collections import Counter

import pytest
from hosted_world import jobs_of, use_cards, write_card, write_sheet
from vendor_server import Fault, VendorServer, always

from flows.campaign import campaign
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.hosted.job import JobState
from manifests.states import State
from tasks.runtime import devices as devices_module
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")
MIXED = (
    "brief_id,prompt,placements,variants,duration_s,model\n"
    "a,a red ball,1:1,2,1,hosted\nb,a red circle on a white background,1:1,2,,starter\n"
)
"""A sheet with two clips of a hosted and two of a local model."""


def catalogue():
    return catalogue_of(resources_of(load_settings()))


@pytest.fixture
def no_device(monkeypatch):
    """Fail if a device is opened; the scorer still looks for one."""

    def open_devices(_resources):
        raise AssertionError("a device was opened")

    monkeypatch.setattr(devices_module, "Devices", open_devices)


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


def test_local_and_hosted_cards_run_in_one_campaign(tmp_path, home, fake_models, monkeypatch):
    with VendorServer("openai_videos") as vendor:
        use_cards(monkeypatch, write_card(tmp_path / "cards", "hosted", vendor.base_url), "starter")
        sheet = tmp_path / "s.csv"
        sheet.write_text(MIXED)
        campaign_id = campaign(sheet=str(sheet), settings={"device": "cpu"})
    rows = catalogue().variants.of_campaign(campaign_id)
    assert Counter((row.variant.card, row.state) for row in rows) == {
        ("hosted", State.PUBLISHED): 2,
        ("starter", State.PUBLISHED): 2,
    }
    assert vendor.billed == {"a red ball": 2}


def test_a_paused_account_leaves_its_clips_and_the_others_are_published(
    tmp_path, home, fake_models, monkeypatch, caplog
):
    refused = always(submit=Fault(refusal="auth"))
    with VendorServer("kling", refused) as vendor:
        cards = write_card(tmp_path / "cards", "hosted", vendor.base_url, "kling", reconcile="external_id")
        use_cards(monkeypatch, cards, "starter")
        sheet = tmp_path / "s.csv"
        sheet.write_text(MIXED)
        campaign_id = campaign(sheet=str(sheet), settings={"device": "cpu"})
    rows = catalogue().variants.of_campaign(campaign_id)
    assert Counter((row.variant.card, row.state) for row in rows) == {
        ("hosted", State.PLANNED): 2,
        ("starter", State.PUBLISHED): 2,
    }
    (run,) = catalogue().runs.all(campaign_id)
    assert run.outcome == "left"
    assert "reelmill providers resume vendor" in run.detail["why"]
    warnings = [record.getMessage() for record in caplog.records if record.name == "flows.runtime.run"]
    assert len([text for text in warnings if "reelmill providers resume vendor" in text]) == 1
    kinds = Counter(alert.kind for alert in catalogue().alerts.all(20))
    assert kinds["provider-account"] == 1
