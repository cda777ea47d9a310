"""Apply a speed profile to a loaded pipeline."""

import inspect
from typing import Any

import diffusers
import torch

from manifests.errors import InvalidCardError
from models.card import ModelCard
from models.diffusers.loading import first_line
from models.speed import Speed, StepCache

DENOISERS = ("transformer", "transformer_2", "unet")
"""Components that run in every step; all are diffusers models."""


def denoisers(pipeline: Any) -> list[Any]:
    """Return the pipeline's components that run in every step."""
    found = (getattr(pipeline, name, None) for name in DENOISERS)
    return [component for component in found if component is not None]


def tune(pipeline: Any, card: ModelCard, speed: Speed) -> None:
    """Apply the settings that stay while the pipeline is loaded: attention, storage and compilation.

    Raises:
        InvalidCardError: the pipeline does not support a setting, including those that diffusers would ignore.
    """
    for component in denoisers(pipeline):
        try:
            _tune(component, speed)
        except (ValueError, RuntimeError, ImportError, AttributeError) as error:
            name = type(component).__name__
            raise InvalidCardError(f"Invalid card {card.name}, field profiles: {name}: {first_line(error)}") from error


def _tune(component: Any, speed: Speed) -> None:
    if speed.attention:
        _set_attention(component, speed.attention)
    if speed.storage:
        component.enable_layerwise_casting(
            storage_dtype=getattr(torch, speed.storage), compute_dtype=next(component.parameters()).dtype
        )
    if speed.compile:
        component.compile_repeated_blocks(fullgraph=True)


def _set_attention(component: Any, backend: str) -> None:
    """Set the backend and check that it took effect: CogVideoX, Mochi and UNets ignore it silently."""
    if backend.endswith("_hub"):
        raise ValueError(f"the attention backend {backend} downloads code at run time")
    component.set_attention_backend(backend)
    processors = getattr(component, "attn_processors", {}).values()
    if not any(getattr(processor, "_attention_backend", None) is not None for processor in processors):
        raise ValueError(f"the attention backend {backend} has no effect on this model")


def set_step_cache(pipeline: Any, card: ModelCard, cache: StepCache | None, num_inference_steps: int) -> None:
    """Enable a step cache, or disable it if ``cache`` is None.

    Raises:
        InvalidCardError: the denoiser does not support this kind of cache.
    """
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
