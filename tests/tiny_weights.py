"""Tiny random weights of the real classes, built once per process."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from manifests.errors import IncompleteWeightsError
from models.card import ModelCard, ScorerCard
from models.weights import weights_of

WORDS = ("a", "red", "blue", "circle", "square", "drifting", "left", "on", "white", "background")


def ltx_card(folder: Path | None = None, **changes) -> ModelCard:
    """Return a card of the LTX folder: 64x64 and 64x90 (cropped from 64x96), 9 frames, 2 steps."""
    return _video_card(folder or ltx_folder(), {"name": "tiny-ltx", "pipeline": "LTXPipeline"} | changes)


def wan_card(folder: Path | None = None, **changes) -> ModelCard:
    """Return a card of the Wan folder with the same shapes."""
    return _video_card(folder or wan_folder(), {"name": "tiny-wan", "pipeline": "WanPipeline"} | changes)


def scorer_card(folder: Path | None = None, **changes) -> ScorerCard:
    """Return a card of the OpenCLIP folder."""
    return ScorerCard.model_validate(
        {
            "name": "tiny-openclip",
            "kind": "openclip",
            "title": "tiny",
            "description": "random",
            "weights": pinned(folder or openclip_folder()),
            "licence": {"name": "Apache-2.0"},
        }
        | changes
    )


def pinned(path: Path) -> dict:
    """Return what a card says about a folder or file; the hash of a folder that cannot be used is made up."""
    try:
        return weights_of(path).model_dump(mode="json")
    except (IncompleteWeightsError, OSError):
        return {"folder": str(path), "revision": "0" * 12, "sha256": "0" * 64, "size_mb": 1}


def _video_card(folder: Path, changes: dict) -> ModelCard:
    content = {
        "kind": "text-to-video",
        "title": "tiny",
        "description": "random",
        "weights": pinned(folder),
        "licence": {"name": "Apache-2.0"},
        "sizes": {
            "1:1": {"height": 64, "width": 64, "render_height": 64, "render_width": 64},
            "16:9": {"height": 64, "width": 90, "render_height": 64, "render_width": 96},
        },
        "rules": {
            "frame_multiple": 4,
            "frame_offset": 1,
            "min_frames": 5,
            "max_frames": 17,
            "size_multiple": 32,
            "fps": 8,
        },
        "defaults": {"num_frames": 9, "num_inference_steps": 2, "guidance_scale": 3.0, "min_adherence": 0.1},
        "call": {"max_sequence_length": 16},
    }
    return ModelCard.model_validate(content | changes)


def _folder(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"reelmill-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _tokenizer():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: index for index, word in enumerate(("<pad>", "<eos>", "<unk>", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", model_max_length=16
    )


@cache
def ltx_folder() -> Path:
    """An LTXPipeline, 16x16 pixels and 4 frames a latent, stored in float16."""
    import torch
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXPipeline,
        LTXVideoTransformer3DModel,
    )
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    vae = AutoencoderKLLTXVideo(
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
    text = T5Config(vocab_size=16, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    pipeline = LTXPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=T5EncoderModel(text),
        tokenizer=_tokenizer(),
        transformer=LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=16,
            cross_attention_dim=32,
            num_layers=1,
            caption_channels=32,
        ),
    )
    folder = _folder("ltx")
    pipeline.to(torch.float16).save_pretrained(folder)
    return folder


@cache
def wan_folder() -> Path:
    """A WanPipeline, 8x8 pixels and 4 frames a latent."""
    import torch
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    pipeline = WanPipeline(
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        vae=AutoencoderKLWan(
            base_dim=4,
            z_dim=16,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
        ),
        text_encoder=T5EncoderModel(T5Config(vocab_size=16, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)),
        tokenizer=_tokenizer(),
        transformer=WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            text_dim=32,
            freq_dim=16,
            ffn_dim=32,
            num_layers=2,
            cross_attn_norm=True,
            rope_max_seq_len=32,
        ),
    )
    folder = _folder("wan")
    pipeline.save_pretrained(folder)
    return folder


@cache
def openclip_folder(resize_mode: str = "squash") -> Path:
    """An OpenCLIP model of 32x32 pixels, with its tokenizer."""
    import json

    import open_clip
    from safetensors.torch import save_file

    folder = _folder("openclip")
    text = {
        "context_length": 16,
        "vocab_size": 16,
        "width": 32,
        "heads": 2,
        "layers": 1,
        "hf_tokenizer_name": "in this folder",
        "pool_type": "eos",
        "eos_id": 1,
    }
    vision = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8}
    config = {
        "model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"resize_mode": resize_mode, "interpolation": "bicubic", "size": 32},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    _tokenizer().save_pretrained(folder)
    import torch

    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder
