"""Locate the weights of a card and check that they are complete and safe to load."""

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from models.card import Card, Lora, ModelCard, ScorerCard, Weights

WEIGHTLESS = re.compile(r"(Scheduler|Tokenizer|TokenizerFast|TokenizersBackend|Processor|FeatureExtractor|Guidance)$")
OPENS_ALSO = {
    "AnimateDiffPipeline": "StableDiffusionPipeline",
    "LTXImageToVideoPipeline": "LTXPipeline",
    "LTX2ImageToVideoPipeline": "LTX2Pipeline",
    "WanImageToVideoPipeline": "WanPipeline",
}
"""Pipeline classes that can also load the folder of another class: those repositories name only one of two classes."""
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
HEADER_LIMIT = 100_000_000
"""Maximum header length of the safetensors format, in bytes."""


def weights_path(card: Card, weights_root: Path | None = None) -> Path:
    """Return the folder of a card's weights, whether it exists or not.

    Args:
        weights_root: base folder for relative folders and downloaded snapshots; by default the card's folder and
            the Hugging Face cache.
    """
    return _place(card.weights, card.home, weights_root)


def lora_path(card: ModelCard, lora: Lora, weights_root: Path | None = None) -> Path:
    """Return the file of one of a card's LoRAs, whether it exists or not."""
    return _place(lora.weights, card.home, weights_root) / lora.file


def part_path(card: ModelCard, name: str, weights_root: Path | None = None) -> Path:
    """Return the folder of one of a card's parts, whether it exists or not."""
    return _place(card.parts[name], card.home, weights_root)


def weights_problem(card: Card, weights_root: Path | None = None) -> str | None:
    """Return None if the weights can be loaded, else one sentence with the problem and how to fix it.

    Only headers are read, so that the check takes milliseconds for any size.
    """
    folder = weights_path(card, weights_root)
    if not folder.is_dir():
        return _missing(f"The weights of {card.name}", card.weights, folder, _wanted_files(card), weights_root)
    problem = next(_problems(card, folder), None)
    if problem:
        return f"The weights of {card.name} in {folder} cannot be used: {problem}."
    if not isinstance(card, ModelCard):
        return None
    return next(_part_problems(card, weights_root), None) or next(_lora_problems(card, weights_root), None)


def _place(weights: Weights, home: Path, weights_root: Path | None) -> Path:
    if weights.folder is not None:
        return (weights_root or home) / weights.folder
    repository = f"models--{weights.hub_id}".replace("/", "--")
    return _cache(weights_root) / repository / "snapshots" / weights.revision


def _cache(weights_root: Path | None) -> Path:
    if weights_root is not None:
        return weights_root
    from huggingface_hub.constants import HF_HUB_CACHE  # the library decides where its cache is

    return Path(HF_HUB_CACHE)


def _wanted_files(card: Card) -> str:
    """Return options for ``hf download`` that exclude pickles and copies of the weights in another precision."""
    if not isinstance(card, ModelCard):
        return '--exclude "*.bin"'
    return '--include "model_index.json" --include "*/*" --exclude "*.bin" --exclude "*.fp16*" --exclude "*.bf16*"'


def _missing(what: str, weights: Weights, path: Path, files: str, weights_root: Path | None) -> str:
    if weights.folder is not None:
        return f"{what} are missing: the {'file' if path.suffix == '.safetensors' else 'folder'} {path} does not exist."
    place = f" --cache-dir {weights_root}" if weights_root else ""
    return (
        f"{what} ({weights.size_mb / 1000:.1f} GB) are not downloaded. Download them with: "
        f"hf download {weights.hub_id} --revision {weights.revision} {files}{place}"
    )


def _part_problems(card: ModelCard, weights_root: Path | None) -> Iterator[str]:
    files = '--include "*.json" --include "*.safetensors" --exclude "*.fp16*"'
    for name, part in card.parts.items():
        folder, what = part_path(card, name, weights_root), f"The weights of {card.name}'s part {name}"
        if not folder.is_dir():
            yield _missing(what, part, folder, files, weights_root)
            continue
        if not _read_json(folder / "config.json"):
            yield f"{what} in {folder} cannot be used: config.json is missing or damaged."
        yield from (f"{what} in {folder} cannot be used: {problem}." for problem in _tensor_problems(folder, folder))


def _lora_problems(card: ModelCard, weights_root: Path | None) -> Iterator[str]:
    for lora in card.loras:
        path, what = lora_path(card, lora, weights_root), f"The weights of {card.name}'s LoRA {lora.name}"
        if not path.is_file():
            yield _missing(what, lora.weights, path, f'"{lora.file}"', weights_root)
        elif damage := _damage(path):
            yield f"{what} in {path} cannot be used: the file {damage}."


def _problems(card: Card, folder: Path) -> Iterator[str]:
    """Yield the problems in the order in which to fix them."""
    yield from (
        f"it contains code ({path.relative_to(folder)}), which is never run; remove the file"
        for path in sorted(folder.rglob("*.py"))
    )
    if isinstance(card, ModelCard):
        yield from _pipeline_problems(card, folder)
    elif isinstance(card, ScorerCard):
        if not _read_json(folder / "open_clip_config.json"):
            yield "open_clip_config.json is missing or damaged"
        yield from _tensor_problems(folder, folder)


def _pipeline_problems(card: ModelCard, folder: Path) -> Iterator[str]:
    index = _read_json(folder / "model_index.json")
    if not index:
        yield "model_index.json is missing or damaged"
        return
    if not _opens(card.pipeline, index):
        yield f"it contains a {index.get('_class_name')}, but the card requires {card.pipeline}"
    for name, entry in index.items():
        if isinstance(entry, list) and entry[1:] != [None] and name not in card.parts:
            if not _is_stock(str(entry[0])):
                yield f"its component {name} comes from {entry[0]}, which is neither diffusers nor transformers"
            yield from _component_problems(folder, name, str(entry[-1]))


def _opens(pipeline: str, index: dict[str, Any]) -> bool:
    held = index.get("_class_name")
    if held == "WanPipeline" and pipeline == "WanImageToVideoPipeline":
        return bool(index.get("expand_timesteps"))  # Wan 2.2 5B supports both; other Wans have separate weights
    return held in (pipeline, OPENS_ALSO.get(pipeline))


def _is_stock(library: str) -> bool:
    """Return whether it is one of the two libraries or a pipeline folder of diffusers; nothing else is imported."""
    if library in ("diffusers", "transformers"):
        return True
    diffusers = find_spec("diffusers")
    places = diffusers.submodule_search_locations if diffusers else None
    return library.isidentifier() and any((Path(place) / "pipelines" / library).is_dir() for place in places or ())


def _component_problems(folder: Path, name: str, class_name: str) -> Iterator[str]:
    component = folder / name
    if not component.is_dir():
        yield f"its component {name} is missing"
    elif not WEIGHTLESS.search(class_name):
        if not _read_json(component / "config.json"):
            yield f"{name}/config.json is missing or damaged"
        yield from _tensor_problems(component, folder)


def _tensor_problems(component: Path, folder: Path) -> Iterator[str]:
    files = sorted(component.glob("*.safetensors"))
    place = component.relative_to(folder).as_posix()
    pickled = sorted(path.name for pattern in PICKLED for path in component.glob(pattern))
    if not files and pickled:
        yield f"{place} contains only pickled weights ({pickled[0]}), which can run code; convert them to safetensors"
    elif not files:
        yield f"{place} contains no safetensors file"
    yield from (f"{path.relative_to(folder)} is missing" for path in _shards(component) if not path.exists())
    yield from (f"{path.relative_to(folder)} {damage}" for path in files if (damage := _damage(path)))


def _shards(component: Path) -> list[Path]:
    """Return the files that the index of a sharded checkpoint lists."""
    names: set[str] = set()
    for index in component.glob("*.safetensors.index.json"):
        names.update((_read_json(index) or {}).get("weight_map", {}).values())
    return [component / name for name in sorted(names)]


def _damage(path: Path) -> str | None:
    """Compare a safetensors file's size with the size given in its header; return the damage, if any.

    Layout: eight bytes (header length, little endian), the header as JSON, the tensors.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length < min(size, HEADER_LIMIT) else b""
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    except (ValueError, TypeError, KeyError, AttributeError):
        return "is not a safetensors file (a git-lfs pointer, or truncated); download it again"
    if size != 8 + length + end:
        return f"is truncated ({size:,} of {8 + length + end:,} bytes); download it again"
    return None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
