"""Out-of-memory errors injected into every stage of real pipelines: steps taken, state kept, errors reported."""

import numpy as np
import pytest
import tiny_families
import tiny_weights
import torch
from engine_variants import variant

from manifests.errors import BrokenDeviceError, GenerationError
from models.diffusers.generator import DiffusersVideo


def full(*_args, **_kwargs):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


class Failing:
    """A call that fails the first ``times`` times, or while ``when`` holds for its arguments."""

    def __init__(self, original, times=0, when=None, error=full):
        self.original, self.times, self.when, self.error = original, times, when, error
        self.failed = 0

    def __call__(self, *args, **kwargs):
        if self.failed < self.times or (self.when and self.when(*args, **kwargs)):
            self.failed += 1
            self.error()
        return self.original(*args, **kwargs)


@pytest.fixture
def generator() -> DiffusersVideo:
    return DiffusersVideo(tiny_weights.ltx_card())


@pytest.fixture(scope="module")
def frames() -> dict[int, np.ndarray]:
    """Frames generated without failures, by seed."""
    made = DiffusersVideo(tiny_weights.ltx_card()).generate([variant(seed=seed) for seed in (1, 2, 3)])
    return {item.variant.seed: item.frames for item in made}


def inject(monkeypatch, target, name, **how) -> Failing:
    failing = Failing(getattr(target, name), **how)
    monkeypatch.setattr(target, name, failing)
    return failing


STAGES = {
    "embed": lambda pipeline: (pipeline.text_encoder, "forward"),
    "denoise": lambda pipeline: (pipeline.transformer, "forward"),
    "decode": lambda pipeline: (pipeline.vae, "_decode"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_single_out_of_memory_error_frees_the_caches_and_changes_nothing(generator, frames, monkeypatch, stage):
    inject(monkeypatch, *STAGES[stage](generator.pipeline), times=1)
    one, two = generator.generate([variant(seed=1), variant(seed=2)])
    assert np.array_equal(one.frames, frames[1])
    assert np.array_equal(two.frames, frames[2])
    assert two.fallback_step == ""
    assert one.fallback_step == ("" if stage == "embed" else "freed")  # reset before the first clip


def test_a_decode_that_does_not_fit_is_tiled_without_denoising_again_and_the_group_keeps_it(generator, monkeypatch):
    steps = inject(monkeypatch, generator.pipeline.transformer, "forward")
    steps.when = lambda *_, **__: counted.append(1) and False
    counted: list[int] = []
    vae = generator.pipeline.vae
    decode = inject(monkeypatch, vae, "_decode", when=lambda *_, **__: not vae.use_tiling)
    one, two = generator.generate([variant(seed=1), variant(seed=2)])
    assert (one.fallback_step, two.fallback_step) == ("tiled", "tiled")
    assert decode.failed == 2  # plain, then with freed caches; the second clip starts tiled
    assert len(counted) == 2 * 2  # two steps per clip, none repeated


def test_tiling_does_not_affect_another_shape_group(generator, monkeypatch):
    vae = generator.pipeline.vae
    monkeypatch.setattr(vae, "_decode", Failing(vae._decode, times=2))
    tiled, plain = generator.generate([variant(), variant(width=90)])
    assert (tiled.fallback_step, plain.fallback_step) == ("tiled", "")
    assert not vae.use_tiling


@pytest.mark.parametrize("stage", STAGES)
def test_a_variant_that_never_fits_fails_with_its_reason_and_the_others_succeed(generator, frames, monkeypatch, stage):
    target, name = STAGES[stage](generator.pipeline)
    failing = inject(monkeypatch, target, name, when=lambda *_, **__: True)
    made = generator.generate([variant(seed=1), variant(seed=2), variant(seed=3)])
    first = next(made)
    assert isinstance(first, GenerationError)
    assert str(first).startswith("tiny-ltx failed on this variant: out of memory on cpu, even for a single variant")
    failing.when = None
    second, third = made
    assert np.array_equal(third.frames, frames[3])
    if stage != "decode":  # tiling stays on and changes pixels
        assert np.array_equal(second.frames, frames[2])


def test_a_batch_is_halved_until_it_fits_and_the_group_keeps_it(monkeypatch):
    card = tiny_weights.ltx_card(profiles={"fast": {"batch": 4}})
    generator = DiffusersVideo(card)
    wanted = [variant(seed=seed, profile="fast") for seed in range(6)]
    list(generator.generate(wanted[:1]))
    sizes: list[int] = []

    def crowded(hidden_states, **_):
        sizes.append(len(hidden_states))
        return len(hidden_states) > 2  # a batch of one with guidance

    inject(monkeypatch, generator.pipeline.transformer, "forward", when=crowded)
    made = list(generator.generate(wanted))
    assert [item.variant.seed for item in made] == list(range(6))
    assert {item.fallback_step for item in made} == {"batch 1"}
    failed = [size for size in sizes if size > 2]
    assert failed == [8, 8, 4]  # four; four with freed caches; two; then one at a time


def test_a_batch_gives_the_same_clips_as_single_calls():
    card = tiny_weights.ltx_card(profiles={"fast": {"batch": 4}})
    wanted = [variant(seed=seed, prompt=f"a {color} circle") for seed in (1, 2, 3) for color in ("red", "blue")]
    alone = list(DiffusersVideo(card).generate(wanted))
    together = list(DiffusersVideo(card).generate([each._replace(profile="fast") for each in wanted]))
    for one, other in zip(alone, together, strict=True):
        difference = np.abs(one.frames.astype(int) - other.frames).mean()
        others = np.mean([np.abs(one.frames.astype(int) - item.frames).mean() for item in alone if item is not one])
        assert difference < others / 10


def test_one_poisoned_variant_of_a_batch_fails_alone(monkeypatch):
    card = tiny_weights.ltx_card(profiles={"fast": {"batch": 3}})
    generator = DiffusersVideo(card)
    original = torch.Generator.manual_seed

    def poisoned(self, seed):
        if seed == 2:
            raise ValueError("bad luck")
        return original(self, seed)

    class Poisoned(torch.Generator):
        manual_seed = poisoned

    monkeypatch.setattr(torch, "Generator", Poisoned)
    made = list(generator.generate([variant(seed=seed, profile="fast") for seed in (1, 2, 3, 4)]))
    assert [isinstance(item, GenerationError) for item in made] == [False, True, False, False]
    assert str(made[1]) == "tiny-ltx failed on this variant: ValueError: bad luck"


def test_a_broken_device_stops_the_generator_instead_of_failing_every_clip(generator, monkeypatch):
    def lost():
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    inject(monkeypatch, generator.pipeline.transformer, "forward", times=1, error=lost)
    with pytest.raises(
        BrokenDeviceError, match=r"^The device cpu is no longer usable in this process \(CUDA error: an illegal"
    ):
        list(generator.generate([variant()]))


def test_a_call_that_ran_out_of_memory_leaks_nothing_into_the_next_clip(monkeypatch):
    cache = {"kind": "FirstBlockCache", "options": {"threshold": 0.5}}
    card = tiny_weights.wan_card(tiny_families.wan22_5b_folder(), profiles={"fast": {"step_cache": cache}})
    wanted = variant("tiny-wan", profile="fast", num_inference_steps=6)
    [clean] = DiffusersVideo(card).generate([wanted])
    generator = DiffusersVideo(card)
    list(generator.generate([wanted._replace(seed=9)]))
    calls = []
    inject(
        monkeypatch, generator.pipeline.transformer, "forward", when=lambda *_, **__: calls.append(1) or len(calls) == 5
    )  # in the middle of denoising
    [after] = generator.generate([wanted])
    assert after.fallback_step == "freed"
    assert np.array_equal(after.frames, clean.frames)
