"""Apply a speed profile to a loaded pipeline."""

import inspect
from typing import Any

import diffusers
import torch
from diffusers.models.attention_dispatch import _AttentionBackendRegistry

from manifests.errors import InvalidCardError
from models.card import ModelCard
from models.diffusers.families import family_of
from models.diffusers.loading import first_line
from models.speed import Speed, StepCache

DENOISERS = ("transformer", "transformer_2", "unet")
"""Components that run in every step; all are diffusers models."""


def denoisers(pipeline: Any) -> list[Any]:
    """Return the pipeline's components that run in every step."""
    found = (getattr(pipeline, name, None) for name in DENOISERS)
    return [component for component in found if component is not None]


def tune(pipeline: Any, card: ModelCard, speed: Speed, device: torch.device) -> None:
    """Apply the settings that stay while the pipeline is loaded: attention, storage, compilation, memory format.

    Raises:
        InvalidCardError: the pipeline does not support a setting, including those that diffusers would ignore.
    """
    vae = getattr(pipeline, "vae", None)
    if speed.channels_last_vae and device.type == "cuda" and vae is not None:
        store_channels_last(vae)
    for component in denoisers(pipeline):
        try:
            _tune(component, speed, architecture_of(device))
        except (ValueError, RuntimeError, ImportError, AttributeError) as error:
            name = type(component).__name__
            raise InvalidCardError(f"Invalid card {card.name}, field profiles: {name}: {first_line(error)}") from error


def architecture_of(device: torch.device) -> str:
    """Return the CUDA compute capability of a device, such as ``9.0``; empty for another device."""
    if device.type != "cuda":
        return ""
    major, minor = torch.cuda.get_device_capability(device)
    return f"{major}.{minor}"


def store_channels_last(model: torch.nn.Module) -> None:
    """Store the weights of convolutions with the channels last; their outputs then have this format, too.

    ``Module.to(memory_format=…)`` cannot do this for a model that has both 2D and 3D convolutions.
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for weight in model.parameters():
        if wanted := formats.get(weight.dim()):
            weight.data = weight.data.contiguous(memory_format=wanted)


def _tune(component: Any, speed: Speed, architecture: str) -> None:
    if backend := speed.attention_on(architecture):
        _set_attention(component, backend)
    if speed.storage:
        # The dtype of the first parameter may be that of the few in float32.
        component.enable_layerwise_casting(storage_dtype=getattr(torch, speed.storage), compute_dtype=component.dtype)
    if speed.compile:
        # A step cache decides in Python which blocks run, so a block with a cache is not one graph.
        component.compile_repeated_blocks(fullgraph=speed.step_cache is None)


def _set_attention(component: Any, backend: str) -> None:
    """Set the backend and check that it took effect: CogVideoX, Mochi and UNets ignore it silently.

    diffusers also makes it the default of the whole process, which would change the clips of other pipelines.
    """
    if backend.endswith("_hub"):
        raise ValueError(f"the attention backend {backend} downloads code at run time")
    default, _ = _AttentionBackendRegistry.get_active_backend()
    try:
        component.set_attention_backend(backend)
    finally:
        _AttentionBackendRegistry.set_active_backend(default)
    processors = getattr(component, "attn_processors", {}).values()
    if not any(getattr(processor, "_attention_backend", None) is not None for processor in processors):
        raise ValueError(f"the attention backend {backend} has no effect on this model")


def set_step_cache(pipeline: Any, card: ModelCard, cache: StepCache | None, num_inference_steps: int) -> None:
    """Enable a step cache, or disable it if ``cache`` is None.

    Raises:
        InvalidCardError: the denoiser does not support this kind of cache, or would ignore it.
    """
    if cache and cache.kind == "SeaCache" and not family_of(card.pipeline).gives_caches_the_step:
        raise InvalidCardError(
            f"Invalid card {card.name}, field step_cache: SeaCache has no effect with {card.pipeline}, which does not "
            "pass the step to caches. Use FirstBlockCache."
        )
    for component in denoisers(pipeline):
        if getattr(component, "is_cache_enabled", False):
            component.disable_cache()
        if cache is None:
            continue
        try:
            component.enable_cache(_configuration(pipeline, cache, num_inference_steps))
        except (ValueError, TypeError, AttributeError) as error:
            name = type(component).__name__
            raise InvalidCardError(
                f"Invalid card {card.name}, field step_cache: {name} with {cache.kind}: {first_line(error)}"
            ) from error


def _configuration(pipeline: Any, cache: StepCache, num_inference_steps: int) -> Any:
    """Build diffusers' configuration: lists become tuples, and two arguments are taken from the call."""
    config_class = getattr(diffusers, f"{cache.kind}Config")
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in cache.options.items()
    }
    takes = inspect.signature(config_class).parameters
    if "num_inference_steps" in takes:
        options["num_inference_steps"] = num_inference_steps
    if "current_timestep_callback" in takes:
        options["current_timestep_callback"] = lambda: pipeline.current_timestep
    return config_class(**options)
