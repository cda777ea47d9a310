"""Real pipelines on a pretended GPU: the CPU with a limited free memory, and injected out-of-memory errors."""

import dataclasses
import functools

import diffusers
import numpy as np
import pytest
import tiny_families
import tiny_weights
import torch
import transformers
from engine_variants import variant

from manifests.errors import GenerationError, ModelTooLargeError
from models.diffusers import families, placing
from models.diffusers.generator import DiffusersVideo
from models.diffusers.placing import Placed
from models.diffusers.tuning import tune
from models.placement import RUNGS, Choice, Rung
from models.placement.component_sizes import ComponentSize
from models.speed import Speed

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


@pytest.mark.parametrize("failing_first", [False, True])
def test_a_step_cache_stays_for_all_clips_with_model_offload(monkeypatch, free, failing_first):
    """Diffusers applies the hooks of model offload again after each call."""
    cache = {"step_cache": {"kind": "SeaCache", "options": {"threshold": 5.0}}}
    card = CARDS["wan"](profiles={"fast": cache})
    steps = (8, 8, 9, 9)
    wanted = [variant("tiny-wan", seed=1, profile="fast", num_inference_steps=number) for number in steps]
    monkeypatch.setattr(placing, "free_gb", lambda device: None)
    expected = plain(card, wanted)
    free(100)
    first = Rung.TEXT_ENCODER_FREED if failing_first else Rung.MODEL_OFFLOAD
    monkeypatch.setattr(placing, "choose", lambda *_: Choice(first, 0, False))
    generator = DiffusersVideo(card)
    placed = [*generator.generate(wanted[:1])]
    if failing_first:
        generator._placed.down()
    placed += generator.generate(wanted[1:])
    assert placed[-1].fallback_step == Rung.MODEL_OFFLOAD
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


@pytest.mark.parametrize(
    ("component", "step"),
    [("transformer", "group_offload, freed"), ("text_encoder", "sequential"), ("vae", "group_offload, tiled")],
)
def test_a_component_that_never_fits_as_a_whole_is_copied_in_parts(monkeypatch, free, component, step):
    """Moving the component to the device fails half-way, as on a GPU; moving it to main memory succeeds."""
    [expected] = plain(tiny_weights.ltx_card(), [variant()])
    kinds = {
        "transformer": "LTXVideoTransformer3DModel",
        "text_encoder": "T5EncoderModel",
        "vae": "AutoencoderKLLTXVideo",
    }
    move = torch.nn.Module.to

    def crowded(self, *args, **kwargs):
        if type(self).__name__ == kinds[component] and args[0] == torch.device("cpu:0"):
            next(self.children()).to(*args, **kwargs)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return move(self, *args, **kwargs)

    for kind in (torch.nn.Module, diffusers.ModelMixin, transformers.PreTrainedModel):
        monkeypatch.setattr(kind, "to", crowded)
    [made] = DiffusersVideo(tiny_weights.ltx_card(), device="cpu:0").generate([variant()])
    assert made.fallback_step == step
    assert np.array_equal(made.frames, expected.frames)


def test_text_encoders_that_do_not_fit_beside_the_denoiser_take_its_place(monkeypatch, free):
    monkeypatch.setattr(placing, "choose", lambda *_: Choice(Rung.TEXT_ENCODER_FREED, 0, False))
    generator = DiffusersVideo(tiny_weights.ltx_card())
    moved = []
    move = generator.pipeline.transformer.to
    monkeypatch.setattr(generator.pipeline.transformer, "to", lambda device: moved.append(str(device)) or move(device))
    list(generator.generate([variant(seed=1)]))
    assert moved == []
    free(0)
    list(generator.generate([variant(seed=2, prompt="a blue square"), variant(seed=3, prompt="a blue square")]))
    assert moved == ["cpu", "cpu"]  # to main memory, and back to the pretended device


def test_another_profile_is_placed_anew(monkeypatch, free):
    card = tiny_weights.ltx_card(profiles={"fast": {"offload": "group"}})
    one, other = DiffusersVideo(card).generate([variant(), variant(profile="fast")])
    assert (one.fallback_step, other.fallback_step) == ("whole", "group_offload")


def test_compiled_blocks_run_without_compilation_if_weights_are_copied(monkeypatch, free):
    generator = DiffusersVideo(tiny_weights.ltx_card(profiles={"fast": {"compile": True, "offload": "group"}}))
    generator._load("fast")
    assert all(module._compiled_call_impl is None for module in generator.pipeline.transformer.modules())


@pytest.mark.parametrize("rung", LOSSLESS[2:])
def test_a_step_cache_works_before_and_after_moving_down(monkeypatch, free, rung):
    cache = {"kind": "FirstBlockCache", "options": {"threshold": 0.5}}
    card = CARDS["wan"](profiles={"fast": {"step_cache": cache}})
    wanted = [variant("tiny-wan", seed=seed, profile="fast", num_inference_steps=6) for seed in (1, 2)]
    generator = DiffusersVideo(card)
    whole = list(generator.generate(wanted))
    while generator._placed.rung is not rung:
        generator._placed.down()
    moved = list(generator.generate(wanted))
    assert moved[0].fallback_step == rung
    monkeypatch.setattr(placing, "choose", lambda *_: Choice(rung, 0, False))
    placed = list(DiffusersVideo(card).generate(wanted))
    for one, *others in zip(whole, moved, placed, strict=True):
        assert all(np.array_equal(one.frames, other.frames) for other in others)


def test_a_clip_that_fits_at_no_rung_fails_alone(monkeypatch, free):
    generator = DiffusersVideo(tiny_weights.ltx_card())

    call = type(generator.pipeline).__call__

    @functools.wraps(call)
    def crowded(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(type(generator.pipeline), "__call__", crowded)
    [failed] = generator.generate([variant()])
    assert isinstance(failed, GenerationError)
    assert "out of memory on cpu, even for a single variant at the memory rung sequential" in str(failed)
    monkeypatch.setattr(type(generator.pipeline), "__call__", call)
    [made] = generator.generate([variant(seed=2)])
    assert made.fallback_step == "sequential"


def test_memory_that_runs_out_at_the_last_rung_ends_the_shard_and_the_model_is_loaded_anew(monkeypatch, free, failing):
    """For example because main memory is full; a pipeline that was moved in part cannot be used again."""
    generator = DiffusersVideo(tiny_weights.ltx_card())
    [expected] = generator.generate([variant()])
    with monkeypatch.context() as patched:
        call = type(generator.pipeline).__call__

        @functools.wraps(call)
        def crowded(*args, **kwargs):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

        patched.setattr(type(generator.pipeline), "__call__", crowded)
        failing(*LOSSLESS)
        with pytest.raises(ModelTooLargeError, match=r"^tiny-ltx no longer fits into the memory of cpu"):
            list(generator.generate([variant()]))
    failing()
    [made] = generator.generate([variant()])
    assert made.fallback_step == "whole"
    assert np.array_equal(made.frames, expected.frames)


def test_components_that_are_never_loaded_take_no_memory(monkeypatch, free):
    family = dataclasses.replace(families.FAMILIES["LTXPipeline"], unused=("prompt_enhancer",))
    monkeypatch.setitem(families.FAMILIES, "LTXPipeline", family)
    sizes = placing.sizes_of
    big = ComponentSize(50, 1, 1, 1)
    monkeypatch.setattr(placing, "sizes_of", lambda *args: sizes(*args) | {"prompt_enhancer": big})
    monkeypatch.setattr(placing, "free_gb", lambda device: 40.0)
    [made] = DiffusersVideo(tiny_weights.ltx_card()).generate([variant()])
    assert made.fallback_step == "whole"


@pytest.mark.parametrize("how", ["storage", "quantised"])
def test_weights_in_8_bits_compute_in_the_precision_of_the_model(free, how):
    """Wan keeps a few tensors in float32, the first one included; a layer that computes in it fails with the others."""
    folder, device = tiny_families.wan22_5b_folder(), torch.device("cpu")
    pipeline = diffusers.WanPipeline.from_pretrained(str(folder), dtype=torch.bfloat16)
    if how == "storage":
        tune(pipeline, CARDS["wan"](), Speed(storage="float8_e4m3fn"), device)
    else:
        Placed(pipeline, device, [Rung.QUANTISED], ["text_encoder"], "float8_e4m3fn")
    transformer = pipeline.transformer
    latents = torch.zeros(1, transformer.config.in_channels, 3, 8, 8, dtype=torch.bfloat16)
    text = torch.zeros(1, 4, transformer.config.text_dim, dtype=torch.bfloat16)
    with torch.no_grad():
        [made] = transformer(latents, torch.tensor([500]), text, return_dict=False)
    assert made.dtype == torch.bfloat16


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
