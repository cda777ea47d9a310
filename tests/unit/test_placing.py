"""Real pipelines on a pretended GPU: the CPU with a limited free memory, and injected out-of-memory errors."""

import functools

import numpy as np
import pytest
import tiny_families
import tiny_weights
import torch
from engine_variants import variant

from manifests.errors import GenerationError, ModelTooLargeError
from models.diffusers import placing
from models.diffusers.generator import DiffusersVideo
from models.diffusers.placing import Placed
from models.placement import RUNGS, Choice, Rung

QUANTISES = {"fast": {"quantised": "float8_e4m3fn", "batch": 2}}
LOSSLESS = [rung for rung in RUNGS if rung is not Rung.QUANTISED]
CARDS = {
    "ltx": tiny_weights.ltx_card,
    "wan": lambda **changes: tiny_weights.wan_card(tiny_families.wan22_5b_folder(), **changes),
}


@pytest.fixture
def free(monkeypatch):
    """Let the CPU be placed as a GPU with this many GB of free memory."""

    def of(gb: float) -> None:
        monkeypatch.setattr(placing, "free_gb", lambda device: gb)

    of(100)
    return of


@pytest.fixture
def failing(monkeypatch):
    """Let a few rungs run out of memory after they were applied; returns the rungs that were tried."""
    tried: list[Rung] = []
    apply = Placed._apply

    def set_up(*rungs: Rung) -> list[Rung]:
        def failing_apply(self, rung):
            tried.append(rung)
            apply(self, rung)
            if rung in rungs:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

        monkeypatch.setattr(Placed, "_apply", failing_apply)
        return tried

    return set_up


def plain(card, wanted):
    return list(DiffusersVideo(card).generate(wanted))


@pytest.mark.parametrize("family", CARDS)
@pytest.mark.parametrize("rung", LOSSLESS)
def test_each_lossless_rung_gives_the_frames_of_the_plain_pipeline(monkeypatch, free, family, rung):
    card = CARDS[family]()
    name = f"tiny-{family}"
    wanted = [variant(name, seed=1), variant(name, seed=2, prompt="a blue square")]
    monkeypatch.setattr(placing, "free_gb", lambda device: None)
    expected = plain(card, wanted)
    free(100)
    monkeypatch.setattr(placing, "choose", lambda *_: Choice(rung, 0, False))
    placed = plain(card, wanted)
    assert [item.fallback_step for item in placed] == [rung, rung]
    for one, other in zip(expected, placed, strict=True):
        assert np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize("number", range(len(LOSSLESS)))
def test_a_rung_that_runs_out_of_memory_while_loading_leads_to_the_next(free, failing, number):
    tried = failing(*LOSSLESS[:number])
    [made] = DiffusersVideo(tiny_weights.ltx_card()).generate([variant()])
    assert tried == LOSSLESS[: number + 1]
    assert made.fallback_step == LOSSLESS[number]


def test_a_model_that_fits_at_no_rung_is_refused(free, failing):
    failing(*LOSSLESS)
    with pytest.raises(ModelTooLargeError, match=r"^tiny-ltx cannot be loaded on cpu: CUDA out of memory"):
        DiffusersVideo(tiny_weights.ltx_card())


@pytest.mark.parametrize("number", range(1, len(LOSSLESS)))
def test_a_clip_that_runs_out_of_memory_moves_down_and_is_made(monkeypatch, free, number):
    """The denoiser fails at every rung above one; the frames are those of a run without failures."""
    [expected] = plain(tiny_weights.ltx_card(), [variant()])
    generator = DiffusersVideo(tiny_weights.ltx_card())
    call = type(generator.pipeline).__call__

    @functools.wraps(call)
    def crowded(self, *args, **kwargs):
        result = call(self, *args, **kwargs)
        if LOSSLESS.index(generator._placed.rung) < number:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return result

    monkeypatch.setattr(type(generator.pipeline), "__call__", crowded)
    [made] = generator.generate([variant()])
    assert made.fallback_step == f"{LOSSLESS[number]}, freed"
    assert np.array_equal(made.frames, expected.frames)
    [again] = generator.generate([variant(seed=2)])
    assert again.fallback_step == LOSSLESS[number]  # the pipeline stays there


def test_a_clip_that_fits_at_no_rung_fails_alone(monkeypatch, free):
    generator = DiffusersVideo(tiny_weights.ltx_card())

    call = type(generator.pipeline).__call__

    @functools.wraps(call)
    def crowded(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(type(generator.pipeline), "__call__", crowded)
    [failed] = generator.generate([variant()])
    assert isinstance(failed, GenerationError)
    assert "out of memory on cpu, even for a single variant" in str(failed)
    monkeypatch.setattr(type(generator.pipeline), "__call__", call)
    [made] = generator.generate([variant(seed=2)])
    assert made.fallback_step == "sequential"


def test_the_batch_is_halved_before_anything_is_offloaded(monkeypatch, free):
    generator = DiffusersVideo(tiny_weights.ltx_card(profiles=QUANTISES))
    generator._load("fast")
    generator._fallback.select("group")
    steps = []
    while generator._fallback.next_step():
        steps.append(generator._fallback.step)
    assert steps == [
        "whole, freed",
        "text_encoder_freed, freed",
        "text_encoder_freed, batch 1",
        "model_offload, batch 1",
        "group_offload, batch 1",
        "quantised, batch 1",
        "quantised, sequential, batch 1",
    ]
