"""Calls of each pipeline class, on tiny models of the real classes."""

from dataclasses import replace
from functools import cache
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from tiny_cards import FOLDERS, tiny_card, variant_of

from models.card import ModelCard
from models.diffusers.conditions import Conditions
from models.diffusers.families import FAMILIES, Embedding, family_of
from models.diffusers.first_frame import fit
from models.diffusers.loading import load

PICTURES = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green")]
ONE_EACH = {card.pipeline: name for name in FOLDERS for card in [tiny_card(name)] if not card.loras}
"""One card per class."""
BATCHES = [name for pipeline, name in ONE_EACH.items() if FAMILIES[pipeline].max_batch > 1]


ROUNDING = 1e-5
"""Attention with a mask runs another kernel than attention over a text without its padding."""

pytestmark = pytest.mark.usefixtures("default_matmul")


@cache
def loaded(name: str) -> tuple[ModelCard, Any]:
    card = tiny_card(name)
    return card, load(card, None, torch.device("cpu"))


def render(name: str, variants: list, texts: dict[str, Embedding] | None) -> torch.Tensor:
    card, pipeline = loaded(name)
    family = family_of(card.pipeline)
    pictures = [Conditions(picture) for picture in PICTURES[: len(variants)]] if card.needs_first_frame else ()
    with torch.no_grad():
        result = pipeline(**family.arguments(pipeline, variants, card, 64, 64, pictures, texts))
        return family.video(result, variants[0].num_frames)


def embedded(name: str, variants: list) -> dict[str, Embedding]:
    card, pipeline = loaded(name)
    family = family_of(card.pipeline)
    texts = [text for variant in variants for text in family.texts(pipeline, variant, card)]
    return {text: family.encode(pipeline, text, "cpu", card.call) for text in texts}


def test_every_supported_class_has_a_card():
    without_a_public_pin = {"SkyReelsV2DiffusionForcingPipeline"}  # tests/unit/test_skyreels.py
    assert set(ONE_EACH) == set(FAMILIES) - without_a_public_pin


@pytest.mark.parametrize("name", ONE_EACH.values())
def test_a_call_returns_frames_of_the_requested_shape(name):
    card, _ = loaded(name)
    video = render(name, [variant_of(card)], None)
    assert video.shape == (1, card.defaults.num_frames, 3, 64, 64)
    assert 0 <= video.min() < video.max() <= 1


@pytest.mark.parametrize("name", [name for pipeline, name in ONE_EACH.items() if FAMILIES[pipeline].embeds])
def test_embeddings_give_the_same_pixels_as_texts_without_the_text_encoders(name):
    card, pipeline = loaded(name)
    variant = variant_of(card)
    worded, texts = render(name, [variant], None), embedded(name, [variant])
    encoders = {part: getattr(pipeline, part) for part in family_of(card.pipeline).text_encoders}
    try:
        for part in encoders:
            setattr(pipeline, part, None)
        difference = (render(name, [variant], texts) - worded).abs().max()
        assert difference <= (0 if family_of(card.pipeline).mask is None else ROUNDING)
    finally:
        for part, encoder in encoders.items():
            setattr(pipeline, part, encoder)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_gives_the_same_frames_as_single_calls(name):
    card, _ = loaded(name)
    variants = [variant_of(card), variant_of(card, prompt="a blue square", seed=2)]
    texts = embedded(name, variants)
    alone = torch.cat([render(name, [variant], texts) for variant in variants])
    assert torch.allclose(render(name, variants, texts), alone, atol=1e-4)
    assert not torch.allclose(alone[0], alone[1], atol=1e-2)


def test_ltx2_uses_guidance_if_only_its_audio_scale_needs_it():
    card, pipeline = loaded("ltx-2")
    variant = variant_of(card, guidance_scale=1.0)
    assert family_of(card.pipeline).texts(pipeline, variant, card) == ("a red circle", "blue")
    quiet = card.model_copy(update={"call": card.call | {"audio_guidance_scale": 1.0}})
    assert family_of(card.pipeline).texts(pipeline, variant, quiet) == ("a red circle",)


def test_kandinskys_padding_would_be_read_as_text():
    """Its call accepts no mask with embeddings, so they must not contain the padding."""
    card, pipeline = loaded("kandinsky-6-lite")
    variant, family = variant_of(card, guidance_scale=1.0), family_of(card.pipeline)
    padded = replace(family, mask=None).encode(pipeline, variant.prompt, "cpu", card.call)
    trimmed = family.encode(pipeline, variant.prompt, "cpu", card.call)
    assert padded["prompt_embeds"].shape[1] == 16
    assert trimmed["prompt_embeds"].shape[1] < 16
    made = [render(card.name, [variant], {variant.prompt: each}) for each in (padded, trimmed)]
    assert (made[0] - made[1]).abs().max() > 100 * ROUNDING


def test_helios_continues_frames_as_its_pipeline_does_on_a_cpu():
    """On a GPU, the pipeline's own argument fails with a generator on the CPU."""
    card, pipeline = loaded("helios-distilled")
    variant, family = variant_of(card), family_of(card.pipeline)
    frames = [Image.new("RGB", (64, 64), (shade, 80, 200)) for shade in range(0, 255, 7)]
    plain = family.arguments(pipeline, [variant], card, 64, 64)
    ours = family.arguments(pipeline, [variant], card, 64, 64, [Conditions(earlier=frames)])
    assert ours["video_latents"].shape[2] == 9
    with torch.no_grad():
        theirs = pipeline(**plain | {"video": frames}).frames
        assert torch.equal(family.video(pipeline(**ours), 33), theirs)
        fresh = pipeline(**family.arguments(pipeline, [variant], card, 64, 64)).frames
    assert not torch.allclose(fresh, theirs, atol=1e-3)


def test_helios_divides_the_steps_among_its_resolutions():
    card, pipeline = loaded("helios-distilled")
    arguments = family_of(card.pipeline).arguments(pipeline, [variant_of(card, num_inference_steps=7)], card, 64, 64)
    assert arguments["pyramid_num_inference_steps_list"] == [3, 3, 3]


def test_ltx_2_5_compresses_its_pictures_as_in_its_training():
    card, pipeline = loaded("ltx-2.5-8step-i2v")
    conditions = [Conditions(first=PICTURES[0], last=PICTURES[1])]
    family = family_of(card.pipeline)
    made = family.arguments(pipeline, [variant_of(card)], card, 64, 64, conditions)["conditions"]
    assert [(each.index, each.crf) for each in made] == [(0, 18), (-1, 18)]
    assert [each.frames for each in made] == PICTURES


def test_hunyuans_guider_follows_the_variant():
    card, pipeline = loaded("hunyuanvideo-1.5-480p")
    family_of(card.pipeline).arguments(pipeline, [variant_of(card, guidance_scale=2.5)], card, 64, 64)
    assert pipeline.guider.guidance_scale == 2.5


def test_an_unknown_class_gets_the_arguments_that_it_accepts():
    class Pipeline:
        def __call__(self, prompt, frames, height, generator=None):
            pass

    card = tiny_card("wan2.1-t2v-1.3b", call={})
    family = family_of("UnknownPipeline")
    arguments = family.arguments(Pipeline(), [variant_of(card)], card, 64, 64)
    assert set(arguments) == {"prompt", "frames", "height", "generator"}
    assert arguments["prompt"] == "a red circle"
    assert not family.embeds


@pytest.mark.parametrize("name", [name for name in FOLDERS if name.endswith("-4step")])
def test_four_step_cards_use_the_steps_of_their_distillation(name):
    """1, 3/4, 1/2 and 1/4 with a shift of 5 and Euler steps, as in LightX2V's configurations."""
    scheduler = loaded(name)[1].scheduler
    scheduler.set_timesteps(4)
    wanted = torch.tensor([5 * step / (1 + 4 * step) for step in (1.0, 0.75, 0.5, 0.25, 0.0)])
    assert torch.allclose(scheduler.sigmas, wanted, atol=1e-3)
    noisy, velocity = torch.randn(2, 4), torch.randn(2, 4)
    moved = scheduler.step(velocity, scheduler.timesteps[0], noisy).prev_sample
    assert torch.allclose(moved, noisy + (scheduler.sigmas[1] - scheduler.sigmas[0]) * velocity, atol=1e-5)


def test_ltx2_in_eight_steps_uses_the_distilled_sigmas():
    from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES

    card, pipeline = loaded("ltx-2-8step")
    assert card.call["sigmas"] == DISTILLED_SIGMA_VALUES
    pipeline.scheduler.set_timesteps(sigmas=card.call["sigmas"], mu=1.5)
    assert torch.allclose(pipeline.scheduler.sigmas[:-1], torch.tensor(DISTILLED_SIGMA_VALUES))


def test_a_first_frame_is_cropped_to_its_centre():
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = (255, 0, 0)
    fitted = fit(picture, 64, 64)
    assert fitted.size == (64, 64)
    assert fitted.mode == "RGB"
    assert np.asarray(fitted)[:, 2:-2, 0].min() > 250


def test_a_first_frame_of_the_render_size_is_unchanged():
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    assert np.array_equal(np.asarray(fit(picture, 64, 96)), picture)


def test_cards_name_stock_classes():
    for pipeline in FAMILIES:
        assert issubclass(getattr(diffusers, pipeline), diffusers.DiffusionPipeline)
