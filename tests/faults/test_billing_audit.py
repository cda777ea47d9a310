"""A provider that fails at random in every way, and runs that are killed: each clip is billed once."""

from pathlib import Path

import httpx2
import pytest
from billing_books import Findings, Record, audit
from billing_run import ACCOUNT, BilledCampaign
from hosted_requests import request_of, variant_of

from manifests.hosted.job import Accepted, JobState
from manifests.hosted.provider_job import new_job_id
from manifests.hosted.wire import Answer
from models.hosted import FORMATS, format_of
from tasks.runtime.resources import close_resources

SEED = 20
QUICK = ("runway", "vertex_veo", "kling")
"""One protocol that cannot be searched, one with files at known addresses, and one that finds our references."""
PROTOCOLS = [
    pytest.param(protocol, marks=() if protocol in QUICK else pytest.mark.slow, id=protocol) for protocol in FORMATS
]


@pytest.fixture(autouse=True)
def own_resources():
    """Open no resources before or after the test."""
    close_resources()
    yield
    close_resources()


def audited(folder: Path, protocol: str, number: int, kills: int) -> None:
    """Run a campaign with kills, audit it, let a person decide what is uncertain, and audit it again."""
    campaign = BilledCampaign(folder, protocol, number, SEED)
    with campaign.vendor as vendor:
        campaign.run_and_kill(kills)
        campaign.run_to_its_end()
        shown = campaign.world.catalogue.provider_jobs.list(JobState.UNCERTAIN, limit=10_000)
        first, counts = campaign.findings(), campaign.totals()
        assert first == Findings(), f"seed {SEED}"
        assert len(shown) == counts.get("jobs uncertain", 0)
        assert all(job.error for job in shown)
        rounds, decided = 0, 0
        while found := campaign.decide():
            rounds, decided = rounds + 1, decided + found
            campaign.run_to_its_end()
        assert campaign.findings() == Findings(), f"seed {SEED}"
        print(
            f"{protocol}: seed {SEED}, {vendor.count('submit')} submissions read, {len(vendor.jobs)} taken, "
            f"{len(campaign.chaos.failed)} failed, {campaign.runs} runs, {campaign.kills} killed; shown at first "
            f"{len(shown)}, decided {decided} in {rounds} rounds; {campaign.totals()}; {campaign.chaos.used}"
        )
    assert vendor.count("submit") >= number
    assert campaign.kills
    assert campaign.totals().get("clips passed", 0) > number // 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_billed_minus_wanted_is_zero(tmp_path, protocol):
    audited(tmp_path, protocol, 30, 2)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", FORMATS)
def test_billed_minus_wanted_is_zero_after_a_thousand_submissions(tmp_path, protocol):
    audited(tmp_path, protocol, 1000, 10)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_client_that_repeats_submissions_is_caught(tmp_path, protocol):
    campaign = BilledCampaign(tmp_path, protocol, 30, SEED, share=0.6)
    with campaign.vendor:
        records = [naively_submitted(campaign, f"number {number}") for number in range(30)]
        findings = audit(campaign.bills(), records)
    assert {"excess", "unknown", "money"} <= findings.kinds
    assert findings.doubled or protocol == "kling"  # which refuses a reference that it has


def naively_submitted(campaign: BilledCampaign, prompt: str) -> Record:
    """Submit up to four times, as the providers' own libraries do, and record the job that was accepted."""
    card = campaign.card.model_copy(update={"base_url": campaign.vendor.base_url})
    request = request_of(card, account=dict(ACCOUNT), variant=variant_of(card, prompt=prompt))
    request = request._replace(reference=new_job_id())
    wire = format_of(card).submit(request)
    files = [(part.name, (part.file_name or None, part.content)) for part in wire.parts] or None
    for _ in range(4):
        try:
            reply = httpx2.request(
                wire.method, wire.url, json=wire.json, files=files, timeout=0.2, trust_env=False, headers=wire.headers
            )
            answer = Answer(reply.status_code, {}, reply.content)
        except httpx2.HTTPError:
            continue
        accepted = format_of(card).read_submit(request, answer)
        if isinstance(accepted, Accepted):
            return Record(prompt, "done", accepted.vendor_ref, campaign.price)
    return Record(prompt, "refused")
