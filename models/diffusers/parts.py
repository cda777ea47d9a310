"""Components that a card takes from a folder or repository of their own."""

import json
from pathlib import Path
from typing import Any

import diffusers
import torch

from manifests.errors import IncompleteWeightsError
from models.card import ModelCard
from models.weights import part_path


def load_parts(card: ModelCard, precision: dict[str, torch.dtype], weights_root: Path | None = None) -> dict[str, Any]:
    """Return the card's parts by component name, for ``from_pretrained`` of its pipeline.

    Stock models of diffusers from safetensors: no other class, no code, no pickles.

    Args:
        precision: dtype by component, ``default`` for the others.

    Raises:
        IncompleteWeightsError: a part cannot be loaded; names its folder.
    """
    return {
        name: _load(card, name, part_path(card, name, weights_root), precision.get(name, precision["default"]))
        for name in card.parts
    }


def _load(card: ModelCard, name: str, folder: Path, dtype: torch.dtype) -> Any:
    try:
        kind = getattr(diffusers, json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"])
        if not issubclass(kind, diffusers.ModelMixin):
            raise TypeError(f"{kind.__name__} is no model of diffusers")
        return kind.from_pretrained(str(folder), local_files_only=True, use_safetensors=True, dtype=dtype)
    except Exception as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise IncompleteWeightsError(f"The part {name} of {card.name} in {folder} cannot be loaded: {what}") from error
