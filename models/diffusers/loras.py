"""Apply a card's scheduler and LoRAs to a loaded pipeline."""

import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import diffusers

from manifests.errors import IncompleteWeightsError, InvalidCardError
from models.card import ModelCard
from models.card_parts import Lora, Scheduler
from models.weights import lora_path


def prepare_pipeline(pipeline: Any, card: ModelCard, weights_root: Path | None = None) -> None:
    """Set the card's scheduler and load its LoRAs. Call this before anything is compiled, cast or offloaded.

    Raises:
        InvalidCardError: diffusers does not have this scheduler, or the scheduler does not have this option.
        IncompleteWeightsError: a LoRA's file is missing or does not match; names the LoRA and the file.
    """
    if card.scheduler is not None:
        pipeline.scheduler = _scheduler(card.name, card.scheduler, pipeline.scheduler.config)
    for lora in card.loras:
        _load(pipeline, card, lora, lora_path(card, lora, weights_root))
    for component in dict.fromkeys(lora.component for lora in card.loras):
        _scale(pipeline, component, [lora for lora in card.loras if lora.component == component])


def _scheduler(card: str, wanted: Scheduler, config: Any) -> Any:
    """Return a stock scheduler with the folder's configuration for all fields that it shares."""
    kind = getattr(diffusers, wanted.name, None)
    if kind is None or not issubclass(kind, diffusers.SchedulerMixin):
        raise InvalidCardError(f"Invalid card {card}, field scheduler.name: diffusers has no class {wanted.name}.")
    for name in wanted.options.keys() - inspect.signature(kind).parameters.keys():
        raise InvalidCardError(f"Invalid card {card}, field scheduler.options: {wanted.name} has no option {name}.")
    return kind.from_config(config, **wanted.options)


def _load(pipeline: Any, card: ModelCard, lora: Lora, path: Path) -> None:
    if not hasattr(pipeline, "load_lora_weights"):
        raise IncompleteWeightsError(
            f"The LoRA {lora.name} of {card.name} cannot be used: {card.pipeline} does not support LoRAs."
        )
    model = getattr(pipeline, lora.component, None)
    if model is None:
        raise IncompleteWeightsError(
            f"The LoRA {lora.name} of {card.name} is for {lora.component}, but {card.pipeline} has no such component."
        )
    if not path.is_file():
        raise IncompleteWeightsError(f"The LoRA {lora.name} of {card.name} is missing: the file {path} does not exist.")
    second = {"load_into_transformer_2": True} if lora.component == "transformer_2" else {}
    warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # several LoRAs are intended
    try:
        pipeline.load_lora_weights(
            str(path.parent),
            weight_name=path.name,
            adapter_name=_adapter(lora),
            local_files_only=True,
            use_safetensors=True,
            **second,
        )
    except Exception as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise IncompleteWeightsError(
            f"The LoRA {lora.name} of {card.name} in {path} cannot be loaded: {what}"
        ) from error
    if _adapter(lora) not in getattr(model, "peft_config", {}):  # diffusers only logs that no weights matched
        raise IncompleteWeightsError(
            f"The LoRA {lora.name} of {card.name} in {path} has no weights for {lora.component}."
        )


def _scale(pipeline: Any, component: str, loras: Sequence[Lora]) -> None:
    getattr(pipeline, component).set_adapters([_adapter(lora) for lora in loras], [lora.scale for lora in loras])


def _adapter(lora: Lora) -> str:
    """Return the adapter name: torch module names must not contain dots."""
    return lora.name.replace(".", "_")
