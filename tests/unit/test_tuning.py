"""Speed profiles on real pipelines: their effects, and unsupported settings that must be refused, not ignored."""

import numpy as np
import pytest
import tiny_families
import tiny_weights
import torch
from engine_variants import variant
from pydantic import ValidationError
from torch._dynamo.exc import BackendCompilerFailed
from torch._inductor.exc import CppCompileError

from manifests.errors import GenerationError, InvalidCardError
from models.card import ModelCard
from models.diffusers import generator as generator_module
from models.diffusers import tuning
from models.diffusers.generator import DiffusersVideo
from models.diffusers.kernel_fallback import is_kernel_error
from models.speed import Speed


def card_of(**changes) -> ModelCard:
    """Return a card of a model with two blocks: a step cache needs a first block and others."""
    return tiny_weights.wan_card(tiny_families.wan22_5b_folder(), **changes)


def wan(**speed) -> ModelCard:
    return card_of(profiles={"fast": speed})


def generated_by(card: ModelCard, **changes) -> np.ndarray:
    [item] = DiffusersVideo(card).generate([variant(card.name, profile="fast", **changes)])
    assert not isinstance(item, Exception), item
    return item.frames


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    return generated_by(card_of(), num_inference_steps=6)


@pytest.mark.parametrize(
    "cache",
    [
        {"kind": "FirstBlockCache", "options": {"threshold": 0.5}},
        {
            "kind": "TaylorSeerCache",
            "options": {
                "cache_interval": 3,
                "disable_cache_before_step": 1,
                "cache_identifiers": [r"(transformer_)?blocks\.\d+\.(attn\d?|ff|ffn)"],
            },
        },
        {
            "kind": "PyramidAttentionBroadcast",
            "options": {"spatial_attention_block_skip_range": 2, "spatial_attention_timestep_skip_range": [100, 800]},
        },
        {"kind": "MagCache", "options": {"mag_ratios": [1.0] * 6, "threshold": 1.0, "retention_ratio": 0.2}},
        {"kind": "SeaCache", "options": {"threshold": 1.0}},
    ],
)
def test_a_step_cache_skips_work_and_is_reset_for_each_clip(exact, cache):
    generator = DiffusersVideo(wan(step_cache=cache))
    wanted = variant("tiny-wan", profile="fast", num_inference_steps=6)
    one, _, again = generator.generate([wanted, wanted._replace(seed=2), wanted])
    assert np.array_equal(one.frames, again.frames)
    assert not np.array_equal(one.frames, exact)


def test_weights_stored_in_eight_bits_give_nearly_the_same_clip(exact):
    card = wan(storage="float8_e4m3fn")
    generator = DiffusersVideo(card)
    [made] = generator.generate([variant("tiny-wan", profile="fast", num_inference_steps=6)])
    stored = {weight.dtype for weight in generator.pipeline.transformer.parameters()}
    assert torch.float8_e4m3fn in stored
    assert 0 < np.abs(made.frames.astype(int) - exact).mean() < 8


def test_tiling_by_profile_is_part_of_the_id_and_takes_effect():
    card = wan(tile_vae=True)
    generator = DiffusersVideo(card)
    [made] = generator.generate([variant("tiny-wan", profile="fast")])
    assert generator.pipeline.vae.use_tiling
    assert made.fallback_step == ""  # requested by the profile, not a fallback
    assert card.recipe("fast") != card.recipe("exact")


def test_an_attention_backend_is_set(exact):
    frames = generated_by(wan(attention="native"), num_inference_steps=6)
    assert np.abs(frames.astype(int) - exact).max() <= 1


@pytest.mark.parametrize(
    ("speed", "sentence"),
    [
        ({"attention": "sage_hub"}, "the attention backend sage_hub downloads code at run time"),
        ({"attention": "warp_drive"}, "must be one of the following"),
        ({"step_cache": {"kind": "MagCache"}}, "field step_cache: WanTransformer3DModel with MagCache: "),
        ({"step_cache": {"kind": "FirstBlockCache", "options": {"thresh": 1}}}, "unexpected keyword argument 'thresh'"),
        ({"step_cache": {"kind": "SeaCache", "options": {"residual_order": 3}}}, "`residual_order` must be 0 or 1"),
    ],
)
def test_an_unsupported_setting_is_reported(speed, sentence):
    generator = DiffusersVideo(wan(**speed))
    try:
        [failed] = generator.generate([variant("tiny-wan", profile="fast")])
    except InvalidCardError as error:
        failed = error
    assert sentence in str(failed)


@pytest.mark.parametrize("speed", [{"attention": "native"}, {"compile": True}])
def test_a_setting_that_diffusers_would_ignore_is_refused(speed):
    card = tiny_weights.ltx_card(
        tiny_families.cogvideox_2b_folder(), name="tiny-cog", pipeline="CogVideoXPipeline", profiles={"fast": speed}
    )
    with pytest.raises(
        InvalidCardError, match=r"^Invalid card tiny-cog, field profiles: CogVideoXTransformer3DModel: "
    ):
        next(DiffusersVideo(card).generate([variant("tiny-cog", profile="fast", revision=card.weights.revision)]))


def test_one_worker_can_switch_profiles_without_side_effects():
    card = card_of(
        profiles={
            "balanced": {"step_cache": {"kind": "FirstBlockCache", "options": {"threshold": 0.5}}},
            "fast": {"storage": "float8_e4m3fn"},
        }
    )
    generator = DiffusersVideo(card)
    wanted = variant("tiny-wan", num_inference_steps=6)
    profiles = ("exact", "fast", "balanced", "exact")
    made = [item.frames for item in generator.generate([wanted._replace(profile=profile) for profile in profiles])]
    assert np.array_equal(made[0], made[3])
    assert len({frames.tobytes() for frames in made}) == 3


@pytest.mark.timeout(280)
def test_blocks_are_compiled_and_shapes_stay_few(monkeypatch):
    resets = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: resets.append(1))
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: compiled.append(type(self).__name__))
    compiled: list[str] = []
    card = wan(compile=True)
    generator = DiffusersVideo(card)
    shapes = [(64, frames) for frames in (5, 9, 13, 17)] + [(90, 5)]
    wanted = [variant("tiny-wan", profile="fast", width=width, num_frames=frames) for width, frames in shapes]
    assert all(not isinstance(item, Exception) for item in generator.generate(wanted))
    assert set(compiled) == {"WanTransformerBlock"}
    assert len(resets) == 1  # at the fifth


@pytest.mark.slow
@pytest.mark.parametrize(
    "cache",
    [
        None,
        {"kind": "FirstBlockCache", "options": {"threshold": 0.5}},
        {"kind": "SeaCache", "options": {"threshold": 1.0}},
    ],
    ids=lambda cache: cache and cache["kind"],
)
def test_compiled_blocks_give_the_same_clip_with_and_without_a_step_cache(cache):
    eager = generated_by(wan(step_cache=cache), num_inference_steps=6)
    frames = generated_by(wan(step_cache=cache, compile=True), num_inference_steps=6)
    assert np.abs(frames.astype(int) - eager).mean() < 1


def test_sea_cache_is_refused_where_diffusers_would_compute_every_step():
    card = card_of(
        pipeline="WanImageToVideoPipeline",
        kind="image-to-video",
        profiles={"fast": {"step_cache": {"kind": "SeaCache"}}},
    )
    generator = DiffusersVideo(card, pictures=lambda _: np.zeros((64, 64, 3), np.uint8))
    [failed] = generator.generate([variant("tiny-wan", profile="fast", first_frame_sha256="red")])
    assert isinstance(failed, GenerationError)
    assert "SeaCache has no effect with WanImageToVideoPipeline" in str(failed)


def test_sea_cache_skips_blocks_without_a_complaint():
    """diffusers computes everything if it lacks the step or the noise level, and only logs it."""
    generator = DiffusersVideo(wan(step_cache={"kind": "SeaCache", "options": {"threshold": 1.0}}))
    wanted = variant("tiny-wan", profile="fast", num_inference_steps=8, guidance_scale=1.0)
    assert not isinstance(next(generator.generate([wanted])), Exception)
    calls: list[int] = []
    transformer = generator.pipeline.transformer
    transformer.blocks[1].attn1.register_forward_hook(lambda *_: calls.append(1))
    assert not isinstance(next(generator.generate([wanted])), Exception)
    assert 3 <= len(calls) < 8  # the first, the last, and one after at most two skipped steps in a row
    assert not transformer._diffusers_hook.get_hook("sea_cache_root").shared_state._warned_messages


def test_a_backend_is_set_for_the_named_architectures_only(monkeypatch, exact):
    speed = Speed(attention={"9.0": "_native_cudnn"})
    assert speed.attention_on("9.0") == "_native_cudnn"
    assert speed.attention_on("8.0") is None
    assert speed.attention_on("") is None
    frames = generated_by(wan(attention={"9.0": "_native_cudnn"}), num_inference_steps=6)
    assert np.array_equal(frames, exact)
    monkeypatch.setattr(tuning, "architecture_of", lambda _: "9.0")
    generator = DiffusersVideo(wan(attention={"9.0": "_native_math"}))
    list(generator.generate([variant("tiny-wan", profile="fast")]))
    backends = {str(each._attention_backend.value) for each in generator.pipeline.transformer.attn_processors.values()}
    assert backends == {"_native_math"}


def test_a_backend_does_not_leak_into_other_pipelines(exact):
    """diffusers makes a backend that is set on one model the default of the process."""
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry

    before = _AttentionBackendRegistry.get_active_backend()
    generated_by(wan(attention="_native_math"), num_inference_steps=6)
    assert _AttentionBackendRegistry.get_active_backend() == before
    assert np.array_equal(generated_by(card_of(), num_inference_steps=6), exact)


def test_attention_in_eight_bits_is_part_of_the_id():
    assert wan(attention="sage").recipe("fast") != wan(attention="native").recipe("fast")
    assert wan(attention={"9.0": "sage"}).recipe("fast") != wan(attention={"9.0": "flash"}).recipe("fast")
    assert wan(attention="native").recipe("fast") == card_of().recipe("exact")


def test_layers_that_are_cast_cannot_be_compiled():
    with pytest.raises(ValidationError, match="compile excludes storage and quantised"):
        wan(compile=True, storage="float8_e4m3fn")


def test_a_cache_that_decides_for_a_whole_batch_is_refused():
    with pytest.raises(ValidationError, match="batch excludes step_cache"):
        wan(batch=2, step_cache={"kind": "FirstBlockCache", "options": {"threshold": 0.1}})


def test_channels_last_weights_change_at_most_rounding(exact):
    generator = DiffusersVideo(wan(channels_last_vae=True))
    [made] = generator.generate([variant("tiny-wan", profile="fast", num_inference_steps=6)])
    assert np.array_equal(made.frames, exact)  # a CPU keeps the usual format
    tuning.store_channels_last(generator.pipeline.vae)
    kernels = [weight for weight in generator.pipeline.vae.parameters() if weight.dim() == 5]
    assert kernels
    assert all(kernel.is_contiguous(memory_format=torch.channels_last_3d) for kernel in kernels)
    [made] = generator.generate([variant("tiny-wan", profile="fast", num_inference_steps=6)])
    assert np.abs(made.frames.astype(int) - exact).max() <= 1


def test_only_the_denoisers_architecture_is_asked_of_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert tuning.architecture_of(torch.device("cuda:0")) == "9.0"
    assert tuning.architecture_of(torch.device("cpu")) == ""


@pytest.mark.parametrize(
    "error",
    [
        CppCompileError(["g++"], "g++: not found"),
        BackendCompilerFailed(lambda: None, RuntimeError("no compiler"), None),
        RuntimeError("No available kernel. Aborting execution."),
        RuntimeError("No viable backend for scaled_dot_product_attention was found."),
    ],
)
def test_a_clip_is_made_with_plain_kernels_if_special_ones_do_not_work(monkeypatch, caplog, exact, error):
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: setattr(self, "_compiled_call_impl", failing))

    def failing(*_: object, **__: object) -> None:
        raise error

    generator = DiffusersVideo(wan(compile=True, attention="_native_math"))
    wanted = variant("tiny-wan", profile="fast", num_inference_steps=6)
    first, again = generator.generate([wanted, wanted])
    assert np.abs(first.frames.astype(int) - exact).max() <= 1
    assert np.array_equal(first.frames, again.frames)
    assert [record.message for record in caplog.records if "without compiled blocks" in record.message] == [
        generator_module.plain_kernels_sentence("tiny-wan", torch.device("cpu"), error)
    ]


def test_other_errors_are_not_taken_for_kernels():
    assert not is_kernel_error(RuntimeError("shapes do not match"))
    assert not is_kernel_error(ValueError("no available kernel"))
