"""After kills at random moments, the ledger has the seconds that the device really worked."""

import random
import signal
import threading
import time
from pathlib import Path

import pytest
from campaign_run import finish
from device_record import DeviceRecord, RecordedModel, RecordedScorer, busy_seconds, intervals
from fork_server import fork_server
from sealed_catalogue import key_of_home

import tasks.runtime.devices
import tasks.runtime.resources
from manifests.brief import Brief
from manifests.campaign import Campaign
from tasks.plan.expand import expand
from tasks.plan.remaining import Remaining, release_dead_leases
from tasks.render.render import render_shard
from tasks.runtime.device_use.settlement import folder_of, settle_dead_uses
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, cards_of, catalogue_of, close_resources

CLIP_S = 0.3
CLIPS = 10
MOST = 0.02
"""Share by which the booked seconds may differ from the real ones."""
PROMPTS = tuple(f"number {number:02} {'is broken' if number % 4 == 3 else 'works'}" for number in range(60))


def resources_in(home: Path, url: str) -> Resources:
    return Resources(
        url,
        BucketConfig(str(home / "bucket")),
        SignerConfig("development", home / "signer"),
        home / "staging",
        devices=("cpu",),
        attempts=1000,
        audit_key=key_of_home(home) or b"",
    )


def registered(resources: Resources) -> str:
    briefs = tuple(Brief(row, f"row-{row}", (prompt,), variants=CLIPS) for row, prompt in enumerate(PROMPTS, 2))
    campaign = Campaign("Audit", "a" * 64, briefs)
    catalogue_of(resources).campaigns.add(campaign, {})
    planned = expand(briefs, cards_of(resources), "starter", campaign_id=campaign.campaign_id)
    catalogue_of(resources).campaigns.add_variants(campaign.campaign_id, planned)
    return campaign.campaign_id


def work(resources: Resources, campaign_id: str, record: Path) -> None:
    """Render shards of the campaign until this process is killed."""
    device = DeviceRecord(record)
    vars(tasks.runtime.devices).update(open_generator=lambda *_, **__: RecordedModel(device, CLIP_S))
    vars(tasks.runtime.resources).update(open_scorer=lambda *_, **__: RecordedScorer(DeviceRecord(record), CLIP_S / 4))
    catalogue = catalogue_of(resources)
    release_dead_leases(catalogue)
    run_id = catalogue.runs.begin(campaign_id, "pool", current_owner())
    for shard in Remaining(resources, campaign_id, 0.25).shards(3, run_id):
        render_shard(resources, shard)


def kill_while_it_works(resources: Resources, campaign_id: str, record: Path, after_s: float) -> None:
    before = len(intervals(record))
    process = fork_server().Process(target=work, args=(resources, campaign_id, record))
    process.start()
    try:
        deadline = time.monotonic() + 60
        while len(intervals(record)) == before:
            assert time.monotonic() < deadline, "the device was never used"
            time.sleep(0.01)
        time.sleep(after_s)
    finally:
        process.kill()
    assert finish(process) == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("database", "kills"), [("sqlite_url", 30), ("postgres_url", 6)])
def test_the_ledger_after_kills(tmp_path: Path, request: pytest.FixtureRequest, database: str, kills: int):
    resources = resources_in(tmp_path / "home", request.getfixturevalue(database))
    record = tmp_path / "record"
    record.mkdir()
    campaign_id = registered(resources)
    catalogue = catalogue_of(resources)
    moments = random.Random(19)
    for _ in range(kills):
        kill_while_it_works(resources, campaign_id, record, moments.uniform(0.1, 3.0))
    settle_dead_uses(catalogue, folder_of(resources.staging))

    real, booked = busy_seconds(record), catalogue.progress.device_seconds(campaign_id)
    print(f"{kills} kills: {real:.2f} s really spent, {booked:.2f} s booked ({booked / real - 1:+.2%})")
    by_kind = {total.kind: total.seconds for total in catalogue.device_use.of_campaign(campaign_id)}
    print({kind: (round(busy_seconds(record, kind), 2), round(seconds, 2)) for kind, seconds in by_kind.items()})
    assert by_kind.keys() == {"load", "other", "generate", "score"}
    assert booked == pytest.approx(real, rel=MOST)
    assert by_kind["load"] == pytest.approx(busy_seconds(record, "load"), rel=0.05)
    assert by_kind["generate"] == pytest.approx(busy_seconds(record, "generate"), rel=0.03)
    assert sum(run.spent_s for run in catalogue.runs.all(campaign_id)) == pytest.approx(booked)
    assert list(folder_of(resources.staging).glob("*.use")) == []
    settle_dead_uses(catalogue, folder_of(resources.staging))
    assert catalogue.progress.device_seconds(campaign_id) == booked
    close_resources()


def test_two_settlers_book_a_use_once(embedded_world, tmp_path: Path):
    resources = resources_in(tmp_path / "home", embedded_world.catalogue_url)
    record = tmp_path / "record"
    record.mkdir()
    campaign_id = registered(resources)
    catalogue = catalogue_of(resources)
    kill_while_it_works(resources, campaign_id, record, 0.3)
    found: list[float] = []
    threads = [
        threading.Thread(target=lambda: found.append(settle_dead_uses(catalogue, folder_of(resources.staging))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    booked = catalogue.progress.device_seconds(campaign_id)
    assert 0 < booked < 1.5 * busy_seconds(record)  # twice would be 2; loading is measured with its overhead
    assert sum(found) == pytest.approx(booked, abs=0.5)  # the first bookings were made by the process itself
    close_resources()
