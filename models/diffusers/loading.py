"""Load a card's stock pipeline onto a device."""

import warnings
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from manifests.errors import IncompleteWeightsError, InvalidCardError, ModelError
from models.card import ModelCard
from models.diffusers.families import family_of
from models.diffusers.loras import prepare_pipeline
from models.diffusers.parts import load_parts
from models.weights import forbid_network, weights_path, weights_problem
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
    """Load the card's stock pipeline class with its scheduler and LoRAs onto the device.

    No other class is loaded, no code from the folder is run, and no pickles are read.

    Raises:
        ModelError: the card says that this version cannot run it.
        InvalidCardError: diffusers does not have this class.
        IncompleteWeightsError: files are missing, damaged, or do not match the card.
    """
    if card.unsupported:
        raise ModelError(f"{card.name} cannot run: {card.unsupported}")
    if problem := weights_problem(card, weights_root):
        raise IncompleteWeightsError(problem)
    pipeline_class = getattr(diffusers, card.pipeline, None)
    if pipeline_class is None or not issubclass(pipeline_class, diffusers.DiffusionPipeline):
        raise InvalidCardError(f"Invalid card {card.name}, field pipeline: diffusers has no class {card.pipeline}.")
    folder = weights_path(card, weights_root)
    _hush()
    forbid_network()
    precision = _precision(card, device)
    family = family_of(card.pipeline)
    parts = load_parts(card, precision, weights_root) | dict.fromkeys(family.unused) | dict(family.loading)
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
        what = first_line(error)
        raise IncompleteWeightsError(f"The weights of {card.name} in {folder} cannot be loaded: {what}") from error
    prepare_pipeline(pipeline, card, weights_root)
    pipeline.set_progress_bar_config(disable=True)
    pipeline = pipeline.to(device)
    _copy_mapped(pipeline)
    if problem := weights_problem(card, weights_root):  # the files were changed while they were loaded
        raise IncompleteWeightsError(problem)
    return pipeline


def _copy_mapped(pipeline: Any) -> None:
    """Copy the tensors in main memory, which are views of the mapped files: a later change of a file would change them.

    Tensors on another device were copied to it. One tensor is copied at a time, and tensors that share memory once.
    """
    models = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    copies: dict[tuple[Any, ...], torch.Tensor] = {}
    for model in models:
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.device.type == "cpu":
                place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
                copies.setdefault(place, tensor.data.clone())
                tensor.data = copies[place]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class name if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _precision(card: ModelCard, device: torch.device) -> dict[str, torch.dtype]:
    if device.type == "cpu":
        return {"default": torch.float32}
    return {"default": torch.bfloat16} | {name: getattr(torch, kind) for name, kind in card.precision.items()}


def _hush() -> None:
    """Silence progress bars and advice of the libraries."""
    warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
