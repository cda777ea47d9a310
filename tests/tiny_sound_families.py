"""Tiny random weights of the families that generate sound with the picture, from the real classes.

As in ``tiny_families``, the shapes are the smallest that keep a family's compression of space and time.
"""

from functools import cache
from pathlib import Path

from tiny_families import _ltx2_audio_vae, _ltx2_vae, _saved, _wan22_vae
from tiny_weights import _tokenizer


@cache
def kandinsky6_folder() -> Path:
    """Kandinsky 6: 8x8 pixels and 4 frames a latent, patches of 2x2; sound of 1,600 Hz."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return _saved("kandinsky6", lambda: _kandinsky6(FlowMatchEulerDiscreteScheduler(shift=5.0)))


@cache
def kandinsky6_distilled_folder() -> Path:
    """Kandinsky 6 distilled: its few steps predict several velocities each."""
    from diffusers import PiflowScheduler

    return _saved("kandinsky6-distilled", lambda: _kandinsky6(PiflowScheduler(n_grid=2), velocities=2))


def _kandinsky6(scheduler, velocities: int = 1):
    from diffusers import AutoencoderKLHunyuanVideo, Kandinsky6TI2VAPipeline, MMAudioVAE, MMAudioVocoder
    from transformers import CLIPTextConfig, CLIPTextModel

    vae = AutoencoderKLHunyuanVideo(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4,
        latent_channels=4,
        layers_per_block=1,
        mid_block_add_attention=False,
        norm_num_groups=2,
    )
    clip = CLIPTextConfig(
        vocab_size=16,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=1,
    )
    return Kandinsky6TI2VAPipeline(
        transformer=_kandinsky6_transformer(velocities),
        vae=vae,
        text_encoder=_qwen_vl(),
        tokenizer=_qwen_processor(),
        text_encoder_2=CLIPTextModel(clip),
        tokenizer_2=_tokenizer(),
        scheduler=scheduler,
        audio_vae=MMAudioVAE(
            mel_bins=8,
            latent_channels=4,
            hidden_channels=8,
            channel_multipliers=(1, 2),
            layers_per_block=1,
            sample_rate=1600,
            n_fft=16,
            hop_length=4,
        ),
        vocoder=MMAudioVocoder(
            num_mels=8,
            upsample_initial_channel=8,
            upsample_rates=(2, 2),
            upsample_kernel_sizes=(4, 4),
            resblock_kernel_sizes=(3,),
            resblock_dilation_sizes=((1, 3),),
        ),
    )


def _kandinsky6_transformer(velocities: int):
    from diffusers import Kandinsky6Transformer3DModel

    return Kandinsky6Transformer3DModel(
        in_visual_dim=4,
        out_visual_dim=4 * velocities,
        in_text_dim=16,
        in_text_dim2=16,
        time_dim=16,
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(4, 2, 2),
        in_audio_dim=4,
        out_audio_dim=4 * velocities,
        text_token_padding=True,
        ca_rope=True,
        cross_gates=True,
        fix_modulation=True,
        visual_token_type_num_embeddings=2,
    )


def _qwen_vl():
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    text = {
        "vocab_size": 16,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1000000.0},
    }
    text |= {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1}
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config=vision, pad_token_id=0, bos_token_id=2, eos_token_id=1)
    )


def _qwen_processor():
    """The processor of Qwen 2.5 VL. The pipeline cuts its template off, 129 tokens: here 127 words and two others."""
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(),
        tokenizer=_padded_tokenizer(),
        video_processor=Qwen2VLVideoProcessor(),
    )


def _padded_tokenizer():
    from tokenizers import processors

    tokenizer = _tokenizer()
    tokenizer.add_tokens(["<|image_pad|>", "<|video_pad|>"], special_tokens=True)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<unk> <unk> $A", special_tokens=[("<unk>", 2)]
    )
    return tokenizer


@cache
def ltx25_folder() -> Path:
    """LTX-2.5: another text encoder, gates in the attention, and stereo sound whose bandwidth is extended."""
    return _saved("ltx25", _ltx25)


def _ltx25():
    from diffusers import FlowMatchEulerDiscreteScheduler, LTX2Pipeline
    from diffusers.pipelines.ltx2 import LTX2DurationHead

    tokenizer = _tokenizer()
    tokenizer.padding_side = "left"
    return LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=_ltx2_vae(),
        audio_vae=_ltx2_audio_vae(),
        text_encoder=_gemma4(),
        tokenizer=tokenizer,
        connectors=_ltx25_connectors(),
        transformer=_ltx25_transformer(),
        vocoder=_ltx25_vocoder(),
        duration_head=LTX2DurationHead(
            video_cross_attention_dim=16, audio_cross_attention_dim=8, pooler_hidden_dim=8, mlp_hidden_dim=8
        ),
    )


def _gemma4():
    from transformers import Gemma4UnifiedConfig, Gemma4UnifiedForConditionalGeneration

    text = {
        "vocab_size": 16,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "layer_types": ["sliding_attention", "full_attention"],
        "per_layer_config": {"01": {"head_dim": 16}},
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }
    tokens = {"image_token_id": 13, "audio_token_id": 14, "video_token_id": 15}
    return Gemma4UnifiedForConditionalGeneration(Gemma4UnifiedConfig(text_config=text, **tokens))


def _ltx25_connectors():
    from diffusers.pipelines.ltx2 import LTX2TextConnectors

    return LTX2TextConnectors(
        caption_channels=16,
        text_proj_in_factor=3,
        connector_rope_base_seq_len=32,
        rope_type="split",
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        video_gated_attn=True,
        video_hidden_dim=16,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=4,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        audio_gated_attn=True,
        audio_hidden_dim=8,
        per_modality_projections=True,
        proj_bias=True,
    )


def _ltx25_transformer():
    from diffusers import LTX2VideoTransformer3DModel

    return LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        gated_attn=True,
        cross_attn_mod=True,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        audio_gated_attn=True,
        audio_cross_attn_mod=True,
        num_layers=2,
        caption_channels=16,
        rope_type="split",
        use_prompt_embeddings=False,
        perturbed_attn=True,
    )


def _ltx25_vocoder():
    """400 samples a second from 100 spectra, then 1,200 from spectra of those."""
    from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE

    return LTX2VocoderWithBWE(
        in_channels=16,
        hidden_channels=8,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        bwe_in_channels=16,
        bwe_hidden_channels=8,
        bwe_upsample_kernel_sizes=[12, 4],
        bwe_upsample_factors=[6, 2],
        bwe_resnet_kernel_sizes=[3],
        bwe_resnet_dilations=[[1, 3, 5]],
        filter_length=16,
        hop_length=4,
        window_length=16,
        num_mel_channels=8,
        input_sampling_rate=400,
        output_sampling_rate=1200,
    )


@cache
def cosmos3_folder() -> Path:
    """Cosmos 3: one transformer that reads the words and generates picture and sound; 16x16 pixels a latent."""
    return _saved("cosmos3", _cosmos3)


def _cosmos3():
    from diffusers import (
        Cosmos3AVAEAudioTokenizer,
        Cosmos3OmniPipeline,
        Cosmos3OmniTransformer,
        UniPCMultistepScheduler,
    )

    transformer = Cosmos3OmniTransformer(
        head_dim=12,
        hidden_size=24,
        intermediate_size=32,
        latent_channel=16,
        latent_patch_size=1,
        num_attention_heads=2,
        num_hidden_layers=2,
        num_key_value_heads=2,
        patch_latent_dim=16,
        sound_dim=4,
        sound_gen=True,
        sound_latent_fps=25.0,
        vocab_size=16,
        rope_axes_dim=[2, 2, 2],
    )
    sound = Cosmos3AVAEAudioTokenizer(
        sampling_rate=400,
        vocoder_input_dim=4,
        dec_dim=4,
        dec_c_mults=(1, 2),
        dec_strides=(4, 4),
        enc_dim=4,
        enc_latent_dim=8,
        enc_c_mults=(1, 1),
        enc_strides=(1, 1),
        encoder_enabled=False,
    )
    return Cosmos3OmniPipeline(
        transformer=transformer,
        text_tokenizer=_cosmos3_tokenizer(),
        vae=_wan22_vae(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        sound_tokenizer=sound,
        enable_safety_checker=False,
    )


def _cosmos3_tokenizer():
    tokenizer = _tokenizer()
    tokenizer.add_tokens(["<|vision_start|>"], special_tokens=True)
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    return tokenizer
