"""The meter of a device: what it counts, when, and what survives."""

import json
import os
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import samples
from engine_variants import variant
from fake_scorer import FakeScorer

from adapters.catalogue import Catalogue, catalogue_name, open_catalogue
from manifests.costs.device_use import Cause, UseKind
from manifests.errors import GenerationError
from models.fake import FakeGenerator
from tasks.runtime.device_use.meter import DeviceMeter
from tasks.runtime.device_use.metered import MeteredGenerator, MeteredScorer, device_of
from tasks.runtime.device_use.settlement import settle_dead_uses
from tasks.runtime.device_use.use_file import UNFINISHED_S, uses_left
from tasks.runtime.heartbeat import heartbeat


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalogue(tmp_path: Path):
    with open_catalogue(f"sqlite:///{tmp_path / 'catalogue.db'}") as opened:
        for name in ("Spring", "Autumn"):
            opened.campaigns.add(samples.campaign(name), {})
        yield opened


@pytest.fixture
def cause_of(catalogue: Catalogue) -> Callable[[str], Cause]:
    return lambda name: Cause(samples.campaign(name).campaign_id, "", "starter")


@pytest.fixture
def meter(tmp_path: Path, catalogue: Catalogue, clock: Clock) -> DeviceMeter:
    return DeviceMeter("cuda:0", lambda _: "NVIDIA H200", tmp_path / "device-use", catalogue_name(catalogue.url), clock)


def booked(catalogue: Catalogue, cause: Cause) -> dict[str, float]:
    return {total.kind: total.seconds for total in catalogue.device_use.of_campaign(cause.campaign_id)}


def test_each_second_counts_once_for_the_first_kind_in_use(meter, clock, catalogue, cause_of):
    cause = cause_of("Spring")
    with meter.working_for(cause):
        with meter.using(UseKind.LOAD):
            clock.now += 5
        clock.now += 100  # idle
        with meter.using(UseKind.SCORE):
            clock.now += 1
            with meter.using(UseKind.GENERATE):
                clock.now += 10
            clock.now += 2
        meter.book(catalogue)
    assert booked(catalogue, cause) == {"load": 5, "generate": 10, "score": 3}
    [total] = {total.device_kind for total in catalogue.device_use.of_campaign(cause.campaign_id)}
    assert total == "NVIDIA H200"


def test_a_use_stays_below_a_day_in_runs_of_several_days(meter, clock, catalogue, cause_of, monkeypatch):
    """The role of a renderer may not insert more, not even for a use that is already in the table."""
    longest, book = [0.0], catalogue.device_use.book

    def watched(uses, *leases):
        longest.append(max((use.seconds for use in uses), default=0.0))
        book(uses, *leases)

    monkeypatch.setattr(catalogue.device_use, "book", watched)
    cause = cause_of("Spring")
    with meter.working_for(cause):
        for _ in range(50):
            with meter.using(UseKind.GENERATE):
                clock.now += 3600
            meter.book(catalogue)
        meter.settle(catalogue)
    assert booked(catalogue, cause) == {"generate": 50 * 3600}
    assert max(longest) < 86_400
    assert not list(meter._folder.iterdir())


def test_failed_work_counts(meter, clock, catalogue, cause_of):
    with meter.working_for(cause_of("Spring")):
        with suppress(RuntimeError), meter.using(UseKind.LOAD):
            clock.now += 4
            raise RuntimeError("out of memory")
        meter.settle(catalogue)
    assert booked(catalogue, cause_of("Spring")) == {"load": 4}


def test_the_campaign_that_has_the_device_pays(meter, clock, catalogue, cause_of):
    for name, seconds in (("Spring", 3), ("Autumn", 4), ("Spring", 5)):
        with meter.working_for(cause_of(name)):
            with meter.using(UseKind.GENERATE):
                clock.now += seconds
            meter.settle(catalogue)
    with meter.using(UseKind.GENERATE):
        clock.now += 50  # outside of a shard
    meter.book(catalogue)
    assert booked(catalogue, cause_of("Spring")) == {"generate": 8}
    assert booked(catalogue, cause_of("Autumn")) == {"generate": 4}


def test_seconds_that_could_not_be_booked_are_booked_later(meter, clock, catalogue, cause_of, monkeypatch):
    with meter.working_for(cause_of("Spring")):
        with meter.using(UseKind.GENERATE):
            clock.now += 3
        with monkeypatch.context() as patched:
            patched.setattr(catalogue.device_use, "book", lambda *_: (_ for _ in ()).throw(GenerationError("away")))
            with pytest.raises(GenerationError):
                meter.settle(catalogue)
        meter.settle(catalogue)
    assert booked(catalogue, cause_of("Spring")) == {"generate": 3}


def test_the_file_has_the_seconds_of_the_use_in_progress(tmp_path, meter, clock, catalogue, cause_of):
    folder = tmp_path / "device-use"
    with meter.working_for(cause_of("Spring")):
        with meter.using(UseKind.GENERATE):
            clock.now += 7
            deadline = time.monotonic() + 10
            [path] = folder.glob("*.use")
            while struct.unpack("<d", path.read_bytes()[:8]) != (7.0,):
                assert time.monotonic() < deadline, "the meter does not tick"
                time.sleep(0.01)
            assert oct(path.stat().st_mode & 0o777) == "0o600"
            assert settle_dead_uses(catalogue, folder) == 0, "the process is alive"
        meter.settle(catalogue)
    assert list(folder.iterdir()) == []


def left_file(folder: Path, catalogue: Catalogue, cause: Cause, seconds: float) -> Path:
    """Write the file of a process that was killed."""
    folder.mkdir(exist_ok=True)
    use_id = os.urandom(16).hex()
    body = {
        "catalogue": catalogue_name(catalogue.url),
        "use_id": use_id,
        "cause": {"campaign_id": cause.campaign_id, "run_id": "", "card": "starter"},
        "kind": "generate",
        "owner": "host:0:1:1",
        "device": "cpu",
        "device_kind": "cpu",
        "seconds": 0.0,
    }
    path = folder / f"{use_id}.use"
    path.write_bytes(struct.pack("<d", seconds) + json.dumps(body).encode())
    return path


def test_the_next_process_books_what_a_killed_one_has_left(tmp_path, catalogue, cause_of):
    path = left_file(tmp_path / "left", catalogue, cause_of("Spring"), 12.5)
    assert settle_dead_uses(catalogue, tmp_path / "left") == 12.5
    assert booked(catalogue, cause_of("Spring")) == {"generate": 12.5}
    assert not path.exists()
    assert settle_dead_uses(catalogue, tmp_path / "left") == 0


def test_a_file_of_another_catalogue_or_campaign_stays(tmp_path, catalogue, cause_of):
    folder = tmp_path / "left"
    with open_catalogue(f"sqlite:///{tmp_path / 'other.db'}") as other:
        elsewhere = left_file(folder, other, cause_of("Spring"), 1.0)
    unknown = left_file(folder, catalogue, Cause("no-such", "", ""), 1.0)
    assert settle_dead_uses(catalogue, folder) == 0
    assert elsewhere.exists()
    assert unknown.exists()


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\0" * 8 + b"{}", b"\0" * 8 + b"[1]", b"\xff" * 4000])
def test_a_damaged_file_is_deleted_with_a_warning(tmp_path, catalogue, caplog, content: bytes):
    path = tmp_path / "left" / f"{'0' * 32}.use"
    path.parent.mkdir()
    path.write_bytes(content)
    assert settle_dead_uses(catalogue, path.parent) == 0
    assert not path.exists()
    assert "is damaged" in caplog.text


def test_files_that_were_never_complete_are_deleted_once_they_are_old(tmp_path, catalogue):
    folder = tmp_path / "left"
    folder.mkdir()
    for name, age in ((".old", UNFINISHED_S + 10), (".new", 0)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age,) * 2)
    assert list(uses_left(folder, "")) == []
    assert [path.name for path in folder.iterdir()] == [".new"]


def test_a_folder_that_cannot_be_written_stops_no_work(tmp_path, catalogue, clock, cause_of, caplog):
    (tmp_path / "file").write_text("")
    meter = DeviceMeter("cpu", str, tmp_path / "file" / "device-use", catalogue_name(catalogue.url), clock)
    with meter.working_for(cause_of("Spring")):
        with meter.using(UseKind.GENERATE):
            clock.now += 2
        meter.settle(catalogue)
    assert booked(catalogue, cause_of("Spring")) == {"generate": 2}
    assert "cannot be saved" in caplog.text


class Working(FakeGenerator):
    """Needs a second for what clips share, and two for a clip."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def prepare(self, variants):
        self._clock.now += 1

    def generate(self, variants):
        for item in super().generate(variants):
            self._clock.now += 2
            yield item


def test_a_generator_measures_clips_and_what_they_share(meter, clock, catalogue, cause_of):
    variants = [variant(seed=seed) for seed in range(3)]
    model = Working(clock)
    model.failures[variants[1].variant_id] = GenerationError("no room")
    generator = MeteredGenerator(model, meter)
    with meter.working_for(cause_of("Spring")):
        generator.prepare(variants)
        for _ in generator.generate(variants):
            clock.now += 100  # the consumer's own work
        meter.settle(catalogue)
    assert booked(catalogue, cause_of("Spring")) == {"other": 1, "generate": 6}
    generator.close()
    assert model.closed


class OnTheGpu(FakeScorer):
    device = "cuda:0"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def embed_frames(self, frames):
        self._clock.now += 0.25
        return super().embed_frames(frames)


def test_a_scorer_counts_on_its_own_device_only(meter, clock, catalogue, cause_of):
    assert (device_of(OnTheGpu(clock)), device_of(FakeScorer())) == ("cuda:0", "cpu")
    scorer = MeteredScorer(OnTheGpu(clock), meter, meter)
    with meter.working_for(cause_of("Spring")):
        assert scorer.embed_frames(np.zeros((2, 8, 8, 3), np.uint8)).shape[0] == 2
        assert scorer.embed_prompts(["a"]).shape[0] == 1
        meter.settle(catalogue)
    assert scorer.name == FakeScorer().name
    assert booked(catalogue, cause_of("Spring")) == {"score": 0.25}


def test_scoring_on_another_device_is_booked_there_for_the_own_campaign(meter, clock, catalogue, cause_of, tmp_path):
    other = DeviceMeter("cuda:0", str, tmp_path / "device-use", catalogue_name(catalogue.url), clock)
    scorer = MeteredScorer(OnTheGpu(clock), other, meter)
    with meter.working_for(cause_of("Spring")):
        scorer.embed_frames(np.zeros((2, 8, 8, 3), np.uint8))
        meter.settle(catalogue)
        other.settle(catalogue)
    [total] = catalogue.device_use.of_campaign(cause_of("Spring").campaign_id)
    assert (total.kind, total.device_kind, total.seconds) == ("score", "cuda:0", 0.25)


def test_threads_that_use_a_device_at_the_same_time_lose_no_second(meter, catalogue, cause_of, tmp_path):
    real = DeviceMeter("cpu", str, tmp_path / "device-use", catalogue_name(catalogue.url))
    began = time.monotonic()

    def score() -> None:
        for _ in range(20):
            with real.using(UseKind.SCORE):
                time.sleep(0.01)

    with real.working_for(cause_of("Spring")):
        threads = [threading.Thread(target=score) for _ in range(3)]
        for thread in threads:
            thread.start()
        with real.using(UseKind.GENERATE):
            time.sleep(0.1)
            real.book(catalogue)
        for thread in threads:
            thread.join()
        wall = time.monotonic() - began
        real.settle(catalogue)
    seconds = booked(catalogue, cause_of("Spring"))
    assert seconds["generate"] >= 0.1
    assert 0.2 <= sum(seconds.values()) <= wall


def test_the_heartbeat_books_a_use_in_progress(meter, clock, catalogue, cause_of):
    """If a host is lost with its disk, its last heartbeat is what the ledger has."""
    with (
        meter.working_for(cause_of("Spring")),
        heartbeat(catalogue, 0.06, meter.book),
        meter.using(UseKind.GENERATE),
    ):
        clock.now += 9
        deadline = time.monotonic() + 30
        while booked(catalogue, cause_of("Spring")) != {"generate": 9}:
            assert time.monotonic() < deadline, "nothing was booked"
            time.sleep(0.01)
