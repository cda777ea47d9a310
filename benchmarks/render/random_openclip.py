"""An OpenCLIP model with random weights in open_clip's own shapes. Its speed does not depend on the weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
from safetensors.torch import save_file

from models.card import ScorerCard
from models.openclip.scorer import OpenClipScorer
from models.weights import weights_of

MODEL = "ViT-B-32"


def save_openclip(folder: Path, shapes: Mapping[str, Any] | None = None) -> None:
    """Write a model folder that models/ can load: a ViT-B-32, or the open_clip configuration ``shapes``."""
    folder.mkdir()
    shapes = shapes or open_clip.get_model_config(MODEL)
    preprocess = {
        "mean": open_clip.OPENAI_DATASET_MEAN,
        "std": open_clip.OPENAI_DATASET_STD,
        "size": shapes["vision_cfg"]["image_size"],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": shapes, "preprocess_cfg": preprocess}))
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")


def card(folder: Path, name: str = "random-vit-b-32") -> ScorerCard:
    """Return a card for the folder."""
    return ScorerCard.model_validate(
        {
            "name": name,
            "kind": "openclip",
            "title": "random",
            "description": "random",
            "weights": weights_of(folder).model_dump(mode="json"),
            "licence": {"name": "MIT"},
        }
    )


def random_scorer(folder: Path) -> OpenClipScorer:
    """Create ``folder`` with a ViT-B-32 and return its scorer."""
    save_openclip(folder)
    return OpenClipScorer(card(folder))
