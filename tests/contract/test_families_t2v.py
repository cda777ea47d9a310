"""What each family that needs no first frame keeps: its shapes, its embeddings, its latents, its card's rules."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import numpy as np
import pytest
import tiny_families
import tiny_weights
import torch
import transformers

from models.card import ModelCard
from models.registry import load_cards
from models.weights import weights_problem

T5 = ("prompt_embeds", "negative_prompt_embeds")
T5_MASKED = (
    "prompt_embeds",
    "prompt_attention_mask",
    "negative_prompt_embeds",
    "negative_prompt_attention_mask",
)
HUNYUAN = ("prompt_embeds", "prompt_embeds_mask", "prompt_embeds_2", "prompt_embeds_mask_2")
SHORT = {"max_sequence_length": 16}


class Family(NamedTuple):
    """A tiny folder, a frame count that it keeps, further arguments, and what encode_prompt returns, by name."""

    folder: Callable[[], Path]
    num_frames: int
    call: dict[str, Any]
    embeddings: tuple[str, ...]


FAMILIES = {
    "wan2.1": Family(tiny_weights.wan_folder, 5, SHORT, T5),
    "wan2.2-5b": Family(tiny_families.wan22_5b_folder, 5, SHORT, T5),
    "wan2.2-a14b": Family(tiny_families.wan22_a14b_folder, 5, SHORT | {"guidance_scale_2": 2.0}, T5),
    "ltx-video": Family(tiny_families.ltx_video_folder, 9, SHORT, T5_MASKED),
    "ltx-2": Family(tiny_families.ltx2_folder, 9, SHORT, T5_MASKED),
    "cogvideox-2b": Family(tiny_families.cogvideox_2b_folder, 9, SHORT, T5),
    "cogvideox-5b": Family(tiny_families.cogvideox_5b_folder, 9, SHORT, T5),
    "hunyuanvideo-1.5": Family(tiny_families.hunyuan15_folder, 5, {}, HUNYUAN),
    "mochi": Family(tiny_families.mochi_folder, 7, SHORT, T5_MASKED),
    "animatediff": Family(tiny_families.animatediff_folder, 4, {}, T5),
}

CARDS = {
    "wan2.1-t2v-1.3b": "wan2.1",
    "wan2.2-ti2v-5b": "wan2.2-5b",
    "wan2.2-t2v-a14b": "wan2.2-a14b",
    "ltx-video": "ltx-video",
    "ltx-2": "ltx-2",
    "cogvideox-2b": "cogvideox-2b",
    "cogvideox-5b": "cogvideox-5b",
    "hunyuanvideo-1.5-480p": "hunyuanvideo-1.5",
    "mochi-1": "mochi",
}
"""Card and the family whose tiny folder compresses space and time as the card's weights do."""


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """Rounding is warned of, and it is what these tests look at."""
    libraries = (diffusers, transformers)
    before = [library.utils.logging.get_verbosity() for library in libraries]
    for library in libraries:
        library.utils.logging.set_verbosity_error()
    yield
    for library, verbosity in zip(libraries, before, strict=True):
        library.utils.logging.set_verbosity(verbosity)


@pytest.fixture(params=FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def load(name: str):
    pipeline = diffusers.DiffusionPipeline.from_pretrained(FAMILIES[name].folder())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def make(pipeline, name: str, **changes) -> tuple:
    """What the call returns, from two steps at 64x64."""
    family = FAMILIES[name]
    inputs = {
        "prompt": "a red circle",
        "negative_prompt": "blue",
        "height": 64,
        "width": 64,
        "num_frames": family.num_frames,
        "num_inference_steps": 2,
        "generator": torch.Generator("cpu").manual_seed(1),
        "output_type": "np",
        "return_dict": False,
    }
    return pipeline(**inputs | family.call | changes)


def test_a_few_frames_are_made_on_a_cpu(name: str):
    frames = make(load(name), name)[0][0]
    assert frames.shape == (FAMILIES[name].num_frames, 64, 64, 3)
    assert np.isfinite(frames).all()
    assert frames.std() > 0


def test_only_ltx2_returns_sound_beside_the_frames(name: str):
    pipeline = load(name)
    _, *sound = make(pipeline, name)
    assert bool(sound) == (name == "ltx-2")
    for waves in sound:
        assert waves.shape[:2] == (1, pipeline.vocoder.config.out_channels)
        assert waves.isfinite().all()


@torch.no_grad()
def embed(pipeline, name: str, prompt: str, negative_prompt: str) -> dict[str, torch.Tensor]:
    names = FAMILIES[name].embeddings
    if name == "hunyuanvideo-1.5":
        words = {"": prompt, "negative_": negative_prompt}
        return {
            sign + key: value
            for sign, text in words.items()
            for key, value in zip(names, pipeline.encode_prompt(text), strict=True)
        }
    options = {"device": "cpu", "do_classifier_free_guidance": True} | FAMILIES[name].call
    options.pop("guidance_scale_2", None)
    if name == "animatediff":
        options["num_images_per_prompt"] = 1
    encoded = pipeline.encode_prompt(prompt=prompt, negative_prompt=negative_prompt, **options)
    return dict(zip(names, encoded, strict=True))


def test_embeddings_give_the_frames_that_the_words_give(name: str):
    pipeline = load(name)
    [worded, *_] = make(pipeline, name)
    [embedded, *_] = make(
        pipeline, name, prompt=None, negative_prompt=None, **embed(pipeline, name, "a red circle", "blue")
    )
    [other, *_] = make(pipeline, name, prompt="a white square drifting left")
    assert np.array_equal(worded, embedded)
    assert not np.array_equal(worded, other)


def decode(pipeline, name: str, latents: torch.Tensor) -> torch.Tensor:
    """The pipelines' own lines after the last step, for latents of output_type="latent"."""
    vae = pipeline.vae
    if name in ("cogvideox-2b", "cogvideox-5b", "animatediff"):
        return pipeline.decode_latents(latents)
    if name == "ltx-video":
        frames = (FAMILIES[name].num_frames - 1) // pipeline.vae_temporal_compression_ratio + 1
        side = 64 // pipeline.vae_spatial_compression_ratio
        latents = pipeline._unpack_latents(latents, frames, side, side)
        latents = pipeline._denormalize_latents(latents, vae.latents_mean, vae.latents_std)
        return vae.decode(latents, None).sample
    if name in ("hunyuanvideo-1.5", "mochi"):
        latents = latents / vae.config.scaling_factor
    if name.startswith("wan") or name == "mochi":
        mean, std = (torch.tensor(vae.config[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std"))
        latents = latents * std + mean
    return vae.decode(latents).sample


def test_latents_are_decoded_outside_the_pipeline(name: str):
    pipeline = load(name)
    [whole, *_] = make(pipeline, name)
    [latents, *_] = make(pipeline, name, output_type="latent")
    with torch.no_grad():
        frames = pipeline.video_processor.postprocess_video(decode(pipeline, name, latents), output_type="np")
    np.testing.assert_allclose(frames, whole, atol=1e-5)


@pytest.fixture(params=CARDS)
def card(request: pytest.FixtureRequest) -> ModelCard:
    return load_cards()[request.param]


def shape_of(pipeline, name: str, **changes) -> tuple[int, ...] | None:
    """(frames, height, width) of what is made; None where the call refuses."""
    try:
        return make(pipeline, name, **changes)[0].shape[1:4]
    except (ValueError, RuntimeError):
        return None


def test_a_cards_sizes_are_those_that_its_pipeline_keeps(card: ModelCard):
    name, multiple = CARDS[card.name], card.rules.size_multiple
    pipeline = load(name)
    assert pipeline.__class__.__name__ == card.pipeline
    width = -(-64 // multiple) * multiple + multiple
    assert shape_of(pipeline, name, width=width)[1:] == (64, width)
    made = shape_of(pipeline, name, width=width + multiple // 2)
    assert made is None or made[2] != width + multiple // 2


def test_a_cards_frame_counts_are_those_that_its_pipeline_keeps(card: ModelCard):
    name, rules = CARDS[card.name], card.rules
    pipeline = load(name)
    allowed = rules.frame_multiple + rules.frame_offset
    between = allowed + rules.frame_multiple // 2
    assert shape_of(pipeline, name, num_frames=allowed)[0] == allowed
    assert shape_of(pipeline, name, num_frames=between)[0] != between


def test_a_cards_weights_are_taken_as_its_pipeline_saves_them(card: ModelCard):
    folder = str(FAMILIES[CARDS[card.name]].folder())
    weights = card.weights.model_copy(update={"hub_id": None, "folder": folder})
    assert weights_problem(card.model_copy(update={"weights": weights})) is None


def test_a_cards_further_arguments_are_the_pipelines(card: ModelCard):
    pipeline = load(CARDS[card.name])
    short = card.call | {key: 16 for key in ("max_sequence_length",) if key in card.call}
    assert shape_of(pipeline, CARDS[card.name], **short) is not None
