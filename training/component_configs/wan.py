"""Wan and the models that were made from it."""

from typing import Any

import diffusers
import torch
import transformers

from models.card import ModelCard
from training.component_configs.encoders import clip_vision, umt5
from training.component_configs.model import Model, half, latents

BEGINNING = 3
"""Latents that are decoded; each further one takes as much again, besides the frames so far."""


def rest_gb(frames: int, height: int, width: int, value_bytes: int) -> float:
    """Return what a clip's frames after the beginning take: the frames so far, and their copy with the next ones."""
    return 2 * max(frames - 4 * BEGINNING, 0) * height * width * 3 * value_bytes / 1e9


def wan(card: ModelCard, frames: int, height: int, width: int) -> Model:
    is_5b, is_large = "5b" in card.name, "a14b" in card.name
    starts = card.needs_first_frame and not is_5b
    shape: dict[str, Any] = {"num_attention_heads": 40, "ffn_dim": 13824, "num_layers": 40}
    if "1.3b" in card.name:
        shape = {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30}
    if is_5b:
        shape = {"num_attention_heads": 24, "ffn_dim": 14336, "num_layers": 30, "in_channels": 48, "out_channels": 48}
    if starts:
        shape |= {"in_channels": 36}
    if has_picture := starts and not is_large:
        shape |= {"image_dim": 1280, "added_kv_proj_dim": 5120}
    kind = diffusers.WanTransformer3DModel
    components: dict[str, Any] = {"text_encoder": umt5(), "transformer": kind(**shape)}
    if is_large:
        components["transformer_2"] = kind(**shape)
    if has_picture:
        components["image_encoder"] = clip_vision(transformers.CLIPVisionModel)
    vae = components["vae"] = diffusers.AutoencoderKLWan(**WAN_VAE_5B if is_5b else {})
    time, high, wide = latents(frames, height, width, 4, 16 if is_5b else 8)
    inputs = half(1, shape.get("in_channels", 16), time, high, wide)
    step = torch.empty((1, time * (high // 2) * (wide // 2)) if is_5b else (1,))
    text, picture = half(1, 512, 4096), half(1, 257, 1280) if has_picture else None
    denoiser = kind(**shape | {"num_layers": 2})
    beginning = torch.empty(1, 48 if is_5b else 16, BEGINNING, high, wide)  # decoded one by one, in float32
    return Model(
        components,
        denoiser,
        lambda: denoiser(inputs, step, text, picture, return_dict=False),
        lambda: vae.decode(beginning, return_dict=False),
        rest_gb(frames, height, width, 4),
    )


WAN_VAE_5B: dict[str, Any] = {
    "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "is_residual": True, "patch_size": 2, "in_channels": 12,
    "out_channels": 12, "scale_factor_spatial": 16, "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
}  # fmt: skip


def vace(card: ModelCard, frames: int, height: int, width: int) -> Model:
    """Wan 2.1 VACE 1.3B. The results of all its side blocks are kept during a step, so no block is left out."""
    denoiser = diffusers.WanVACETransformer3DModel(
        num_attention_heads=12, ffn_dim=8960, num_layers=30, vace_layers=list(range(0, 30, 2))
    )
    vae = diffusers.AutoencoderKLWan()
    time, high, wide = latents(frames, height, width, 4, 8)
    inputs, control, text = half(1, 16, time, high, wide), half(1, 96, time, high, wide), half(1, 512, 4096)
    beginning = torch.empty(1, 16, BEGINNING, high, wide)
    return Model(
        {"text_encoder": umt5(), "transformer": denoiser, "vae": vae},
        denoiser,
        lambda: denoiser(inputs, torch.empty(1), text, control_hidden_states=control, return_dict=False),
        lambda: vae.decode(beginning, return_dict=False),
        rest_gb(frames, height, width, 4),
    )


def helios(card: ModelCard, frames: int, height: int, width: int) -> Model:
    """Helios generates chunks of 9 latents from 21 earlier ones, and decodes each chunk."""
    kind = diffusers.HeliosTransformer3DModel
    vae, denoiser = diffusers.AutoencoderKLWan(), kind(num_layers=2)
    _, high, wide = latents(frames, height, width, 4, 8)
    history = {"long": 16, "mid": 2, "short": 2}
    earlier = {f"latents_history_{name}": half(1, 16, number, high, wide) for name, number in history.items()}
    indices = {f"indices_{name}": torch.empty(1, earlier[name].shape[2]) for name in earlier}
    inputs, text = half(1, 16, 9, high, wide), half(1, 512, 4096)
    beginning = torch.empty(1, 16, BEGINNING, high, wide)
    return Model(
        {"text_encoder": umt5(), "transformer": kind(), "vae": vae},
        denoiser,
        lambda: denoiser(inputs, torch.empty(1), text, torch.empty(1, 9), **indices, **earlier, return_dict=False),
        lambda: vae.decode(beginning, return_dict=False),
        rest_gb(frames, height, width, 4),
        in_chunks=True,
    )
