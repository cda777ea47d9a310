"""Several devices share one shard in a real run with fake models."""

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from fake_scorer import FakeScorer

from app.report.report import report_of
from flows.campaign import campaign
from flows.fan_out import dispatch
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import ModelTooLargeError
from models.fake import FakeGenerator
from tasks.render.render import ShardWorker
from tasks.runtime import devices as devices_module
from tasks.runtime import resources as resources_module
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")
CLIP_S = 0.5


class Slow(FakeGenerator):
    """A fake generator of one device, which takes some seconds for a clip."""

    def __init__(self, device: str, seconds: float, made: list[tuple[str, str, float]]) -> None:
        super().__init__(device_seconds=seconds)
        self._device = device
        self._made = made

    def generate(self, variants) -> Iterator:
        for item in super().generate(variants):
            time.sleep(self.device_seconds)
            self._made.append((self._device, item.variant.variant_id, time.monotonic()))
            yield item


@pytest.fixture
def made(home, fake_models, monkeypatch) -> list[tuple[str, str, float]]:
    """The clips as device, variant and end; the device ``slow`` takes four times longer."""
    monkeypatch.setattr(dispatch, "LOOK_S", 0.1)
    made: list[tuple[str, str, float]] = []

    def open_generator(*_, device, **__):
        return Slow(device, CLIP_S * (4 if device == "slow" else 1), made)

    monkeypatch.setattr(devices_module, "open_generator", open_generator)
    return made


@pytest.fixture
def opened(made, monkeypatch) -> list[str]:
    """The devices that have loaded a model."""
    opened: list[str] = []
    opener = devices_module.open_generator

    def open_generator(*rest, device, **options):
        opened.append(device)
        return opener(*rest, device=device, **options)

    monkeypatch.setattr(devices_module, "open_generator", open_generator)
    return opened


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def run(tmp_path, sheet: str, device: str) -> str:
    path = tmp_path / "sheet.csv"
    path.write_text(sheet)
    return campaign(sheet=str(path), settings={"device": device})


def spread(made) -> float:
    """Return the seconds between the ends of the first and the last device."""
    last = {device: end for device, _, end in made}
    return max(last.values()) - min(last.values())


def test_clips_of_one_shape_use_all_devices_which_end_together(tmp_path, made):
    campaign_id = run(tmp_path, "brief_id,prompt,placements,variants\na,a red circle,16:9,16\n", "one,two,three,four")
    assert report_of(catalogue(), campaign_id).published == 16
    number = Counter(device for device, *_ in made)
    assert len(made) == len({variant_id for _, variant_id, _ in made}) == 16
    assert set(number) == {"one", "two", "three", "four"}
    assert max(number.values()) <= 6, number
    assert spread(made) <= CLIP_S + 0.5, "the last device ends within one clip of the first"
    [run_row] = catalogue().runs.all(campaign_id)
    assert (run_row.served, run_row.waiting, run_row.working) == (16, 0, 0)


def test_a_slow_device_gets_fewer_clips(tmp_path, made):
    campaign_id = run(tmp_path, "brief_id,prompt,placements,variants\na,a red circle,16:9,12\n", "fast,slow")
    assert report_of(catalogue(), campaign_id).published == 12
    number = Counter(device for device, *_ in made)
    assert 1 <= number["slow"] <= 4, number


def test_a_device_that_has_ended_its_shard_helps_with_another(tmp_path, made):
    sheet = "brief_id,prompt,placements,variants\na,a red circle,16:9,2\nb,a red circle,1:1,10\n"
    campaign_id = run(tmp_path, sheet, "one,two")
    assert report_of(catalogue(), campaign_id).published == 12
    assert min(Counter(device for device, *_ in made).values()) >= 4


def test_a_device_that_only_reuses_clips_loads_no_model(tmp_path, made, opened):
    sheet = "brief_id,prompt,placements,variants\na,a red circle,16:9,8\n"
    run(tmp_path, sheet, "one")
    opened.clear()
    campaign_id = run(tmp_path, sheet.replace("\na,", "\nagain,"), "one,two,three")
    assert report_of(catalogue(), campaign_id).published == 8
    assert (opened, len(made)) == ([], 8)


def test_a_device_that_cannot_help_does_not_end_the_run(tmp_path, made, monkeypatch):
    tried = []

    def warm_up(worker):
        tried.append(worker)
        raise ModelTooLargeError("starter does not fit.")

    monkeypatch.setattr(ShardWorker, "warm_up", warm_up)
    campaign_id = run(tmp_path, "brief_id,prompt,placements,variants\na,a red circle,16:9,6\n", "one,two")
    assert report_of(catalogue(), campaign_id).published == 6
    assert len(tried) == 1, "it is not asked again in this run"


def test_devices_do_not_generate_more_than_a_brief_wants(tmp_path, made):
    sheet = "brief_id,prompt,placements,variants,want,want_scope\na,a red circle,16:9|1:1,8,3,brief\n"
    campaign_id = run(tmp_path, sheet, "one,two,three")
    assert report_of(catalogue(), campaign_id).published == 3
    assert len(made) == 3


def test_a_failed_clip_of_another_device_is_replaced(tmp_path, made, monkeypatch):
    class Picky(FakeScorer):
        """Accepts every third clip."""

        lock, seen = threading.Lock(), 0

        def embed_frames(self, frames):
            with self.lock:
                type(self).seen += 1
                number = self.seen
            found = super().embed_frames(frames)
            return found if number % 3 == 0 else found * 0

    monkeypatch.setattr(resources_module, "open_scorer", lambda *_, **__: Picky())
    sheet = "brief_id,prompt,placements,variants,want\na,a red circle,16:9,16,2\n"
    campaign_id = run(tmp_path, sheet, "one,two")
    assert report_of(catalogue(), campaign_id).published == 2
    assert 5 <= len(made) <= 7
