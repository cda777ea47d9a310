"""If a provider cannot be reached or accepts nothing, the fallback is used, but never for what may be billed."""

import json
from collections import Counter

import pytest
from hosted_world import hurry, jobs_of, paid, use_cards, write_card
from vendor_server import VendorServer, always, retired, unavailable

from flows.campaign import campaign
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import ProviderError
from manifests.hosted.job import JobState
from manifests.states import State
from tasks.runtime.providers.provider_jobs import state_text
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server", "home", "fake_models")
ONE = "brief_id,prompt,placements,variants,duration_s,model,fallback\na,a red ball,1:1,2,,hosted,starter\n"


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    hurry(monkeypatch)


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def states() -> Counter[tuple[str, str]]:
    [head] = catalogue().campaigns.all()
    return Counter((row.variant.card, row.state) for row in catalogue().variants.of_campaign(head.campaign_id))


def use(tmp_path, monkeypatch, base_url: str, **changes) -> None:
    monkeypatch.setenv("REELMILL_PROVIDER_VENDOR_KEY", "secret-of-a-test")
    use_cards(monkeypatch, write_card(tmp_path / "cards", "hosted", base_url, **changes), "starter")


def run(tmp_path, sheet: str = ONE) -> None:
    path = tmp_path / "s.csv"
    path.write_text(sheet)
    campaign(sheet=str(path), settings={"device": "cpu"})


def closed_server() -> str:
    with VendorServer("openai_videos") as vendor:
        return vendor.base_url


def test_requests_that_never_reached_the_provider_are_replaced_and_the_run_succeeds(tmp_path, monkeypatch):
    base_url = closed_server()
    use(tmp_path, monkeypatch, base_url, **paid())
    run(tmp_path)
    assert states() == {("hosted", State.FAILED): 2, ("starter", State.PUBLISHED): 2}
    assert {state_text(job) for job in jobs_of(catalogue())} == {"not sent"}
    assert catalogue().provider_jobs.money() == []
    record = json.loads(next((load_settings().home / "bucket").rglob("*.json")).read_text())
    assert record["fallback_for"]["reason"] == "vendor cannot be used: 127.0.0.1 cannot be reached (ConnectError)."
    assert base_url not in json.dumps(record)


def test_only_rows_without_a_fallback_end_the_run_with_the_error(tmp_path, monkeypatch):
    use(tmp_path, monkeypatch, closed_server())
    with pytest.raises(ProviderError, match="cannot be reached"):
        run(tmp_path, f"{ONE}b,a blue ball,1:1,1,,hosted,\n")
    assert states() == {("hosted", State.FAILED): 2, ("hosted", State.PLANNED): 1, ("starter", State.PUBLISHED): 2}


def test_503_for_long_is_replaced_if_the_provider_bills_nothing(tmp_path, monkeypatch):
    with VendorServer("openai_videos", always(submit=unavailable())) as vendor:
        use(tmp_path, monkeypatch, vendor.base_url)
        run(tmp_path)
    assert states() == {("hosted", State.FAILED): 2, ("starter", State.PUBLISHED): 2}
    assert {job.state for job in jobs_of(catalogue())} == {JobState.CANCELLED}


def test_an_uncertain_job_is_never_replaced(tmp_path, monkeypatch):
    with VendorServer("openai_videos", always(submit=unavailable(takes=True))) as vendor:
        use(tmp_path, monkeypatch, vendor.base_url, **paid("none"))
        run(tmp_path)
        run(tmp_path)
    assert states() == {("hosted", State.PLANNED): 2}
    assert {job.state for job in jobs_of(catalogue())} == {JobState.UNCERTAIN}
    assert vendor.billed == {"a red ball": 2}


def test_a_lost_job_that_counts_as_paid_is_not_replaced(tmp_path, monkeypatch):
    with VendorServer("openai_videos", always(poll=retired())) as vendor:
        use(tmp_path, monkeypatch, vendor.base_url, **paid("none"))
        run(tmp_path)
    assert states() == {("hosted", State.FAILED): 2}
    assert {job.state for job in jobs_of(catalogue())} == {JobState.LOST}


def test_a_model_that_the_provider_does_not_offer_is_replaced_for_all_clips(tmp_path, monkeypatch):
    with VendorServer("openai_videos", always(submit=retired())) as vendor:
        use(tmp_path, monkeypatch, vendor.base_url, **paid("none", limits_of_account={"concurrency": 1}))
        run(tmp_path)
    assert states() == {("hosted", State.FAILED): 2, ("starter", State.PUBLISHED): 2}
    assert vendor.count("submit") < 3
