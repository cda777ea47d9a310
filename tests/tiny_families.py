"""Tiny random weights of the families without a first frame, from the real classes, built once per process.

The shapes are the smallest that keep the characteristics of a family: its compression of space and time, its
second transformer, its sound. Two blocks, because caches skip all blocks after the first.
Wan 2.1 is in ``tiny_weights``.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tiny_weights import _folder, _tokenizer

HUNYUAN_TEMPLATE = "{{ 'a ' * 108 }}{{ messages[-1].content }}"
"""HunyuanVideo15Pipeline cuts 108 tokens of template off (prompt_template_encode_start_idx)."""


@cache
def wan22_5b_folder() -> Path:
    """Wan 2.2 TI2V-5B: 16x16 pixels and 4 frames a latent, a timestep for every token."""
    return _saved("wan22-5b", lambda: _wan(_wan22_vae(), expand_timesteps=True))


@cache
def wan22_a14b_folder() -> Path:
    """Wan 2.2 T2V-A14B: one transformer for the noisy steps and one for the rest."""
    return _saved("wan22-a14b", lambda: _wan(_wan_vae(), transformer_2=_wan_transformer(), boundary_ratio=0.875))


@cache
def wan_vace_folder() -> Path:
    """Wan VACE: every second block also reads the pictures of what the clip shows."""
    return _saved("wan-vace", _wan_vace)


@cache
def ltx_video_folder() -> Path:
    """LTX-Video: 32x32 pixels and 8 frames a latent, as the published weights have them."""
    return _saved("ltx-video", _ltx_video)


@cache
def cogvideox_2b_folder() -> Path:
    """CogVideoX-2b: sums of sines as positions, DDIM."""
    from diffusers import CogVideoXDDIMScheduler

    return _saved("cogvideox-2b", lambda: _cogvideox(CogVideoXDDIMScheduler, rotary=False))


@cache
def cogvideox_5b_folder() -> Path:
    """CogVideoX-5b: rotary positions, DPM."""
    from diffusers import CogVideoXDPMScheduler

    return _saved("cogvideox-5b", lambda: _cogvideox(CogVideoXDPMScheduler, rotary=True))


@cache
def mochi_folder() -> Path:
    """Mochi: 8x8 pixels and 6 frames a latent."""
    return _saved("mochi", _mochi)


@cache
def hunyuan15_folder() -> Path:
    """HunyuanVideo 1.5: two text encoders, guidance in a component, 16x16 pixels and 4 frames a latent."""
    return _saved("hunyuan15", _hunyuan15)


@cache
def animatediff_folder() -> Path:
    """AnimateDiff: Stable Diffusion 1.5 with a motion adapter, at most 8 frames, one latent each."""
    return _saved("animatediff", _animatediff)


@cache
def stable_diffusion_folder() -> Path:
    """The image model of AnimateDiff, with the layout of its own repository."""
    return _saved("stable-diffusion", _stable_diffusion)


@cache
def motion_adapter_folder() -> Path:
    """The motion adapter of AnimateDiff, with the layout of its own repository."""
    return _saved("motion-adapter", _motion_adapter)


@cache
def helios_folder() -> Path:
    """Helios distilled: chunks of 33 frames, each denoised in three resolutions with the earlier ones in view."""
    return _saved("helios", _helios)


@cache
def ltx2_folder() -> Path:
    """LTX-2: video and sound in one transformer, 32x32 pixels and 8 frames a latent."""
    return _saved("ltx2", _ltx2)


def _saved(name: str, build: Callable[[], Any]) -> Path:
    import torch

    torch.manual_seed(0)
    folder = _folder(name)
    build().save_pretrained(folder)
    return folder


def _t5(d_model: int = 32, vocab_size: int = 16):
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(vocab_size=vocab_size, d_model=d_model, d_kv=8, d_ff=32, num_layers=1, num_heads=4))


def _wan(vae, **parts):
    from diffusers import UniPCMultistepScheduler, WanPipeline

    return WanPipeline(
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        vae=vae,
        text_encoder=_t5(),
        tokenizer=_tokenizer(),
        transformer=_wan_transformer(),
        **parts,
    )


def _wan_vae(**changes):
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(
        base_dim=4,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        **changes,
    )


def _wan22_vae():
    return _wan_vae(is_residual=True, patch_size=2, in_channels=12, out_channels=12, scale_factor_spatial=16)


def _wan_vace():
    from diffusers import UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel

    transformer = WanVACETransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=32,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
        vace_layers=[0],
        vace_in_channels=96,
    )
    return WanVACEPipeline(
        tokenizer=_tokenizer(),
        text_encoder=_t5(),
        vae=_wan_vae(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        transformer=transformer,
    )


def _helios():
    from diffusers import HeliosDMDScheduler, HeliosPyramidPipeline, HeliosTransformer3DModel

    transformer = HeliosTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=32,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_dim=(4, 4, 4),
    )
    return HeliosPyramidPipeline(
        tokenizer=_tokenizer(),
        text_encoder=_t5(),
        vae=_wan_vae(),
        # With the gamma of the published weights, 1/3, the covariance of the noise is singular on a CPU.
        scheduler=HeliosDMDScheduler(use_dynamic_shifting=True, gamma=0.3),
        transformer=transformer,
        is_distilled=True,
    )


def _wan_transformer():
    from diffusers import WanTransformer3DModel

    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=32,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        rope_max_seq_len=32,
    )


def _ltx_video():
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXPipeline,
        LTXVideoTransformer3DModel,
    )

    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
    )
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        num_layers=2,
        caption_channels=32,
    )
    return LTXPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae,
        text_encoder=_t5(),
        tokenizer=_tokenizer(),
        transformer=transformer,
    )


def _cogvideox(scheduler, rotary: bool):
    from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline, CogVideoXTransformer3DModel

    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
    )
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=8,
        text_embed_dim=32,
        num_layers=2,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        max_text_seq_length=16,
        use_rotary_positional_embeddings=rotary,
    )
    return CogVideoXPipeline(
        tokenizer=_tokenizer(), text_encoder=_t5(), vae=vae, transformer=transformer, scheduler=scheduler()
    )


def _mochi():
    from diffusers import (
        AutoencoderKLMochi,
        FlowMatchEulerDiscreteScheduler,
        MochiPipeline,
        MochiTransformer3DModel,
    )

    transformer = MochiTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        text_embed_dim=32,
        time_embed_dim=8,
        max_sequence_length=16,
    )
    vae = AutoencoderKLMochi(
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
    )
    return MochiPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(invert_sigmas=True),
        vae=vae,
        text_encoder=_t5(),
        tokenizer=_tokenizer(),
        transformer=transformer,
    )


def _hunyuan15():
    from diffusers import (
        AutoencoderKLHunyuanVideo15,
        FlowMatchEulerDiscreteScheduler,
        HunyuanVideo15Pipeline,
        HunyuanVideo15Transformer3DModel,
    )
    from diffusers.guiders import ClassifierFreeGuidance
    from transformers import ByT5Tokenizer, Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel

    tokenizer = _tokenizer()
    tokenizer.chat_template = HUNYUAN_TEMPLATE
    text_encoder = Qwen2_5_VLTextModel(
        Qwen2_5_VLTextConfig(
            vocab_size=16,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=2,
            rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10_000.0},
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=1,
        )
    )
    vae = AutoencoderKLHunyuanVideo15(
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8, 8),
        layers_per_block=1,
        spatial_compression_ratio=16,
        temporal_compression_ratio=4,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )
    transformer = HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        text_embed_dim=16,
        text_embed_2_dim=32,
        image_embed_dim=8,
        rope_axes_dim=(2, 2, 4),
        target_size=64,
        task_type="t2v",
    )
    return HunyuanVideo15Pipeline(
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer,
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
        text_encoder_2=_t5(vocab_size=384),
        tokenizer_2=ByT5Tokenizer(),
        guider=ClassifierFreeGuidance(guidance_scale=6.0),
    )


def _animatediff():
    from diffusers import AnimateDiffPipeline

    image = _stable_diffusion()
    return AnimateDiffPipeline(
        vae=image.vae,
        text_encoder=image.text_encoder,
        tokenizer=image.tokenizer,
        unet=image.unet,
        motion_adapter=_motion_adapter(),
        scheduler=image.scheduler,
    )


def _motion_adapter():
    from diffusers import MotionAdapter

    return MotionAdapter(
        block_out_channels=(8, 8),
        motion_layers_per_block=1,
        motion_mid_block_layers_per_block=1,
        motion_norm_num_groups=2,
        motion_num_attention_heads=2,
        motion_max_seq_length=8,
    )


def _stable_diffusion():
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    unet = UNet2DConditionModel(
        block_out_channels=(8, 8),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=2,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=2,
        latent_channels=4,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=16,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=16,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=1,
        )
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=_tokenizer(),
        unet=unet,
        scheduler=DDIMScheduler(beta_schedule="linear", clip_sample=False, timestep_spacing="linspace", steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _ltx2():
    from diffusers import FlowMatchEulerDiscreteScheduler, LTX2Pipeline

    tokenizer = _tokenizer()
    tokenizer.padding_side = "left"
    return LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=_ltx2_vae(),
        audio_vae=_ltx2_audio_vae(),
        text_encoder=_gemma3(),
        tokenizer=tokenizer,
        connectors=_ltx2_connectors(),
        transformer=_ltx2_transformer(),
        vocoder=_ltx2_vocoder(),
    )


def _gemma3():
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    text = {
        "vocab_size": 16,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }
    vision = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    return Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=15)
    )


def _ltx2_vae():
    from diffusers import AutoencoderKLLTX2Video

    return AutoencoderKLLTX2Video(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("LTX2VideoDownBlock3D",) * 4,
        decoder_block_out_channels=(8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        upsample_residual=(False, False, False),
        upsample_factor=(1, 1, 1),
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )


def _ltx2_audio_vae():
    from diffusers import AutoencoderKLLTX2Audio

    return AutoencoderKLLTX2Audio(
        base_channels=4, ch_mult=(1,), num_res_blocks=1, resolution=32, latent_channels=2, mel_bins=8
    )


def _ltx2_connectors():
    from diffusers.pipelines.ltx2 import LTX2TextConnectors

    sizes = {
        f"{kind}_connector_{name}": value
        for kind in ("video", "audio")
        for name, value in {
            "num_attention_heads": 2,
            "attention_head_dim": 8,
            "num_layers": 1,
            "num_learnable_registers": None,
        }.items()
    }
    return LTX2TextConnectors(
        caption_channels=16, text_proj_in_factor=3, connector_rope_base_seq_len=32, rope_type="split", **sizes
    )


def _ltx2_transformer():
    from diffusers import LTX2VideoTransformer3DModel

    return LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        caption_channels=16,
        rope_type="split",
    )


def _ltx2_vocoder():
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    return LTX2Vocoder(
        in_channels=16,
        hidden_channels=8,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=400,  # 4 samples for each of 100 spectra a second
    )
