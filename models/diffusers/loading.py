"""Load a card's stock pipeline onto a device."""

import inspect
import traceback
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from manifests.errors import IncompleteWeightsError, InvalidCardError, ModelError, ModelTooLargeError
from models.card import ModelCard, PipelineCard
from models.diffusers.families import family_of
from models.diffusers.loras import prepare_pipeline
from models.diffusers.parts import load_parts
from models.diffusers.placing import Placed
from models.memory import is_out_of_memory
from models.weights import forbid_network, weights_path, weights_problem
from models.weights.pipeline_index import RUN_TEMPLATES
from models.weights.tokenizer.panics import panics_refused


def find_device(name: str) -> torch.device:
    """Return the device with this name.

    Raises:
        ModelError: the name is unknown to torch, or the device does not exist.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"Unknown device {name!r}. Use cpu, cuda or cuda:0.") from error
    number = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= number:
        raise ModelError(f"The device {name} does not exist: torch detects {number} GPUs. Use cpu.")
    return device


def load(card: ModelCard, weights_root: Path | None, device: torch.device) -> Any:
    """Load the card's pipeline with all its components on the device; raises as load_placed does."""
    return load_placed(card, weights_root, device, lambda pipeline: Placed(pipeline, device)).pipeline


def load_placed(
    card: ModelCard,
    weights_root: Path | None,
    device: torch.device,
    place: Callable[[Any], Placed],
    absent: Collection[str] = (),
) -> Placed:
    """Load the card's stock pipeline class with its scheduler and LoRAs into main memory, and place it on a device.

    No other class is loaded, no code from the folder is run, and no pickles are read.

    Args:
        place: puts the pipeline on the device.
        absent: components that are not loaded; the pipeline has None in their place.

    Raises:
        ModelError: the card says that this version cannot run it.
        InvalidCardError: diffusers does not have this class.
        IncompleteWeightsError: files are missing, damaged, or do not match the card.
        ModelTooLargeError: the memory does not suffice.
    """
    if card.unsupported:
        raise ModelError(f"{card.name} cannot run: {card.unsupported}")
    if problem := weights_problem(card, weights_root):
        raise IncompleteWeightsError(problem)
    try:
        placed = place(_pipeline(card, weights_root, precision_of(card, device), absent))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # frames would keep tensors on the device
        raise ModelTooLargeError(
            f"{card.name} cannot be loaded on {device}: {first_line(error)}. Stop other programs that use "
            "device memory or main memory, or use a smaller model."
        ) from error
    if problem := weights_problem(card, weights_root):  # the files were changed while they were loaded
        raise IncompleteWeightsError(problem)
    return placed


def _pipeline(
    card: ModelCard, weights_root: Path | None, precision: dict[str, torch.dtype], absent: Collection[str]
) -> Any:
    pipeline_class = getattr(diffusers, card.pipeline, None)
    if pipeline_class is None or not issubclass(pipeline_class, diffusers.DiffusionPipeline):
        raise InvalidCardError(f"Invalid card {card.name}, field pipeline: diffusers has no class {card.pipeline}.")
    folder = weights_path(card, weights_root)
    hush()
    forbid_network()
    known = inspect.signature(pipeline_class.__init__).parameters
    family = family_of(card.pipeline)
    needed = card.model_copy(update={"parts": {name: part for name, part in card.parts.items() if name not in absent}})
    parts = load_parts(needed, precision, weights_root) | {name: None for name in absent if name in known}
    parts |= dict.fromkeys(family.unused) | dict(family.loading)
    try:
        with panics_refused(f"The weights of {card.name}"):
            pipeline = pipeline_class.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=precision,
                **parts,
            )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        what = first_line(error)
        raise IncompleteWeightsError(f"The weights of {card.name} in {folder} cannot be loaded: {what}") from error
    if card.pipeline not in RUN_TEMPLATES:
        remove_templates(pipeline)
    prepare_pipeline(pipeline, card, weights_root)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def remove_templates(pipeline: Any) -> None:
    """Remove chat templates, which are programs, from tokenizers and processors: nothing here runs them."""
    for part in pipeline.components.values():
        owners: list[Any] = [part, getattr(part, "tokenizer", None)]
        for owner in owners:
            if getattr(owner, "chat_template", None) is not None:
                owner.chat_template = None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class name if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def precision_of(card: PipelineCard, device: torch.device) -> dict[str, torch.dtype]:
    """Return the dtype of each component, ``default`` for the others."""
    if device.type == "cpu":
        return {"default": torch.float32}
    return {"default": torch.bfloat16} | {name: getattr(torch, kind) for name, kind in card.precision.items()}


def hush() -> None:
    """Silence progress bars and advice of the libraries."""
    warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
