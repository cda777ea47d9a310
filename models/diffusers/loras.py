"""What a card changes on a pipeline that was loaded: its scheduler and its LoRAs."""

import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import diffusers

from manifests.errors import IncompleteWeightsError, InvalidCardError
from models.card import Lora, ModelCard, Scheduler
from models.weights import lora_path


def prepare_pipeline(pipeline: Any, card: ModelCard, weights_root: Path | None = None) -> None:
    """Give a pipeline the card's scheduler and LoRAs; call it before anything is compiled, cast or offloaded.

    Raises:
        InvalidCardError: diffusers has no such scheduler, or it has no such option.
        IncompleteWeightsError: a LoRA's file is missing or does not fit; names both.
    """
    if card.scheduler is not None:
        pipeline.scheduler = _scheduler(card.name, card.scheduler, pipeline.scheduler.config)
    for lora in card.loras:
        _load(pipeline, card, lora, lora_path(card, lora, weights_root))
    for component in dict.fromkeys(lora.component for lora in card.loras):
        _scale(pipeline, component, [lora for lora in card.loras if lora.component == component])


def _scheduler(card: str, wanted: Scheduler, config: Any) -> Any:
    """A stock scheduler with the folder's configuration, as far as it has the same fields."""
    kind = getattr(diffusers, wanted.name, None)
    if kind is None or not issubclass(kind, diffusers.SchedulerMixin):
        raise InvalidCardError(f"The card {card} is wrong at scheduler.name: diffusers has no {wanted.name}.")
    for name in wanted.options.keys() - inspect.signature(kind).parameters.keys():
        raise InvalidCardError(f"The card {card} is wrong at scheduler.options: {wanted.name} has no {name}.")
    return kind.from_config(config, **wanted.options)


def _load(pipeline: Any, card: ModelCard, lora: Lora, path: Path) -> None:
    if not hasattr(pipeline, "load_lora_weights"):
        raise IncompleteWeightsError(
            f"The LoRA {lora.name} of {card.name} cannot be used: {card.pipeline} takes no LoRAs."
        )
    model = getattr(pipeline, lora.component, None)
    if model is None:
        raise IncompleteWeightsError(f"The LoRA {lora.name} of {card.name} is for {lora.component}, which it has not.")
    if not path.is_file():
        raise IncompleteWeightsError(f"The LoRA {lora.name} of {card.name} is missing: there is no file {path}.")
    second = {"load_into_transformer_2": True} if lora.component == "transformer_2" else {}
    warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # several LoRAs are meant
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
    if _adapter(lora) not in getattr(model, "peft_config", {}):  # diffusers only logs that nothing fitted
        raise IncompleteWeightsError(f"The LoRA {lora.name} of {card.name} in {path} has nothing for {lora.component}.")


def _scale(pipeline: Any, component: str, loras: Sequence[Lora]) -> None:
    getattr(pipeline, component).set_adapters([_adapter(lora) for lora in loras], [lora.scale for lora in loras])


def _adapter(lora: Lora) -> str:
    """The name inside of torch's modules, which take no dots."""
    return lora.name.replace(".", "_")
