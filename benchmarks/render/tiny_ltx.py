"""An LTXPipeline with tiny random weights, in a temporary folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.utils import logging
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

from models.card import ModelCard
from models.weights import weights_of

TOKENS = 16


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a folder with the weights. It is deleted at the end."""
    torch.manual_seed(0)
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as path:
        LTXPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=_autoencoder(),
            tokenizer=_tokenizer(),
            text_encoder=T5EncoderModel(
                T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
            ),
            transformer=LTXVideoTransformer3DModel(
                in_channels=8,
                out_channels=8,
                num_attention_heads=2,
                attention_head_dim=16,
                cross_attention_dim=32,
                num_layers=1,
                caption_channels=32,
            ),
        ).save_pretrained(path)
        yield Path(path)


def card(path: Path) -> ModelCard:
    """Return a card for the folder: 32x32 pixels, 9 frames, one step, no guidance."""
    content: dict[str, Any] = {
        "name": "tiny-ltx",
        "kind": "text-to-video",
        "title": "tiny",
        "description": "random",
        "pipeline": "LTXPipeline",
        "weights": weights_of(path).model_dump(mode="json"),
        "licence": {"name": "Apache-2.0"},
        "sizes": {"1:1": {"height": 32, "width": 32, "render_height": 32, "render_width": 32}},
        "rules": {
            "frame_multiple": 4,
            "frame_offset": 1,
            "min_frames": 9,
            "max_frames": 9,
            "size_multiple": 32,
            "fps": 8,
        },
        "defaults": {"num_frames": 9, "num_inference_steps": 1, "guidance_scale": 1.0, "min_adherence": 0.1},
        "call": {"max_sequence_length": TOKENS},
    }
    return ModelCard.model_validate(content)


def _autoencoder() -> AutoencoderKLLTXVideo:
    return AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8),
        down_block_types=("LTXVideoDownBlock3D",) * 2,
        decoder_block_out_channels=(8, 8),
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(False, False, False),
        downsample_type=("conv", "conv"),
        upsample_residual=(False, False),
        upsample_factor=(1, 1),
        timestep_conditioning=False,
        patch_size=4,
    )


def _tokenizer() -> PreTrainedTokenizerFast:
    words = ("<pad>", "<eos>", "<unk>", "a", "red", "circle", "number", *map(str, range(40)))
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=TOKENS, **special)
