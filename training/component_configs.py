"""The components of large models on torch's meta device, and the tensors of one step and one decoding.

Sizes come from the configurations of the published repositories. Most of them are the defaults of their class; the
number of parameters of each class was compared with the published one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import diffusers
import torch
import transformers

from models.card import ModelCard
from models.placement.needs import default_shape


class Model(NamedTuple):
    """A model without contents.

    Attributes:
        components: by name.
        denoiser: the component that runs in a step, with two of its blocks: each block frees what it takes.
        denoise: runs one step for a clip of the card's default shape.
        decode: decodes such a clip, or its beginning.
        decoded_gb: what the rest of the clip takes while it is decoded.
    """

    components: dict[str, Any]
    denoiser: Any
    denoise: Callable[[], Any]
    decode: Callable[[], Any]
    decoded_gb: float = 0.0

    @property
    def vae(self) -> Any:
        """The component that decodes."""
        return self.components["vae"]


def model_of(card: ModelCard) -> Model:
    """Return the model of a card, with all components on the meta device."""
    with torch.device("meta"):
        return MODELS[card.pipeline](card, *default_shape(card))


def _t5() -> Any:
    return transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
            feed_forward_proj="gated-gelu",
        )
    )  # fmt: skip


def _umt5() -> Any:
    return transformers.UMT5EncoderModel(
        transformers.UMT5Config(
            vocab_size=256384, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
            feed_forward_proj="gated-gelu",
        )
    )  # fmt: skip


def _gemma3() -> Any:
    """Gemma 3 12B with its vision tower."""
    text = {
        "vocab_size": 262208, "hidden_size": 3840, "intermediate_size": 15360, "num_hidden_layers": 48,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
    }  # fmt: skip
    vision = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
              "image_size": 896, "patch_size": 14}  # fmt: skip
    return transformers.Gemma3ForConditionalGeneration(
        transformers.Gemma3Config(text_config=text, vision_config=vision)
    )


def _clip_vision(kind: Any) -> Any:
    """The vision tower of OpenCLIP ViT-H/14."""
    return kind(
        transformers.CLIPVisionConfig(
            hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, patch_size=14,
            projection_dim=1024,
        )
    )  # fmt: skip


def _latents(frames: int, height: int, width: int, time: int, space: int) -> tuple[int, int, int]:
    return (frames - 1) // time + 1, height // space, width // space


def _wan(card: ModelCard, frames: int, height: int, width: int) -> Model:
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
    components: dict[str, Any] = {"text_encoder": _umt5(), "transformer": kind(**shape)}
    if is_large:
        components["transformer_2"] = kind(**shape)
    if has_picture:
        components["image_encoder"] = _clip_vision(transformers.CLIPVisionModel)
    vae = components["vae"] = diffusers.AutoencoderKLWan(**_WAN_VAE_5B if is_5b else {})
    time, high, wide = _latents(frames, height, width, 4, 16 if is_5b else 8)
    inputs = _half(1, shape.get("in_channels", 16), time, high, wide)
    step = torch.empty((1, time * (high // 2) * (wide // 2)) if is_5b else (1,))
    text, picture = _half(1, 512, 4096), _half(1, 257, 1280) if has_picture else None
    denoiser = kind(**shape | {"num_layers": 2})
    latents = torch.empty(1, 48 if is_5b else 16, BEGINNING, high, wide)  # decoded one by one, in float32
    rest = (frames - 4 * BEGINNING) * height * width * 3 * 4
    return Model(
        components,
        denoiser,
        lambda: denoiser(inputs, step, text, picture, return_dict=False),
        lambda: vae.decode(latents, return_dict=False),
        2 * rest / 1e9,  # the frames so far, and their copy with the next ones
    )


BEGINNING = 3
_WAN_VAE_5B: dict[str, Any] = {
    "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "is_residual": True, "patch_size": 2, "in_channels": 12,
    "out_channels": 12, "scale_factor_spatial": 16, "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
}  # fmt: skip


def _ltx(card: ModelCard, frames: int, height: int, width: int) -> Model:
    kind = diffusers.LTXVideoTransformer3DModel
    vae, denoiser = diffusers.AutoencoderKLLTXVideo(), kind(num_layers=2)
    time, high, wide = _latents(frames, height, width, 8, 32)
    inputs, text, mask = _half(2, time * high * wide, 128), _half(2, 128, 4096), _half(2, 128)
    scale = (8 / card.rules.fps, 32, 32)
    return Model(
        {"text_encoder": _t5(), "transformer": kind(), "vae": vae},
        denoiser,
        lambda: denoiser(inputs, text, torch.empty(2), mask, time, high, wide, scale, return_dict=False),
        lambda: vae.decode(_half(1, 128, time, high, wide), return_dict=False),
    )


def _ltx2(card: ModelCard, frames: int, height: int, width: int) -> Model:
    from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder

    kind = diffusers.LTX2VideoTransformer3DModel
    vae, denoiser = (
        diffusers.AutoencoderKLLTX2Video(spatial_compression_ratio=32, temporal_compression_ratio=8),
        kind(num_layers=2),
    )
    components = {
        "text_encoder": _gemma3(),
        "connectors": LTX2TextConnectors(**_CONNECTORS),
        "transformer": kind(),
        "vae": vae,
        "audio_vae": diffusers.AutoencoderKLLTX2Audio(),
        "vocoder": LTX2Vocoder(),
    }
    time, high, wide = _latents(frames, height, width, 8, 32)
    sound = round(frames / card.rules.fps * 25)
    tokens = time * high * wide
    return Model(
        components,
        denoiser,
        lambda: denoiser(
            hidden_states=_half(2, tokens, 128),
            audio_hidden_states=_half(2, sound, 128),
            encoder_hidden_states=_half(2, 1024, 3840),
            audio_encoder_hidden_states=_half(2, 1024, 3840),
            timestep=torch.empty(2),
            encoder_attention_mask=_half(2, 1024),
            audio_encoder_attention_mask=_half(2, 1024),
            num_frames=time, height=high, width=wide, fps=card.rules.fps, audio_num_frames=sound, return_dict=False,
        ),
        lambda: vae.decode(_half(1, 128, time, high, wide), return_dict=False),
    )  # fmt: skip


_CONNECTORS: dict[str, Any] = {
    "caption_channels": 3840, "text_proj_in_factor": 49, "video_connector_num_attention_heads": 30,
    "video_connector_attention_head_dim": 128, "video_connector_num_layers": 2,
    "video_connector_num_learnable_registers": 128, "audio_connector_num_attention_heads": 30,
    "audio_connector_attention_head_dim": 128, "audio_connector_num_layers": 2,
    "audio_connector_num_learnable_registers": 128, "connector_rope_base_seq_len": 4096, "rope_theta": 10000.0,
    "rope_double_precision": True, "causal_temporal_positioning": False,
}  # fmt: skip


def _cogvideox(card: ModelCard, frames: int, height: int, width: int) -> Model:
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
    time, high, wide = _latents(frames, height, width, 4, 8)
    time += time % 2 if is_15 else 0
    tokens = time * (high // 2) * (wide // 2) // (2 if is_15 else 1)
    rotary = None if is_2b else (torch.empty(tokens, 64), torch.empty(tokens, 64))
    inputs, text = _half(2, time, shape.get("in_channels", 16), high, wide), _half(2, 226, 4096)
    return Model(
        {"text_encoder": _t5(), "transformer": kind(**shape), "vae": vae},
        denoiser,
        lambda: denoiser(
            inputs,
            text,
            torch.empty(2),
            ofs=torch.empty(2) if is_15 else None,
            image_rotary_emb=rotary,
            return_dict=False,
        ),
        lambda: vae.decode(_half(1, 16, time, high, wide), return_dict=False),
    )


def _mochi(card: ModelCard, frames: int, height: int, width: int) -> Model:
    kind = diffusers.MochiTransformer3DModel
    vae, denoiser = diffusers.AutoencoderKLMochi(), kind(num_layers=2)
    time, high, wide = _latents(frames, height, width, 6, 8)
    inputs, text = _half(2, 12, time, high, wide), _half(2, 256, 4096)
    return Model(
        {"text_encoder": _t5(), "transformer": kind(), "vae": vae},
        denoiser,
        lambda: denoiser(inputs, text, torch.empty(2), torch.empty(2, 256, dtype=torch.bool), return_dict=False),
        lambda: vae.decode(_half(1, 12, time, high, wide), return_dict=False),
    )


def _hunyuan(card: ModelCard, frames: int, height: int, width: int) -> Model:
    kind = diffusers.HunyuanVideo15Transformer3DModel
    vae, denoiser = diffusers.AutoencoderKLHunyuanVideo15(), kind(num_layers=2)
    components: dict[str, Any] = {
        "text_encoder": transformers.Qwen2_5_VLTextModel(transformers.Qwen2_5_VLTextConfig(
            vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28,
            num_key_value_heads=4,
        )),
        "text_encoder_2": transformers.T5EncoderModel(transformers.T5Config(
            vocab_size=1510, d_model=1472, d_kv=64, d_ff=3584, num_layers=12, num_heads=6,
            feed_forward_proj="gated-gelu",
        )),
        "transformer": kind(),
        "vae": vae,
    }  # fmt: skip
    if card.needs_first_frame:
        components["image_encoder"] = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(
            hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16, image_size=384,
            patch_size=14,
        ))  # fmt: skip
    time, high, wide = _latents(frames, height, width, 4, 16)
    return Model(
        components,
        denoiser,
        lambda: denoiser(
            _half(1, 65, time, high, wide), torch.empty(1), _half(1, 1000, 3584), torch.empty(1, 1000),
            encoder_hidden_states_2=_half(1, 256, 1472), encoder_attention_mask_2=torch.empty(1, 256),
            image_embeds=_half(1, 729, 1152), return_dict=False,
        ),
        lambda: vae.decode(_half(1, 32, time, high, wide), return_dict=False),
    )  # fmt: skip


def _svd(card: ModelCard, frames: int, height: int, width: int) -> Model:
    unet = diffusers.UNetSpatioTemporalConditionModel(num_attention_heads=(5, 10, 20, 20))
    vae = diffusers.AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",) * 4, block_out_channels=(128, 256, 512, 512), layers_per_block=2
    )
    unet.to("meta"), vae.to("meta")  # some parameters are created on the CPU
    chunk = int(str(card.call.get("decode_chunk_size") or frames))
    high, wide = height // 8, width // 8
    return Model(
        {"image_encoder": _clip_vision(transformers.CLIPVisionModelWithProjection), "unet": unet, "vae": vae},
        unet,
        lambda: unet(
            _half(2, frames, 8, high, wide), torch.empty(()), _half(2, 1, 1024), _half(2, 3), return_dict=False
        ),
        lambda: vae.decode(_half(chunk, 4, high, wide), num_frames=chunk, return_dict=False),
        frames * height * width * 3 * 4 * 2 / 1e9,
    )


def _animatediff(card: ModelCard, frames: int, height: int, width: int) -> Model:
    unet = diffusers.UNetMotionModel(cross_attention_dim=768)
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512), layers_per_block=2,
    )  # fmt: skip
    text = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12)
    )
    adapter, high, wide = diffusers.MotionAdapter(), height // 8, width // 8
    return Model(
        {"text_encoder": text, "unet": unet, "motion_adapter": adapter, "vae": vae},
        unet,
        lambda: unet(_half(2, 4, frames, high, wide), torch.empty(()), _half(2 * frames, 77, 768), return_dict=False),
        lambda: vae.decode(_half(16, 4, high, wide), return_dict=False),
        frames * height * width * 3 * 4 * 2 / 1e9,
    )


def _half(*shape: int) -> torch.Tensor:
    return torch.empty(*shape, dtype=torch.bfloat16, device="meta")


MODELS: dict[str, Callable[[ModelCard, int, int, int], Model]] = {
    "WanPipeline": _wan,
    "WanImageToVideoPipeline": _wan,
    "LTXPipeline": _ltx,
    "LTXImageToVideoPipeline": _ltx,
    "LTX2Pipeline": _ltx2,
    "LTX2ImageToVideoPipeline": _ltx2,
    "CogVideoXPipeline": _cogvideox,
    "CogVideoXImageToVideoPipeline": _cogvideox,
    "MochiPipeline": _mochi,
    "HunyuanVideo15Pipeline": _hunyuan,
    "HunyuanVideo15ImageToVideoPipeline": _hunyuan,
    "StableVideoDiffusionPipeline": _svd,
    "AnimateDiffPipeline": _animatediff,
}
