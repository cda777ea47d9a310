"""From a card to a stock pipeline on a device."""

import warnings
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from manifests.errors import IncompleteWeightsError, InvalidCardError, ModelError
from models.card import ModelCard
from models.diffusers.loras import prepare_pipeline
from models.diffusers.parts import load_parts
from models.weights import weights_path, weights_problem


def find_device(name: str) -> torch.device:
    """Return a device by its name.

    Raises:
        ModelError: torch knows no such device, or it is not there.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"There is no device {name!r}; use cpu, cuda or cuda:0.") from error
    number = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= number:
        raise ModelError(f"The device {name} is not there: torch sees {number} GPUs; use cpu.")
    return device


def load(card: ModelCard, weights_root: Path | None, device: torch.device) -> Any:
    """Load the stock class that the card names: no other class, no code from the folder, no pickles.

    The pipeline has the card's scheduler and LoRAs, and lies on the device.

    Raises:
        InvalidCardError: diffusers has no such class.
        IncompleteWeightsError: files are missing or damaged, or are not what the card says.
    """
    if problem := weights_problem(card, weights_root):
        raise IncompleteWeightsError(problem)
    pipeline_class = getattr(diffusers, card.pipeline, None)
    if pipeline_class is None or not issubclass(pipeline_class, diffusers.DiffusionPipeline):
        raise InvalidCardError(f"The card {card.name} is wrong at pipeline: diffusers has no {card.pipeline}.")
    folder = weights_path(card, weights_root)
    _hush()
    precision = _precision(card, device)
    parts = load_parts(card, precision, weights_root)
    try:
        pipeline = pipeline_class.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, dtype=precision, **parts
        )
    except Exception as error:
        what = first_line(error)
        raise IncompleteWeightsError(f"The weights of {card.name} in {folder} cannot be loaded: {what}") from error
    prepare_pipeline(pipeline, card, weights_root)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def first_line(error: BaseException) -> str:
    """Return what an error says first; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _precision(card: ModelCard, device: torch.device) -> dict[str, torch.dtype]:
    if device.type == "cpu":
        return {"default": torch.float32}
    return {"default": torch.bfloat16} | {name: getattr(torch, kind) for name, kind in card.precision.items()}


def _hush() -> None:
    """Keep progress bars and advice of the libraries out of the program's own output."""
    warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
