"""Models that generate sound with the picture."""

import math
from typing import Any

import diffusers
import torch

from models.card import ModelCard
from training.component_configs.encoders import clip_text, gemma3, gemma4, qwen25_vl
from training.component_configs.model import Model, half, latents
from training.component_configs.wan import BEGINNING, WAN_VAE_5B, rest_gb


def ltx2(card: ModelCard, frames: int, height: int, width: int) -> Model:
    """LTX-2 19B."""
    from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder

    components = {
        "text_encoder": gemma3(),
        "connectors": LTX2TextConnectors(**_CONNECTORS),
        "transformer": diffusers.LTX2VideoTransformer3DModel(),
        "vae": diffusers.AutoencoderKLLTX2Video(spatial_compression_ratio=32, temporal_compression_ratio=8),
        "audio_vae": diffusers.AutoencoderKLLTX2Audio(),
        "vocoder": LTX2Vocoder(),
    }
    return _ltx2(card, components, {}, (3840, 3840), (frames, height, width))


def ltx25(card: ModelCard, frames: int, height: int, width: int) -> Model:
    """LTX-2.5 22B, with the convolutional VAE."""
    from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2VocoderWithBWE

    components = {
        "text_encoder": gemma4(),
        "connectors": LTX2TextConnectors(**_CONNECTORS_25),
        "transformer": diffusers.LTX2VideoTransformer3DModel(**_LTX_25),
        "vae": diffusers.AutoencoderKLLTX2Video(**_LTX_VAE_25),
        "audio_vae": diffusers.AutoencoderKLLTX2Audio(),
        "vocoder": LTX2VocoderWithBWE(),
    }
    return _ltx2(card, components, _LTX_25, (4096, 2048), (frames, height, width))


def _ltx2(
    card: ModelCard,
    components: dict[str, Any],
    shape: dict[str, Any],
    text: tuple[int, int],
    clip: tuple[int, int, int],
) -> Model:
    """Return a model of LTX-2's classes, whose embeddings have two widths: for the picture and for the sound."""
    vae, denoiser = components["vae"], diffusers.LTX2VideoTransformer3DModel(**shape | {"num_layers": 2})
    time, high, wide = latents(*clip, 8, 32)
    sound = round(clip[0] / card.rules.fps * 25)
    rows = 2 if card.defaults.guidance_scale > 1 else 1
    return Model(
        components,
        denoiser,
        lambda: denoiser(
            hidden_states=half(rows, time * high * wide, 128),
            audio_hidden_states=half(rows, sound, 128),
            encoder_hidden_states=half(rows, 1024, text[0]),
            audio_encoder_hidden_states=half(rows, 1024, text[1]),
            timestep=torch.empty(rows),
            sigma=torch.empty(rows),
            encoder_attention_mask=half(rows, 1024),
            audio_encoder_attention_mask=half(rows, 1024),
            num_frames=time, height=high, width=wide, fps=card.rules.fps, audio_num_frames=sound, return_dict=False,
        ),
        lambda: vae.decode(half(1, 128, time, high, wide), return_dict=False),
    )  # fmt: skip


def kandinsky6(card: ModelCard, frames: int, height: int, width: int) -> Model:
    """Kandinsky 6 Lite or Pro, whose guidance calls the transformer twice."""
    shape = _KANDINSKY_6 | (_KANDINSKY_6_PRO if "pro" in card.name else _KANDINSKY_6_LITE)
    kind = diffusers.Kandinsky6Transformer3DModel
    denoiser = kind(**shape | {"num_text_blocks": 1, "num_visual_blocks": 2})
    vae = diffusers.AutoencoderKLHunyuanVideo()
    time, high, wide = latents(frames, height, width, 4, 8)
    tokens = time + (1 if card.needs_first_frame else 0)  # the picture is one more latent
    sound = math.ceil(frames / card.rules.fps * 44100 / 1024)
    return Model(
        {
            "text_encoder": qwen25_vl(),
            "text_encoder_2": clip_text(),
            "transformer": kind(**shape),
            "vae": vae,
            "audio_vae": diffusers.MMAudioVAE(),
            "vocoder": diffusers.MMAudioVocoder(),
        },
        denoiser,
        lambda: denoiser(
            half(1, tokens, high, wide, 33),
            half(1, 1024, 3584),
            half(1, 768),
            torch.empty(1),
            audio_hidden_states=half(1, sound, 40),
            return_dict=False,
        ),
        lambda: vae.decode(half(1, 16, time, high, wide), return_dict=False),
    )


def cosmos3(card: ModelCard, frames: int, height: int, width: int) -> Model:
    """Cosmos 3 Nano, whose guidance calls the transformer twice."""
    kind = diffusers.Cosmos3OmniTransformer
    vae, denoiser = diffusers.AutoencoderKLWan(**WAN_VAE_5B), kind(**_COSMOS_3 | {"num_hidden_layers": 2})
    time, high, wide = latents(frames, height, width, 4, 16)
    grid = (time, math.ceil(high / 2), math.ceil(wide / 2))
    words, picture, sound = card.max_prompt_tokens or 4096, math.prod(grid), math.ceil(frames / card.rules.fps * 25)
    seen, heard = torch.arange(words, words + picture), torch.arange(words + picture, words + picture + sound)
    return Model(
        {
            "transformer": kind(**_COSMOS_3),
            "vae": vae,
            "sound_tokenizer": diffusers.Cosmos3AVAEAudioTokenizer(),
        },
        denoiser,
        lambda: denoiser(
            torch.arange(words), torch.arange(words), torch.empty(3, words + picture + sound),
            und_len=words, sequence_length=words + picture + sound,
            vision_tokens=[half(1, 48, time, high, wide)], vision_token_shapes=[grid],
            vision_sequence_indexes=seen, vision_mse_loss_indexes=seen,
            vision_timesteps=torch.empty(picture), vision_noisy_frame_indexes=[torch.arange(time)],
            sound_tokens=[half(64, sound)], sound_token_shapes=[(sound, 1, 1)],
            sound_sequence_indexes=heard, sound_mse_loss_indexes=heard,
            sound_timesteps=torch.empty(sound), sound_noisy_frame_indexes=[torch.arange(sound)], return_dict=False,
        ),
        lambda: vae.decode(half(1, 48, BEGINNING, high, wide), return_dict=False),
        rest_gb(frames, height, width, 2),
    )  # fmt: skip


_CONNECTORS: dict[str, Any] = {
    "caption_channels": 3840, "text_proj_in_factor": 49, "video_connector_num_attention_heads": 30,
    "video_connector_attention_head_dim": 128, "video_connector_num_layers": 2,
    "video_connector_num_learnable_registers": 128, "audio_connector_num_attention_heads": 30,
    "audio_connector_attention_head_dim": 128, "audio_connector_num_layers": 2,
    "audio_connector_num_learnable_registers": 128, "connector_rope_base_seq_len": 4096, "rope_theta": 10000.0,
    "rope_double_precision": True, "causal_temporal_positioning": False,
}  # fmt: skip
# LTX-2.5: the values that differ from the defaults, as ports of Lightricks/LTX-2.5-Diffusers list them.
_CONNECTORS_25: dict[str, Any] = {
    "video_connector_num_attention_heads": 32, "video_connector_num_layers": 8, "video_gated_attn": True,
    "audio_connector_num_attention_heads": 32, "audio_connector_attention_head_dim": 64,
    "audio_connector_num_layers": 8, "audio_gated_attn": True, "rope_type": "split", "per_modality_projections": True,
    "proj_bias": True,
}  # fmt: skip
_LTX_25: dict[str, Any] = {
    "gated_attn": True, "cross_attn_mod": True, "audio_gated_attn": True, "audio_cross_attn_mod": True,
    "rope_type": "split", "use_prompt_embeddings": False, "perturbed_attn": True, "ff_bias": False,
    "use_keyframes_abs_pos_embedding": True,
}  # fmt: skip
_LTX_VAE_25: dict[str, Any] = {
    "block_out_channels": (256, 512, 1024, 1024), "decoder_block_out_channels": (256, 512, 512, 1024),
    "layers_per_block": (4, 6, 4, 2, 2), "decoder_layers_per_block": (4, 6, 4, 2, 2),
    "decoder_spatio_temporal_scaling": (True,) * 4, "decoder_inject_noise": (False,) * 5,
    "upsample_type": ("spatiotemporal", "spatiotemporal", "temporal", "spatial"),
    "upsample_residual": (False,) * 4, "upsample_factor": (2, 2, 1, 2), "decoder_causal": False,
    "decoder_spatial_padding_mode": "zeros", "spatial_compression_ratio": 32, "temporal_compression_ratio": 8,
}  # fmt: skip

# Kandinsky 6: as vllm-omni's profile of one block lists them, from the configurations at the hub.
_KANDINSKY_6: dict[str, Any] = {
    "in_audio_dim": 40, "out_audio_dim": 40, "text_token_padding": True, "ca_rope": True, "cross_gates": True,
    "fix_modulation": True, "visual_token_type_num_embeddings": 2,
}  # fmt: skip
_KANDINSKY_6_PRO: dict[str, Any] = {"model_dim_a": 2048, "ff_dim_a": 7168}
_KANDINSKY_6_LITE: dict[str, Any] = {
    "model_dim": 1792, "ff_dim": 7168, "time_dim": 512, "axes_dims": (16, 24, 24), "num_visual_blocks": 32,
    "num_text_blocks": 2, "model_dim_a": 896, "ff_dim_a": 3584,
}  # fmt: skip

# Cosmos 3 Nano: what differs from the defaults, as Nvidia's converter lists it.
_COSMOS_3: dict[str, Any] = {"action_gen": True, "action_dim": 64, "sound_gen": True, "sound_dim": 64}
