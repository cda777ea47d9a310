"""Tiny random weights of the families that start from an image, built once per process."""

from functools import cache
from pathlib import Path

from tiny_weights import _folder, _tokenizer

PATCHES = 32
"""Pixels of a patch of the image encoders: a picture of 224 pixels is then 49 tokens."""


@cache
def wan_i2v_folder() -> Path:
    """Wan 2.1: the VAE and a CLIP encoder get the image; 8x8 pixels and 4 frames a latent."""
    from transformers import CLIPImageProcessor, CLIPVisionModel

    return _saved_wan(
        "wan-i2v",
        transformer=_wan_transformer(in_channels=36, image_dim=16),
        image_encoder=CLIPVisionModel(_clip_vision()),
        image_processor=CLIPImageProcessor(),
    )


@cache
def wan22_i2v_folder() -> Path:
    """Wan 2.2 A14B: two transformers, one for high and one for low noise, and no image encoder."""
    return _saved_wan(
        "wan22-i2v",
        transformer=_wan_transformer(in_channels=36),
        transformer_2=_wan_transformer(in_channels=36),
        boundary_ratio=0.9,
    )


@cache
def wan22_ti2v_folder() -> Path:
    """Wan 2.2 TI2V-5B: 16x16 pixels a latent; the first latent frame is the image's.

    It is saved as a text-to-video pipeline, like the model's own repository.
    """
    import torch
    from diffusers import WanPipeline

    torch.manual_seed(0)
    pipeline = WanPipeline(
        vae=_wan_vae(is_residual=True, patch_size=2, in_channels=12, out_channels=12, scale_factor_spatial=16),
        transformer=_wan_transformer(in_channels=16),
        expand_timesteps=True,
        **_wan_rest(),
    )
    return _saved("wan22-ti2v", pipeline)


def _saved_wan(name: str, **parts) -> Path:
    from diffusers import WanImageToVideoPipeline

    return _saved(name, WanImageToVideoPipeline(vae=_wan_vae(), **_wan_rest(), **parts))


def _wan_rest() -> dict:
    from diffusers import UniPCMultistepScheduler

    return {
        "scheduler": UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        "text_encoder": _t5(),
        "tokenizer": _tokenizer(),
    }


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


def _wan_transformer(**changes):
    import torch
    from diffusers import WanTransformer3DModel

    torch.manual_seed(0)
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        out_channels=16,
        text_dim=32,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        rope_max_seq_len=32,
        **changes,
    )


@cache
def ltx_i2v_folder() -> Path:
    """LTX-Video: the same folder as for text-to-video. Only the class that opens it differs."""
    from tiny_families import ltx_video_folder

    return ltx_video_folder()


@cache
def ltx2_i2v_folder() -> Path:
    """LTX-2, picture and sound: 32x32 pixels and 8 frames a latent."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, LTX2ImageToVideoPipeline

    torch.manual_seed(0)
    audio_vae, text_encoder = _ltx2_audio_vae(), _gemma()
    pipeline = LTX2ImageToVideoPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_ltx2_vae(),
        audio_vae=audio_vae,
        text_encoder=text_encoder,
        tokenizer=_tokenizer(),
        connectors=_ltx2_connectors(text_encoder.config.text_config),
        transformer=_ltx2_transformer(),
        vocoder=_ltx2_vocoder(audio_vae.config),
    )
    return _saved("ltx2-i2v", pipeline)


def _ltx2_vae():
    from diffusers import AutoencoderKLLTX2Video

    return AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        layers_per_block=(1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True),
        decoder_spatio_temporal_scaling=(True, True, True),
        decoder_inject_noise=(False, False, False, False),
        downsample_type=("spatiotemporal",) * 3,
        upsample_residual=(False, False, False),
        upsample_factor=(1, 1, 1),
        timestep_conditioning=False,
        patch_size=4,
    )


def _ltx2_audio_vae():
    from diffusers import AutoencoderKLLTX2Audio

    return AutoencoderKLLTX2Audio(
        base_channels=4,
        ch_mult=(1,),
        num_res_blocks=1,
        resolution=32,
        latent_channels=2,
        causality_axis="height",
        mid_block_add_attention=False,
        mel_bins=8,
    )


def _ltx2_transformer():
    from diffusers import LTX2VideoTransformer3DModel

    return LTX2VideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
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
        rope_double_precision=False,
        rope_type="split",
    )


def _ltx2_connectors(text):
    from diffusers.pipelines.ltx2 import LTX2TextConnectors

    return LTX2TextConnectors(
        caption_channels=text.hidden_size,
        text_proj_in_factor=text.num_hidden_layers + 1,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=16,
        rope_double_precision=False,
        rope_type="split",
    )


def _ltx2_vocoder(audio):
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    return LTX2Vocoder(
        in_channels=audio.output_channels * audio.mel_bins,
        hidden_channels=16,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3]],
        output_sampling_rate=16000,
    )


def _gemma():
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    text = {
        "vocab_size": 16,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
    vision = _siglip_vision(image_size=2 * PATCHES)
    return Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4))


@cache
def cogvideox_i2v_folder() -> Path:
    """CogVideoX 5b: 8x8 pixels and 4 frames a latent, one size only (64x64), as its positions are learned."""
    return _saved_cogvideox("cogvideox-i2v", use_learned_positional_embeddings=True)


@cache
def cogvideox15_i2v_folder() -> Path:
    """CogVideoX 1.5: any size; two latent frames a token, so the clip is padded at its start."""
    return _saved_cogvideox("cogvideox15-i2v", patch_size_t=2, patch_bias=False, ofs_embed_dim=8)


def _saved_cogvideox(name: str, **changes) -> Path:
    import torch
    from diffusers import CogVideoXDDIMScheduler, CogVideoXImageToVideoPipeline, CogVideoXTransformer3DModel

    torch.manual_seed(0)
    pipeline = CogVideoXImageToVideoPipeline(
        scheduler=CogVideoXDDIMScheduler(prediction_type="v_prediction", timestep_spacing="trailing"),
        vae=_cogvideox_vae(),
        text_encoder=_t5(),
        tokenizer=_tokenizer(),
        transformer=CogVideoXTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=8,
            out_channels=4,
            time_embed_dim=8,
            text_embed_dim=32,
            num_layers=2,
            sample_width=8,
            sample_height=8,
            sample_frames=9,
            max_text_seq_length=16,
            use_rotary_positional_embeddings=True,
            **changes,
        ),
    )
    return _saved(name, pipeline)


def _cogvideox_vae():
    from diffusers import AutoencoderKLCogVideoX

    return AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
    )


@cache
def hunyuan15_i2v_folder() -> Path:
    """HunyuanVideo 1.5: 16x16 pixels and 4 frames a latent; the size follows from the image, near 64x64."""
    import torch
    from diffusers.guiders import ClassifierFreeGuidance

    torch.manual_seed(0)
    guider = ClassifierFreeGuidance(guidance_scale=6.0)
    return _saved("hunyuan15-i2v", _hunyuan15_i2v(_hunyuan15_transformer(), guider))


def _hunyuan15_i2v(transformer, guider):
    from diffusers import FlowMatchEulerDiscreteScheduler, HunyuanVideo15ImageToVideoPipeline
    from transformers import ByT5Tokenizer, SiglipImageProcessor, SiglipVisionModel

    return HunyuanVideo15ImageToVideoPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        vae=_hunyuan15_vae(),
        transformer=transformer,
        text_encoder=_qwen(),
        tokenizer=_chat_tokenizer(),
        text_encoder_2=_t5(vocab_size=384),
        tokenizer_2=ByT5Tokenizer(),
        guider=guider,
        image_encoder=SiglipVisionModel(_siglip_vision(image_size=224)),
        feature_extractor=SiglipImageProcessor(),
    )


@cache
def hunyuan15_i2v_meanflow_folder() -> Path:
    """HunyuanVideo 1.5 step-distilled: its transformer also reads the next step, and nothing is guided."""
    import torch
    from diffusers.guiders import ClassifierFreeGuidance

    torch.manual_seed(0)
    guider = ClassifierFreeGuidance(guidance_scale=1.0, enabled=False)
    return _saved("hunyuan15-i2v-meanflow", _hunyuan15_i2v(_hunyuan15_transformer(use_meanflow=True), guider))


def _hunyuan15_vae():
    from diffusers import AutoencoderKLHunyuanVideo15

    return AutoencoderKLHunyuanVideo15(
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8, 8),
        layers_per_block=1,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )


def _hunyuan15_transformer(**changes):
    from diffusers import HunyuanVideo15Transformer3DModel

    return HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        text_embed_dim=16,
        text_embed_2_dim=32,
        image_embed_dim=16,
        rope_axes_dim=(2, 2, 4),
        target_size=64,
        task_type="i2v",
        **changes,
    )


def _qwen():
    from transformers import Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel

    return Qwen2_5_VLTextModel(
        Qwen2_5_VLTextConfig(
            vocab_size=16,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            rope_parameters={"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1000000.0},
        )
    )


def _chat_tokenizer():
    """A tokenizer whose template adds 108 tokens before the prompt, which the pipeline removes."""
    tokenizer = _tokenizer()
    tokenizer.chat_template = "{{ '<unk> ' * 108 }}{{ messages[1]['content'] }}"
    return tokenizer


@cache
def svd_folder() -> Path:
    """Stable Video Diffusion: 8x8 pixels a latent, one latent per frame; no text."""
    import torch
    from diffusers import StableVideoDiffusionPipeline
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    pipeline = StableVideoDiffusionPipeline(
        scheduler=_svd_scheduler(),
        vae=_svd_vae(),
        unet=_svd_unet(),
        image_encoder=CLIPVisionModelWithProjection(_clip_vision()),
        feature_extractor=CLIPImageProcessor(),
    )
    return _saved("svd", pipeline)


def _svd_scheduler():
    from diffusers import EulerDiscreteScheduler

    return EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        sigma_max=700.0,
        sigma_min=0.002,
        steps_offset=1,
        timestep_spacing="leading",
        timestep_type="continuous",
        use_karras_sigmas=True,
    )


def _svd_vae():
    from diffusers import AutoencoderKLTemporalDecoder

    return AutoencoderKLTemporalDecoder(block_out_channels=(32,) * 4, down_block_types=("DownEncoderBlock2D",) * 4)


def _svd_unet():
    from diffusers import UNetSpatioTemporalConditionModel

    return UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=16,
        num_attention_heads=2,
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=96,
        num_frames=4,
    )


def _t5(vocab_size: int = 16):
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(vocab_size=vocab_size, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4))


def _clip_vision():
    from transformers import CLIPVisionConfig

    return CLIPVisionConfig(
        hidden_size=16,
        projection_dim=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=224,
        patch_size=PATCHES,
    )


def _siglip_vision(image_size: int):
    from transformers import SiglipVisionConfig

    return SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=image_size,
        patch_size=PATCHES,
    )


def _saved(name: str, pipeline) -> Path:
    folder = _folder(name)
    pipeline.save_pretrained(folder)
    return folder
