"""Music of model cards, by the stock pipelines of diffusers."""

import threading
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import GenerationError, IncompleteWeightsError, ModelTooLargeError
from models.memory import is_out_of_memory
from models.music.result import MusicResult
from models.registry import find_devices
from models.sound_card import MusicCard
from models.sound_tools import SoundTools
from models.weights import forbid_network, weights_path, weights_problem

SOURCE_TYPE = "trainedAlgorithmicMedia"
INSTRUMENTAL = "[Instrumental]"
"""Lyrics of music without words."""


def generated_music(card: MusicCard, mood: str, seconds: float, seed: int, tools: SoundTools) -> MusicResult:
    """Return music of a mood: the card's prompt for it, or the mood itself as a prompt.

    The noise is drawn on the CPU, so that a seed gives the same noise on every device.

    Args:
        seconds: wanted length; music is at most ``longest_s`` of the card long.

    Raises:
        IncompleteWeightsError: the weights are missing or damaged.
        ModelTooLargeError: the device has not enough memory.
        GenerationError: the model returned no sound.
    """
    pipeline = _kept(card, tools)
    prompt = card.moods.get(mood, mood) or next(iter(card.moods.values()), "instrumental music")
    try:
        samples, rate = _CALLS[card.pipeline](pipeline, card, prompt, min(seconds, card.longest_s), seed)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # frames would keep tensors on the device
        raise ModelTooLargeError(f"{card.name} has not enough memory on {tools.device} for {seconds:g} s.") from error
    if not samples.size or not np.isfinite(samples).all():
        raise GenerationError(f"{card.name} returned no usable sound. Use another seed or mood.")
    return MusicResult(samples, rate, f"{card.title}, {mood or 'no mood'}, seed {seed}", SOURCE_TYPE, card.title)


def _stable_audio(pipeline: Any, card: MusicCard, prompt: str, seconds: float, seed: int) -> tuple[np.ndarray, int]:
    made = pipeline(
        prompt,
        negative_prompt=card.negative_prompt or None,
        audio_end_in_s=seconds,
        num_inference_steps=card.num_inference_steps,
        guidance_scale=card.guidance_scale,
        generator=_generator(seed),
    )
    return _stereo(made.audios[0]), int(pipeline.vae.config.sampling_rate)


def _ace_step(pipeline: Any, card: MusicCard, prompt: str, seconds: float, seed: int) -> tuple[np.ndarray, int]:
    made = pipeline(
        prompt,
        lyrics=INSTRUMENTAL,
        audio_duration=seconds,
        num_inference_steps=card.num_inference_steps,
        guidance_scale=card.guidance_scale,
        generator=_generator(seed),
    )
    return _stereo(made.audios[0]), int(pipeline.sample_rate)


_CALLS = {"StableAudioPipeline": _stable_audio, "AceStepPipeline": _ace_step}


def _generator(seed: int) -> Any:
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def _stereo(audio: Any) -> np.ndarray:
    """Return a sound as float32 (2, n) in -1..1."""
    samples = np.clip(audio.float().cpu().numpy(), -1, 1)
    return np.asarray(np.repeat(samples, 2, axis=0) if len(samples) == 1 else samples[:2], np.float32)


def _kept(card: MusicCard, tools: SoundTools) -> Any:
    """Return the card's pipeline, which stays loaded until another one is needed."""
    key = (card.model_dump_json(), str(card.home), tools.weights_root, tools.device)
    with _lock:
        if key not in _pipelines:
            _pipelines.clear()
            _pipelines[key] = _opened(card, tools.weights_root, tools.device)
        return _pipelines[key]


_lock = threading.Lock()
_pipelines: dict[tuple[str, str, Path | None, str], Any] = {}


def _opened(card: MusicCard, weights_root: Path | None, device_name: str) -> Any:
    """Load the card's stock pipeline; no code of the folder is run, and no pickle is read."""
    import diffusers

    from models.diffusers.loading import find_device, first_line, hush, precision_of, remove_templates
    from models.diffusers.parts import load_parts

    device = find_device(device_name or find_devices()[0])
    if problem := weights_problem(card, weights_root):
        raise IncompleteWeightsError(problem)
    hush()
    forbid_network()
    folder, precision = weights_path(card, weights_root), precision_of(card, device)
    try:
        pipeline = getattr(diffusers, card.pipeline).from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=precision,
            **load_parts(card, precision, weights_root),
        )
    except Exception as error:
        raise IncompleteWeightsError(
            f"The weights of {card.name} in {folder} cannot be loaded: {first_line(error)}"
        ) from error
    remove_templates(pipeline)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)
