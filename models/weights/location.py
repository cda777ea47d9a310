"""Where the weights of a card are, and how to get them."""

from pathlib import Path

from models.card import LocalCard, ModelCard, PipelineCard
from models.card_parts import Lora, Weights

BLOBS = "blobs"
"""Folder of the Hugging Face cache with the files' contents; snapshots contain links to them."""


def weights_path(card: LocalCard, weights_root: Path | None = None) -> Path:
    """Return the folder of a card's weights, whether it exists or not.

    Args:
        weights_root: base folder for relative folders and downloaded snapshots; by default the card's folder and
            the Hugging Face cache.
    """
    return path_of(card.weights, card.home, weights_root)


def lora_path(card: ModelCard, lora: Lora, weights_root: Path | None = None) -> Path:
    """Return the file of one of a card's LoRAs, whether it exists or not."""
    return path_of(lora.weights, card.home, weights_root) / lora.file


def part_path(card: PipelineCard, name: str, weights_root: Path | None = None) -> Path:
    """Return the folder of one of a card's parts, whether it exists or not."""
    return path_of(card.parts[name], card.home, weights_root)


def path_of(weights: Weights, home: Path, weights_root: Path | None) -> Path:
    """Return the folder or snapshot of weights, whether it exists or not."""
    if weights.folder is not None:
        return (weights_root or home) / weights.folder
    repository = f"models--{weights.hub_id}".replace("/", "--")
    return hub_cache(weights_root) / repository / "snapshots" / weights.revision


def blobs_of(weights: Weights, folder: Path) -> Path | None:
    """Return the only folder outside a snapshot that its links may point to; None for weights in a plain folder."""
    return None if weights.hub_id is None else folder.parent.parent / BLOBS


def missing(what: str, card: LocalCard, weights: Weights, path: Path) -> str:
    """Return the sentence for weights of a card that are not there."""
    if weights.folder is not None:
        return f"{what} are missing: the {'file' if path.suffix == '.safetensors' else 'folder'} {path} does not exist."
    return f"{what} ({weights.size_mb / 1000:.1f} GB) are not downloaded. Download them with: {download_command(card)}"


def download_command(card: LocalCard) -> str:
    """Return the shell command that downloads what is missing or damaged of a card's weights."""
    return f"reelmill models pull {card.name}"


def hub_cache(weights_root: Path | None) -> Path:
    """Return the folder with the snapshots of the hub, in the layout of the Hugging Face cache."""
    if weights_root is not None:
        return weights_root
    from huggingface_hub.constants import HF_HUB_CACHE  # the library decides where its cache is

    return Path(HF_HUB_CACHE)
