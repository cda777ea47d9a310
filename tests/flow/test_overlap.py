"""The device thread and the postprocess threads in a real run with fake models."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from fake_scorer import FakeScorer

import tasks.render.postprocess
from app.report.report import report_of
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import BrokenDeviceError, DiskFullError, EncodingError
from models import memory
from tasks.render.postprocess import MAX_PENDING
from tasks.runtime import devices as devices_module
from tasks.runtime import resources as resources_module
from tasks.runtime.devices import devices_of
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")


def run(sheet, **settings) -> str:
    from flows.campaign import campaign  # import Prefect only after its home is set

    return campaign(sheet=str(sheet), settings=settings)


def catalogue():
    return catalogue_of(resources_of(load_settings()))


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("brief_id,prompt,placements,variants\na,a red circle on a white background,16:9,12\n")
    return path


def slowed(monkeypatch, fake_models, seconds) -> list[tuple[float, float]]:
    """Make every clip take ``seconds`` on the device; return the list that collects their (start, end) times."""
    paint, busy = fake_models.generate, []

    def generate(variants) -> Iterator:
        for item in paint(variants):
            started = time.monotonic()
            time.sleep(seconds)
            busy.append((started, time.monotonic()))
            yield item

    monkeypatch.setattr(fake_models, "generate", generate)
    return busy


def test_the_device_generates_while_clips_are_encoded(home, large, fake_models, monkeypatch):
    busy = slowed(monkeypatch, fake_models, 0.15)
    encode, encoding = tasks.render.postprocess.encode, []

    def slow(*args, **kwargs):
        started = time.monotonic()
        time.sleep(0.12)
        encode(*args, **kwargs)
        encoding.append((started, time.monotonic()))

    monkeypatch.setattr(tasks.render.postprocess, "encode", slow)
    assert report_of(catalogue(), run(large)).published == 12
    overlapping = sum(any(begin < end_e and begin_e < end for begin, end in busy) for begin_e, end_e in encoding)
    assert overlapping >= 10


def test_only_a_few_clips_are_in_memory_at_a_time(home, large, fake_models, monkeypatch):
    paint, held, most = fake_models.generate, [0], [0]
    lock = threading.Lock()

    def generate(variants):
        for item in paint(variants):
            with lock:
                held[0] += 1
                most[0] = max(most[0], held[0])
            yield item

    encode = tasks.render.postprocess.encode

    def slow(*args, **kwargs):
        time.sleep(0.1)
        encode(*args, **kwargs)
        with lock:
            held[0] -= 1

    monkeypatch.setattr(fake_models, "generate", generate)
    monkeypatch.setattr(tasks.render.postprocess, "encode", slow)
    assert report_of(catalogue(), run(large)).published == 12
    assert 2 <= most[0] <= MAX_PENDING + 1  # one is blocked in put()


def test_rows_are_written_in_batches(home, large, fake_models, monkeypatch):
    held = catalogue()
    record, batches = held.results.record_batch, []

    def slow(judged):
        items = list(judged)
        batches.append(len(items))
        time.sleep(0.4)
        return record(items)

    monkeypatch.setattr(held.results, "record_batch", slow)
    run(large)
    assert sum(batches) == 12
    assert len(batches) < 9


def test_a_full_disk_ends_the_run_with_its_error_and_the_rest_stays_planned(home, large, fake_models, monkeypatch):
    from flows.fan_out import dispatch as module

    encode, calls = tasks.render.postprocess.encode, []

    def full(*args, **kwargs):
        calls.append(1)
        if len(calls) > 3:
            raise DiskFullError("The disk is full.")
        encode(*args, **kwargs)

    monkeypatch.setattr(tasks.render.postprocess, "encode", full)
    monkeypatch.setattr(module, "render", module.render.with_options(retries=0))
    with pytest.raises(DiskFullError, match="The disk is full"):
        run(large)
    tally = catalogue().progress.tally(catalogue().campaigns.all()[0].campaign_id)
    assert tally.get("leased", 0) == 0
    assert tally["planned"] == 9
    assert not catalogue().leases.owners()


def test_a_clip_that_cannot_be_encoded_fails_alone(home, large, fake_models, monkeypatch):
    encode, calls = tasks.render.postprocess.encode, []

    def picky(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise EncodingError("The frames could not be encoded.")
        encode(*args, **kwargs)

    monkeypatch.setattr(tasks.render.postprocess, "encode", picky)
    report = report_of(catalogue(), run(large))
    assert (report.published, sum(brief.failed for brief in report.briefs)) == (11, 1)


class Crowded(FakeScorer):
    """Scorer with memory for ``room`` frames at a time."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[int] = []

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        self.asked.append(len(frames))
        if len(frames) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().embed_frames(frames)


def test_a_scorer_out_of_memory_gets_fewer_frames_at_a_time(home, large, fake_models, monkeypatch):
    scorer = Crowded(2)
    monkeypatch.setattr(resources_module, "open_scorer", lambda *_, **__: scorer)
    assert report_of(catalogue(), run(large)).published == 12
    assert {8, 4, 2} <= set(scorer.asked)
    failed = [size for size in scorer.asked if size > 2]
    assert len(failed) <= 6 * tasks.render.postprocess.THREADS, "later clips start with the size that fits"


def test_a_clip_that_cannot_be_scored_is_kept_and_a_retry_only_scores_it(home, large, fake_models, monkeypatch):
    scorer = Crowded(0)
    monkeypatch.setattr(resources_module, "open_scorer", lambda *_, **__: scorer)
    campaign_id = run(large)
    rows = catalogue().variants.of_campaign(campaign_id, ["failed"])
    assert len(rows) == 12
    assert all("The clip was generated but could not be scored (OutOfMemoryError" in str(row.error) for row in rows)

    scorer.room = 8
    monkeypatch.setattr(fake_models, "generate", lambda *_: pytest.fail("generated again"))
    assert catalogue().decisions.retry_failed(campaign_id) == 12
    from flows.campaign import campaign

    campaign(campaign_id=campaign_id)
    assert report_of(catalogue(), campaign_id).published == 12


def test_a_lost_device_fails_no_clip(home, large, fake_models, monkeypatch):
    paint, made = fake_models.generate, []

    def generate(variants):
        for item in paint(variants):
            if len(made) == 3:
                raise BrokenDeviceError("The device cuda:0 is lost to this process; run again.")
            made.append(item)
            yield item

    monkeypatch.setattr(fake_models, "generate", generate)
    with pytest.raises(BrokenDeviceError, match="is lost to this process"):
        run(large)
    campaign_id = catalogue().campaigns.all()[0].campaign_id
    assert "failed" not in catalogue().progress.tally(campaign_id)
    monkeypatch.setattr(fake_models, "generate", paint)
    run(large)
    assert report_of(catalogue(), campaign_id).published == 12


def test_a_worker_whose_memory_use_grows_is_recycled_before_it_is_full(home, tmp_path, fake_models, monkeypatch):
    sheet = tmp_path / "many.csv"
    sheet.write_text("brief_id,prompt,placements,variants\na,a red circle,16:9,60\n")
    used = [500_000_000]

    def climbing(_device):
        used[0] += 10_000_000
        return used[0]

    def freed():
        used[0] = 500_000_000

    monkeypatch.setattr(devices_module, "used_bytes", climbing)
    monkeypatch.setattr(devices_module, "free_caches", freed)
    monkeypatch.setattr(devices_module, "capacity_bytes", lambda _: 1_100_000_000)
    assert report_of(catalogue(), run(sheet, shard_size=60)).published == 60
    devices = devices_of(resources_of(load_settings()))
    with devices.acquire() as device:
        assert device.recycled >= 1
    assert used[0] < memory.FULL * 1_100_000_000
