"""Where clips are scored: on a GPU if it is free or faster than the CPU, decided once by measuring."""

import logging
import threading
import time

import numpy as np
import pytest
import tiny_weights
import torch

from models.openclip import device_choice
from models.openclip import scorer as open_clip_scorer
from models.openclip.device_choice import GpuMemory, Timing, choose, open_where_it_pays
from models.openclip.scorer import OpenClipScorer
from tasks.runtime import resources as resources_module

GB = 10**9
WEIGHTS = 0.6 * GB


class TimedScorer:
    """A scorer that takes a fixed time for each call."""

    name = "timed@1"

    def __init__(self, device: str, seconds: float) -> None:
        self.device, self._seconds = device, seconds

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        time.sleep(self._seconds)
        return np.zeros((len(frames), 4), np.float32)

    def embed_prompts(self, prompts: list[str]) -> np.ndarray:
        return np.zeros((len(prompts), 4), np.float32)


def opened(seconds: dict[str, float], free: dict[str, float]) -> TimedScorer:
    """Open a scorer; ``seconds`` by device, and free GB of 80 by GPU."""
    scorer = open_where_it_pays(
        lambda device: TimedScorer(device, seconds[device]),
        list(free),
        lambda gpu: GpuMemory(int(free[gpu] * GB), 80 * GB),
        WEIGHTS,
    )
    assert isinstance(scorer, TimedScorer)
    return scorer


@pytest.fixture
def decisions(caplog) -> list[str]:
    caplog.set_level(logging.INFO, device_choice.log.name)
    return caplog


def test_a_faster_gpu_scores_although_it_generates(decisions):
    assert opened({"cpu": 0.03, "cuda:0": 0.002}, {"cuda:0": 20}).device == "cuda:0"
    [record] = decisions.records
    assert record.message.startswith("cuda:0 scores the clips while it generates, which is faster (")


def test_a_busy_gpu_that_is_slower_leaves_scoring_to_the_cpu(decisions):
    assert opened({"cpu": 0.002, "cuda:0": 0.03}, {"cuda:0": 20}).device == "cpu"
    [record] = decisions.records
    assert record.message.startswith("The CPU scores the clips, because cuda:0 is busy and slower (")


def test_a_free_gpu_scores_even_if_it_is_not_faster(decisions):
    assert opened({"cpu": 0.002, "cuda:1": 0.01, "cuda:0": 0.001}, {"cuda:0": 20, "cuda:1": 79}).device == "cuda:1"
    assert "no model is loaded on it" in decisions.text


def test_a_gpu_without_room_is_not_tried(decisions):
    assert opened({"cpu": 0.0}, {"cuda:0": 2.0}).device == "cpu"
    [record] = decisions.records
    assert record.message == (
        "The CPU scores the clips, because scoring needs 2.8 GB of GPU memory; free memory: cuda:0 2.0 GB."
    )


def test_without_a_gpu_nothing_is_measured(decisions, monkeypatch):
    monkeypatch.setattr(device_choice, "seconds_a_clip", lambda _: pytest.fail("measured"))
    assert opened({"cpu": 0.0}, {}).device == "cpu"
    assert decisions.messages == ["The CPU scores the clips, because this process does not use a GPU."]


def test_memory_that_runs_out_while_measuring_leaves_scoring_to_the_cpu(decisions):
    def open_on(device: str) -> TimedScorer:
        if device != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return TimedScorer(device, 0.0)

    scorer = open_where_it_pays(open_on, ["cuda:0"], lambda _: GpuMemory(70 * GB, 80 * GB), WEIGHTS)
    assert scorer.device == "cpu"
    assert decisions.messages == ["The CPU scores the clips, because cuda:0 ran out of memory."]


def test_other_errors_are_not_hidden():
    def open_on(device: str) -> TimedScorer:
        if device != "cpu":
            raise RuntimeError("the driver is too old")
        return TimedScorer(device, 0.0)

    with pytest.raises(RuntimeError, match="too old"):
        open_where_it_pays(open_on, ["cuda:0"], lambda _: GpuMemory(70 * GB, 80 * GB), WEIGHTS)


def test_equal_times_stay_on_the_cpu():
    assert choose(Timing("cpu", 0.1), Timing("cuda:0", 0.1)).device == "cpu"


def test_the_gpus_that_generate_are_offered_for_scoring(monkeypatch):
    offered = []
    monkeypatch.setattr(resources_module, "open_scorer", lambda name, gpus, **_: offered.append((name, list(gpus))))
    for devices in (("cuda:0", "cuda:1"), ("cpu",)):
        resources_module._scorer("some-scorer", (), None, devices)
    monkeypatch.setattr(resources_module, "find_devices", lambda: ("cuda:0",))
    resources_module._scorer("other-scorer", (), None, ())
    resources_module._scorer.cache_clear()
    assert offered == [("some-scorer", ["cuda:0", "cuda:1"]), ("some-scorer", []), ("other-scorer", ["cuda:0"])]


class FullModel:
    """A model on a device without memory."""

    def encode_image(self, *_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    encode_text = encode_image


def test_a_scorer_moves_to_the_cpu_once_if_the_memory_of_its_gpu_runs_out(caplog, monkeypatch):
    prepare = open_clip_scorer.prepare

    def prepare_on_cpu(pictures: torch.Tensor, preprocess: object) -> torch.Tensor:
        return pictures if pictures.device.type == "meta" else prepare(pictures, preprocess)

    monkeypatch.setattr(open_clip_scorer, "prepare", prepare_on_cpu)
    expected = OpenClipScorer(tiny_weights.scorer_card())
    scorer = OpenClipScorer(tiny_weights.scorer_card())
    scorer._placed = scorer._placed._replace(model=FullModel(), device=torch.device("meta"))
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    made: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: made.append(scorer.embed_frames(frames))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 2
    assert all(np.array_equal(rows, expected.embed_frames(frames)) for rows in made)
    assert np.array_equal(scorer.embed_prompts(["a red circle"]), expected.embed_prompts(["a red circle"]))
    assert scorer.device == torch.device("cpu")
    assert [record.message for record in caplog.records if "scores from now on" in record.message] == [
        "The memory of meta ran out while scoring; the CPU scores from now on."
    ]


def test_memory_that_runs_out_on_the_cpu_is_reported(monkeypatch):
    scorer = OpenClipScorer(tiny_weights.scorer_card())
    scorer._placed = scorer._placed._replace(model=FullModel())
    with pytest.raises(torch.OutOfMemoryError):
        scorer.embed_frames(np.zeros((1, 64, 64, 3), np.uint8))
