"""What the shipped cards say of sizes and frames, against what their pipelines do."""

import pytest
import torch
from PIL import Image
from tiny_cards import FOLDERS, tiny_card, variant_of

from models.card import ModelCard
from models.diffusers.families import family_of
from models.diffusers.loading import load
from models.registry import load_cards
from models.weights import weights_problem

BASE = [name for name in FOLDERS if not name.endswith("step")]
ROOMY = {
    "cogvideox-5b-i2v": "its positions are learned for one size",
    "cogvideox1.5-5b-i2v": "the tiny one's positions end at 64 pixels",
    "svd-xt": "its UNet has fewer levels here than the published one",
    "hunyuanvideo-1.5-480p-i2v": "it takes its size from the picture",
}
"""Cards whose size rule the tiny weights cannot show."""
STRICTER = {
    "animatediff-sd1.5": "any count works, up to a limit",
    "svd-xt": "any count works",
    "cogvideox1.5-5b-i2v": "its model card allows less than its code",
}


@pytest.fixture(params=BASE)
def card(request: pytest.FixtureRequest) -> ModelCard:
    return tiny_card(request.param)


def shape_of(card: ModelCard, height: int = 64, width: int = 64, num_frames: int | None = None):
    """(frames, height, width) of what is made; None where the call refuses."""
    pipeline, family = load(card, None, torch.device("cpu")), family_of(card.pipeline)
    variant = variant_of(card, num_frames=num_frames or card.defaults.num_frames, num_inference_steps=2)
    pictures = [Image.new("RGB", (width, height), "red")] if card.needs_first_frame else None
    try:
        with torch.no_grad():
            video = family.video(pipeline(**family.arguments(pipeline, [variant], card, height, width, pictures)))
    except (ValueError, RuntimeError):
        return None
    return video.shape[1], *video.shape[3:]


def test_a_cards_weights_are_taken_as_they_are_saved(card: ModelCard):
    assert weights_problem(card) is None


def test_a_cards_sizes_are_those_that_its_pipeline_keeps(card: ModelCard):
    if card.name in ROOMY:
        assert shape_of(card)[1:] == (64, 64)
        return
    multiple = card.rules.size_multiple
    width = -(-64 // multiple) * multiple + multiple
    assert shape_of(card, width=width)[1:] == (64, width)
    made = shape_of(card, width=width + multiple // 2)
    assert made is None or made[2] != width + multiple // 2


def test_a_cards_frame_counts_are_those_that_its_pipeline_keeps(card: ModelCard):
    shortest = card.defaults.num_frames
    assert shape_of(card)[0] == shortest
    if card.name not in STRICTER:
        between = shortest + card.rules.frame_multiple // 2
        assert shape_of(card, num_frames=between)[0] != between


def test_hunyuans_image_sizes_are_those_that_it_would_choose_itself():
    """Its choice is not stable: a picture of 480x848 would be rendered as 480x832."""
    from diffusers.pipelines.hunyuan_video1_5.image_processor import HunyuanVideo15ImageProcessor

    processor = HunyuanVideo15ImageProcessor(vae_scale_factor=16)
    for size in load_cards()["hunyuanvideo-1.5-480p-i2v"].sizes.values():
        height, width = size.render_height, size.render_width
        assert processor.calculate_default_height_width(height, width, target_size=640) == (height, width)
