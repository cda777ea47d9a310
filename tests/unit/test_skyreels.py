"""SkyReels-V2, which has no shipped card: no public project pins its repository. A card of one's own works."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tiny_weights
from tiny_cards import variant_of
from tiny_families import _saved, _t5, _wan_vae

from models.card import ModelCard
from models.diffusers.generator import DiffusersVideo
from models.protocols import Generated
from models.registry import open_generator


@cache
def skyreels_folder() -> Path:
    """SkyReels-V2 diffusion forcing: Wan with its own noise level for each latent frame."""
    return _saved("skyreels", _skyreels)


def _skyreels():
    from diffusers import SkyReelsV2DiffusionForcingPipeline, SkyReelsV2Transformer3DModel, UniPCMultistepScheduler

    transformer = SkyReelsV2Transformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=32,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
        inject_sample_info=True,
    )
    return SkyReelsV2DiffusionForcingPipeline(
        tokenizer=tiny_weights._tokenizer(),
        text_encoder=_t5(),
        transformer=transformer,
        vae=_wan_vae(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=8.0),
    )


@pytest.fixture(scope="module")
def card() -> ModelCard:
    changes = {"name": "skyreels-v2", "pipeline": "SkyReelsV2DiffusionForcingPipeline", "kind": "text-to-video"}
    content = tiny_weights.wan_card(skyreels_folder()).model_dump(mode="json") | changes
    content["rules"] |= {"size_multiple": 16, "fps": 24}
    content["call"] |= {"ar_step": 0, "base_num_frames": 97}
    return ModelCard.model_validate(content)


@pytest.fixture(scope="module")
def generator(card: ModelCard) -> Iterator[DiffusersVideo]:
    opened = open_generator(card, threads=1)
    yield opened
    opened.close()


def frames(generator: DiffusersVideo, card: ModelCard, **changes) -> np.ndarray:
    [item] = generator.generate([variant_of(card, **changes)])
    assert isinstance(item, Generated), item
    return item.frames


def test_a_card_of_ones_own_generates_clips_of_its_shape(card: ModelCard, generator: DiffusersVideo):
    first, again = frames(generator, card), frames(generator, card)
    assert first.shape == (card.defaults.num_frames, 64, 64, 3)
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"prompt": "a blue square"}, {"negative_prompt": "red"}, {"guidance_scale": 6.0}]
)
def test_every_input_changes_the_frames(card: ModelCard, generator: DiffusersVideo, change: dict):
    assert not np.array_equal(frames(generator, card, **change), frames(generator, card))
