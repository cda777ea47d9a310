"""Campaigns whose devices generate in processes of their own."""

import os
from functools import partial

import numpy as np
import pytest
from fake_device import start_fake
from fake_scorer import FakeScorer

from adapters.media.video import read_frames
from app.report.report import report_of
from flows.campaign import campaign
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import BrokenDeviceError
from models.device_process import ProcessEncoder, ProcessGenerator
from models.registry import get_card, weights_problem
from tasks.runtime import devices as devices_module
from tasks.runtime import resources as resources_module
from tasks.runtime.devices import devices_of
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server", "home")
SETTINGS = {"device": "cpu,cpu", "device_processes": "on"}
SHEET = "brief_id,prompt,placements,variants,seed\n"


@pytest.fixture
def fake_children(fake_models, monkeypatch) -> None:
    """Let each device start a child with a fake generator."""
    monkeypatch.setattr(devices_module, "open_in_process", partial(ProcessGenerator, start_fake))


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def run(tmp_path, *rows: str) -> str:
    path = tmp_path / "sheet.csv"
    path.write_text(SHEET + "\n".join(rows) + "\n")
    return campaign(sheet=str(path), settings=SETTINGS)


@pytest.mark.usefixtures("fake_children")
def test_each_device_generates_in_its_own_process_and_a_second_run_keeps_them(tmp_path):
    campaign_id = run(tmp_path, "a,a red circle,16:9,12,")
    assert report_of(catalogue(), campaign_id).published == 12
    devices = devices_of(resources_of(load_settings(**SETTINGS)))
    with devices.acquire() as one, devices.acquire() as other:
        children = {device._process.child.pid for device in (one, other)}
        assert len(children | {os.getpid()}) == 3
    run(tmp_path, "b,a blue circle,16:9,12,")
    with devices.acquire() as one, devices.acquire() as other:
        assert {device._process.child.pid for device in (one, other)} == children
        assert (one.loads, other.loads) == (1, 1)


@pytest.mark.usefixtures("fake_children")
def test_a_device_that_breaks_once_fails_no_clip(tmp_path):
    campaign_id = run(tmp_path, f"a,crash once:{tmp_path / 'done'},16:9,6,")
    assert (tmp_path / "done").exists()
    report = report_of(catalogue(), campaign_id)
    assert (report.published, report.briefs[0].failed) == (6, 0)


@pytest.mark.usefixtures("fake_children")
def test_a_variant_that_always_breaks_its_device_ends_the_run_and_counts_an_attempt(tmp_path):
    with pytest.raises(BrokenDeviceError, match="was ended by signal 9"):
        run(tmp_path, "a,crash,16:9,1,")
    campaign_id = catalogue().campaigns.all()[0].campaign_id
    [row] = catalogue().variants.of_campaign(campaign_id)
    assert (row.state, row.tries, row.lease_owner) == ("planned", 1, None)


@pytest.mark.usefixtures("fake_children")
def test_one_process_embeds_the_texts_of_all_devices_if_main_memory_is_short(tmp_path, monkeypatch):
    opened = []

    def open_encoder(*args, **options):
        opened.append(ProcessEncoder(start_fake, *args, **options))
        return opened[-1]

    monkeypatch.setattr(devices_module, "open_encoder_in_process", open_encoder)
    monkeypatch.setattr(devices_module, "shares_text_encoder", lambda *_: True)
    campaign_id = run(tmp_path, "a,use text,16:9,8,")
    assert report_of(catalogue(), campaign_id).published == 8
    assert len(opened) == 1
    assert 2 <= opened[0].embed("x")[1] - 1 == 8, "each clip of both devices has asked it"


@pytest.mark.slow
def test_the_starter_in_a_process_gives_the_same_clips(tmp_path, monkeypatch):
    if problem := weights_problem(get_card("starter")):
        pytest.fail(problem) if os.environ.get("CI") else pytest.skip(problem)
    monkeypatch.setattr(resources_module, "open_scorer", lambda *_, **__: FakeScorer())
    clips = []
    for name, settings in (("one", {}), ("two", SETTINGS)):
        monkeypatch.setenv("REELMILL_HOME", str(tmp_path / name))
        path = tmp_path / "sheet.csv"
        path.write_text(f"{SHEET}a,a red circle drifting right on a white background,1:1,2,7\n")
        assert report_of(catalogue(), campaign(sheet=str(path), settings=settings)).published == 2
        files = sorted((tmp_path / name / "bucket").rglob("*.mp4"), key=lambda file: file.name)
        clips.append([read_frames(file) for file in files])
    for one, two in zip(*clips, strict=True):
        assert np.array_equal(one, two)
