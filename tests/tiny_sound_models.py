"""Tiny random weights of models that speak or make music, from the real classes, built once per process."""

import json
from functools import cache
from pathlib import Path

from tiny_families import _saved, _t5
from tiny_weights import _folder, _tokenizer, pinned

from models.sound_card import MusicCard, SpeechCard

LETTERS = "abcdefghijklmnopqrstuvwxyz ',.ä"


@cache
def vits_folder() -> Path:
    """VITS with two speakers, a vocabulary of letters and 16 kHz, as the voices of MMS have it."""
    import torch
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    folder = _folder("vits")
    (folder / "vocab.json").write_text(json.dumps({letter: index for index, letter in enumerate(LETTERS, 1)}))
    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=len(LETTERS) + 2,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=16,
        flow_size=16,
        spectrogram_bins=9,
        upsample_initial_channel=16,
        upsample_rates=(16, 16),
        upsample_kernel_sizes=(32, 32),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3),),
        duration_predictor_filter_channels=16,
        depth_separable_num_layers=1,
        prior_encoder_num_flows=1,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        num_speakers=2,
        speaker_embedding_size=4,
    )
    model = VitsModel(config)
    for parameter in model.decoder.conv_post.parameters():  # otherwise, the sound is almost silent
        parameter.data *= 40
    model.save_pretrained(folder)
    VitsTokenizer(folder / "vocab.json", phonemize=False, normalize=True, pad_token=LETTERS[0]).save_pretrained(folder)
    return folder


@cache
def stable_audio_folder() -> Path:
    """Stable Audio with 400 samples a second and at most two seconds."""
    return _saved("stable-audio", _stable_audio)


@cache
def ace_step_folder() -> Path:
    """ACE-Step turbo with 800 samples a second."""
    return _saved("ace-step", _ace_step)


def speech_card(**changes) -> SpeechCard:
    """Return a card of the VITS folder."""
    return SpeechCard.model_validate(
        {
            "name": "tiny-vits",
            "kind": "text-to-speech",
            "title": "Tiny VITS",
            "description": "random",
            "model": "VitsModel",
            "languages": ["de"],
            "voices": {"anna": 0, "ben": 1},
            "licence": {"name": "Apache-2.0"},
            "weights": pinned(vits_folder()),
        }
        | changes
    )


def music_card(**changes) -> MusicCard:
    """Return a card of the Stable Audio folder."""
    return MusicCard.model_validate(
        {
            "name": "tiny-stable-audio",
            "kind": "text-to-music",
            "title": "Tiny Stable Audio",
            "description": "random",
            "pipeline": "StableAudioPipeline",
            "longest_s": 2.0,
            "num_inference_steps": 2,
            "guidance_scale": 3.0,
            "negative_prompt": "red",
            "moods": {"calm": "a red circle"},
            "licence": {"name": "Apache-2.0"},
            "weights": pinned(stable_audio_folder()),
        }
        | changes
    )


def ace_step_card(**changes) -> MusicCard:
    """Return a card of the ACE-Step folder."""
    own = {"name": "tiny-ace-step", "pipeline": "AceStepPipeline", "guidance_scale": 1.0, "longest_s": 60.0}
    return music_card(**own, negative_prompt="", weights=pinned(ace_step_folder()), **changes)


def _stable_audio():
    from diffusers import (
        AutoencoderOobleck,
        EDMDPMSolverMultistepScheduler,
        StableAudioDiTModel,
        StableAudioPipeline,
        StableAudioProjectionModel,
    )

    return StableAudioPipeline(
        vae=AutoencoderOobleck(
            encoder_hidden_size=6,
            downsampling_ratios=[1, 2],
            decoder_channels=3,
            decoder_input_channels=3,
            audio_channels=2,
            channel_multiples=[2, 4],
            sampling_rate=400,
        ),
        text_encoder=_t5(4),
        projection_model=StableAudioProjectionModel(text_encoder_dim=4, conditioning_dim=4, min_value=0, max_value=32),
        tokenizer=_tokenizer(),
        transformer=StableAudioDiTModel(
            sample_size=400,
            in_channels=3,
            num_layers=1,
            attention_head_dim=4,
            num_attention_heads=2,
            num_key_value_attention_heads=2,
            out_channels=3,
            cross_attention_dim=4,
            time_proj_dim=8,
            global_states_input_dim=8,
            cross_attention_input_dim=4,
        ),
        scheduler=EDMDPMSolverMultistepScheduler(
            solver_order=2, prediction_type="v_prediction", sigma_data=1.0, sigma_schedule="exponential"
        ),
    )


def _ace_step():
    from diffusers import (
        AceStepPipeline,
        AceStepTransformer1DModel,
        AutoencoderOobleck,
        FlowMatchEulerDiscreteScheduler,
    )
    from diffusers.pipelines.ace_step import AceStepConditionEncoder
    from transformers import Qwen3Config, Qwen3Model

    shape = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
    text = Qwen3Config(
        vocab_size=16,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    return AceStepPipeline(
        vae=AutoencoderOobleck(
            encoder_hidden_size=8,
            downsampling_ratios=[4, 8],
            decoder_channels=8,
            decoder_input_channels=4,
            audio_channels=2,
            channel_multiples=[1, 2],
            sampling_rate=800,
        ),
        text_encoder=Qwen3Model(text),
        tokenizer=_tokenizer(),
        transformer=AceStepTransformer1DModel(
            **shape,
            num_hidden_layers=2,
            in_channels=12,
            audio_acoustic_hidden_dim=4,
            encoder_hidden_size=16,
            is_turbo=True,
        ),
        condition_encoder=AceStepConditionEncoder(
            **shape,
            text_hidden_dim=16,
            timbre_hidden_dim=4,
            num_lyric_encoder_hidden_layers=1,
            num_timbre_encoder_hidden_layers=1,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
    )
