"""Load components that a card takes from a separate folder or repository."""

from pathlib import Path
from typing import Any

import diffusers
import torch

from manifests.errors import IncompleteWeightsError
from models.card import PipelineCard
from models.weights import part_path
from models.weights.json_file import read_json


def load_parts(
    card: PipelineCard, precision: dict[str, torch.dtype], weights_root: Path | None = None
) -> dict[str, Any]:
    """Return the card's parts by component name, to pass to ``from_pretrained`` of its pipeline.

    Only stock models of diffusers are loaded, from safetensors: no code is run and no pickles are read.

    Args:
        precision: dtype by component, ``default`` for the others.

    Raises:
        IncompleteWeightsError: a part cannot be loaded; the message names its folder.
    """
    return {name: _load(card, name, name, precision, weights_root) for name in card.parts}


def _load(
    card: PipelineCard, name: str, component: str, precision: dict[str, torch.dtype], weights_root: Path | None
) -> Any:
    folder, dtype = part_path(card, name, weights_root), precision.get(component, precision["default"])
    try:
        kind = getattr(diffusers, read_json(folder / "config.json", "config.json")["_class_name"])
        if not issubclass(kind, diffusers.ModelMixin):
            raise TypeError(f"{kind.__name__} is not a model class of diffusers")
        return kind.from_pretrained(str(folder), local_files_only=True, use_safetensors=True, dtype=dtype)
    except Exception as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise IncompleteWeightsError(f"The part {name} of {card.name} in {folder} cannot be loaded: {what}") from error
