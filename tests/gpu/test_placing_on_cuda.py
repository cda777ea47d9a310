"""Memory rungs on a CUDA device. Run with `pytest -m gpu`."""

import numpy as np
import pytest
import tiny_weights
import torch

from manifests.variant import Variant
from models.diffusers import placing
from models.diffusers.generator import DiffusersVideo
from models.placement import RUNGS, Choice, Rung

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
LOSSLESS = [rung for rung in RUNGS if rung is not Rung.QUANTISED]


def variant(card, seed: int = 1, profile: str = "exact") -> Variant:
    made = Variant(card.name, card.weights.revision, "a red circle", "blue", seed, 64, 64, 9, 8, 4, 3.0)
    return made._replace(profile=profile)


@pytest.fixture
def at(monkeypatch):
    """Return a function that starts all later generators at a rung."""

    def start(rung: Rung) -> None:
        monkeypatch.setattr(placing, "choose", lambda *_: Choice(rung, 0, False))

    return start


@pytest.mark.parametrize("rung", LOSSLESS)
def test_each_lossless_rung_gives_the_frames_of_the_whole_model(at, rung):
    card = tiny_weights.ltx_card()
    at(Rung.WHOLE)
    whole = list(DiffusersVideo(card, device="cuda").generate([variant(card, 1), variant(card, 2)]))
    at(rung)
    placed = list(DiffusersVideo(card, device="cuda").generate([variant(card, 1), variant(card, 2)]))
    assert [item.fallback_step for item in placed] == [rung, rung]
    for one, other in zip(whole, placed, strict=True):
        assert np.array_equal(one.frames, other.frames)


def test_lower_rungs_leave_fewer_weights_on_the_device(at):
    card, left = tiny_weights.ltx_card(), []
    for rung in (Rung.WHOLE, Rung.TEXT_ENCODER_FREED, Rung.GROUP_OFFLOAD):
        at(rung)
        generator = DiffusersVideo(card, device="cuda")
        list(generator.generate([variant(card)]))
        placing.free_caches()
        left.append(torch.cuda.memory_allocated())
        generator.close()
    assert left == sorted(left, reverse=True)
    assert left[0] > left[-1]


def test_quantised_weights_run_and_are_recorded(at):
    card = tiny_weights.ltx_card(profiles={"fast": {"quantised": "float8_e4m3fn"}})
    at(Rung.QUANTISED)
    [made] = DiffusersVideo(card, device="cuda").generate([variant(card, profile="fast")])
    assert made.fallback_step == "quantised"
    assert made.nan_share == 0


def test_the_free_memory_of_the_device_is_measured():
    free = placing.free_gb(torch.device("cuda:0"))
    assert 0 < free <= torch.cuda.get_device_properties(0).total_memory / 1e9
