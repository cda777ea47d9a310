"""Other models of silent clips."""

from typing import Any

import diffusers
import torch
import transformers

from models.card import ModelCard
from training.component_configs.encoders import clip_text, clip_vision, t5
from training.component_configs.model import Model, half, latents


def ltx(card: ModelCard, frames: int, height: int, width: int) -> Model:
    kind = diffusers.LTXVideoTransformer3DModel
    vae, denoiser = diffusers.AutoencoderKLLTXVideo(), kind(num_layers=2)
    time, high, wide = latents(frames, height, width, 8, 32)
    inputs, text, mask = half(2, time * high * wide, 128), half(2, 128, 4096), half(2, 128)
    scale = (8 / card.rules.fps, 32, 32)
    return Model(
        {"text_encoder": t5(), "transformer": kind(), "vae": vae},
        denoiser,
        lambda: denoiser(inputs, text, torch.empty(2), mask, time, high, wide, scale, return_dict=False),
        lambda: vae.decode(half(1, 128, time, high, wide), return_dict=False),
    )


def cogvideox(card: ModelCard, frames: int, height: int, width: int) -> Model:
    is_2b, is_15 = "2b" in card.name, "1.5" in card.name
    shape: dict[str, Any] = {} if is_2b else {"num_attention_heads": 48, "num_layers": 42}
    shape |= {"use_rotary_positional_embeddings": not is_2b}
    if card.needs_first_frame:
        shape |= {"in_channels": 32}
    if is_15:
        shape |= {
            "patch_size_t": 2,
            "ofs_embed_dim": 512,
            "patch_bias": False,
            "sample_width": 300,
            "sample_height": 300,
        }
    elif card.needs_first_frame:
        shape |= {"use_learned_positional_embeddings": True}
    kind = diffusers.CogVideoXTransformer3DModel
    vae, denoiser = diffusers.AutoencoderKLCogVideoX(), kind(**shape | {"num_layers": 2})
    time, high, wide = latents(frames, height, width, 4, 8)
    time += time % 2 if is_15 else 0
    tokens = time * (high // 2) * (wide // 2) // (2 if is_15 else 1)
    rotary = None if is_2b else (torch.empty(tokens, 64), torch.empty(tokens, 64))
    inputs, text = half(2, time, shape.get("in_channels", 16), high, wide), half(2, 226, 4096)
    return Model(
        {"text_encoder": t5(), "transformer": kind(**shape), "vae": vae},
        denoiser,
        lambda: denoiser(
            inputs,
            text,
            torch.empty(2),
            ofs=torch.empty(2) if is_15 else None,
            image_rotary_emb=rotary,
            return_dict=False,
        ),
        lambda: vae.decode(half(1, 16, time, high, wide), return_dict=False),
    )


def mochi(card: ModelCard, frames: int, height: int, width: int) -> Model:
    kind = diffusers.MochiTransformer3DModel
    vae, denoiser = diffusers.AutoencoderKLMochi(), kind(num_layers=2)
    time, high, wide = latents(frames, height, width, 6, 8)
    inputs, text = half(2, 12, time, high, wide), half(2, 256, 4096)
    return Model(
        {"text_encoder": t5(), "transformer": kind(), "vae": vae},
        denoiser,
        lambda: denoiser(inputs, text, torch.empty(2), torch.empty(2, 256, dtype=torch.bool), return_dict=False),
        lambda: vae.decode(half(1, 12, time, high, wide), return_dict=False),
    )


def hunyuan(card: ModelCard, frames: int, height: int, width: int) -> Model:
    kind = diffusers.HunyuanVideo15Transformer3DModel
    is_distilled = card.distilled is not None
    vae, denoiser = diffusers.AutoencoderKLHunyuanVideo15(), kind(num_layers=2, use_meanflow=is_distilled)
    components: dict[str, Any] = {
        "text_encoder": transformers.Qwen2_5_VLTextModel(transformers.Qwen2_5_VLTextConfig(
            vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28,
            num_key_value_heads=4,
        )),
        "text_encoder_2": transformers.T5EncoderModel(transformers.T5Config(
            vocab_size=1510, d_model=1472, d_kv=64, d_ff=3584, num_layers=12, num_heads=6,
            feed_forward_proj="gated-gelu",
        )),
        "transformer": kind(use_meanflow=is_distilled),
        "vae": vae,
    }  # fmt: skip
    if card.needs_first_frame:
        components["image_encoder"] = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(
            hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16, image_size=384,
            patch_size=14,
        ))  # fmt: skip
    time, high, wide = latents(frames, height, width, 4, 16)
    return Model(
        components,
        denoiser,
        lambda: denoiser(
            half(1, 65, time, high, wide), torch.empty(1), half(1, 1000, 3584), torch.empty(1, 1000),
            encoder_hidden_states_2=half(1, 256, 1472), encoder_attention_mask_2=torch.empty(1, 256),
            image_embeds=half(1, 729, 1152), timestep_r=torch.empty(1) if is_distilled else None, return_dict=False,
        ),
        lambda: vae.decode(half(1, 32, time, high, wide), return_dict=False),
    )  # fmt: skip


def svd(card: ModelCard, frames: int, height: int, width: int) -> Model:
    unet = diffusers.UNetSpatioTemporalConditionModel(num_attention_heads=(5, 10, 20, 20))
    vae = diffusers.AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",) * 4, block_out_channels=(128, 256, 512, 512), layers_per_block=2
    )
    unet.to("meta"), vae.to("meta")  # some parameters are created on the CPU
    chunk = int(str(card.call.get("decode_chunk_size") or frames))
    high, wide = height // 8, width // 8
    return Model(
        {"image_encoder": clip_vision(transformers.CLIPVisionModelWithProjection), "unet": unet, "vae": vae},
        unet,
        lambda: unet(half(2, frames, 8, high, wide), torch.empty(()), half(2, 1, 1024), half(2, 3), return_dict=False),
        lambda: vae.decode(half(chunk, 4, high, wide), num_frames=chunk, return_dict=False),
        frames * height * width * 3 * 4 * 2 / 1e9,
    )


def animatediff(card: ModelCard, frames: int, height: int, width: int) -> Model:
    unet = diffusers.UNetMotionModel(cross_attention_dim=768)
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512), layers_per_block=2,
    )  # fmt: skip
    adapter, high, wide = diffusers.MotionAdapter(), height // 8, width // 8
    return Model(
        {"text_encoder": clip_text(), "unet": unet, "motion_adapter": adapter, "vae": vae},
        unet,
        lambda: unet(half(2, 4, frames, high, wide), torch.empty(()), half(2 * frames, 77, 768), return_dict=False),
        lambda: vae.decode(half(16, 4, high, wide), return_dict=False),
        frames * height * width * 3 * 4 * 2 / 1e9,
    )
