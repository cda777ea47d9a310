"""Compare the size and frame rules of bundled cards with the behaviour of their pipelines."""

import pytest
import torch
from PIL import Image
from tiny_cards import FOLDERS, cards_with_slow_repeats, tiny_card, variant_of

from models.card import ModelCard
from models.diffusers.conditions import Conditions
from models.diffusers.families import family_of
from models.diffusers.loading import load
from models.registry import load_cards
from models.weights import weights_problem

BASE = [name for name in FOLDERS if not name.endswith("step")]
ROOMY = {
    "cogvideox-5b-i2v": "its position embeddings are trained for one size",
    "cogvideox1.5-5b-i2v": "the position embeddings of the tiny model end at 64 pixels",
    "svd-xt": "the tiny UNet has fewer levels than the published one",
    "hunyuanvideo-1.5-480p-i2v": "its size is derived from the picture",
}
"""Cards whose size rule cannot be tested with tiny weights."""
STRICTER = {
    "animatediff-sd1.5": "any count works, up to a limit",
    "svd-xt": "any count works",
    "cogvideox1.5-5b-i2v": "its model card allows less than its code",
    "helios-distilled": "it generates whole chunks, and the clip is cut",
}


@pytest.fixture(params=cards_with_slow_repeats(BASE))
def card(request: pytest.FixtureRequest) -> ModelCard:
    return tiny_card(request.param)


def shape_of(card: ModelCard, height: int = 64, width: int = 64, num_frames: int | None = None):
    """Return (frames, height, width) of the generated clip; None if the call raises."""
    pipeline, family = load(card, None, torch.device("cpu")), family_of(card.pipeline)
    variant = variant_of(card, num_frames=num_frames or card.defaults.num_frames, num_inference_steps=2)
    pictures = [Conditions(Image.new("RGB", (width, height), "red"))] if card.needs_first_frame else ()
    try:
        with torch.no_grad():
            result = pipeline(**family.arguments(pipeline, [variant], card, height, width, pictures))
            video = family.video(result, variant.num_frames)
    except (ValueError, RuntimeError):
        return None
    return video.shape[1], *video.shape[3:]


def test_saved_weights_of_a_card_have_no_problem(card: ModelCard):
    assert weights_problem(card) is None


def test_a_cards_sizes_are_kept_by_its_pipeline(card: ModelCard):
    if card.name in ROOMY:
        assert shape_of(card)[1:] == (64, 64)
        return
    multiple = card.rules.size_multiple
    width = -(-64 // multiple) * multiple + multiple
    assert shape_of(card, width=width)[1:] == (64, width)
    made = shape_of(card, width=width + multiple // 2)
    assert made is None or made[2] != width + multiple // 2


def test_a_cards_frame_counts_are_kept_by_its_pipeline(card: ModelCard):
    shortest = card.defaults.num_frames
    assert shape_of(card)[0] == shortest
    if card.name not in STRICTER:
        between = shortest + card.rules.frame_multiple // 2
        assert shape_of(card, num_frames=between)[0] != between


def test_hunyuans_image_sizes_equal_those_that_its_pipeline_chooses():
    """Other sizes would change: a picture of 480x848 would be rendered as 480x832."""
    from diffusers.pipelines.hunyuan_video1_5.image_processor import HunyuanVideo15ImageProcessor

    processor = HunyuanVideo15ImageProcessor(vae_scale_factor=16)
    for size in load_cards()["hunyuanvideo-1.5-480p-i2v"].sizes.values():
        height, width = size.render_height, size.render_width
        assert processor.calculate_default_height_width(height, width, target_size=640) == (height, width)
