"""Which files of a repository on the hub are downloaded: those that the loaders read, and no others."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from models.card import LocalCard, ModelCard, PipelineCard, ScorerCard
from models.card_parts import Weights
from models.weights.config.open_clip_config import chosen_weights
from models.weights.folder_tree import LOADED, LOADED_TEXTS
from models.weights.json_file import parse_json
from models.weights.pipeline_index import INDEX, WEIGHTLESS, components_of
from models.weights.refusal import RefusedFileError, shown

OTHER_PRECISION = re.compile(r"\.(fp16|bf16)([.-]|$)")
"""In the name of a copy of the weights in another precision; the loaders read the copy without such a name."""


Kind = Literal["pipeline", "scorer", "part", "lora"]
"""What is downloaded: a pipeline, a scorer, a folder with a single model, or a LoRA."""


@dataclass(frozen=True, slots=True)
class HubWeights:
    """Weights of a card that come from the hub.

    Attributes:
        what: beginning of a sentence about them.
        file: the only file of a LoRA; empty for the others.
    """

    what: str
    card: LocalCard
    weights: Weights
    kind: Kind
    file: str = ""

    def wanted(self, names: Iterable[str], read_index: Callable[[], bytes]) -> list[str]:
        """Return the names of the files to download, sorted.

        Args:
            names: all files of the repository, with slashes.
            read_index: returns the content of ``model_index.json``; only called for pipelines.

        Raises:
            RefusedFileError: the repository cannot be loaded, so nothing of it should be downloaded; the message is
                the end of a sentence.
        """
        there = sorted(names)
        if self.kind == "lora":
            return _lora_file(self.file, there)
        loaded = [name for name in there if _is_loaded(name)]
        if self.kind == "pipeline":
            return self._of_pipeline(loaded, read_index)
        inside = [name for name in loaded if "/" not in name]
        safe = [name for name in inside if name.endswith(".safetensors")]
        if self.kind == "scorer":
            chosen = chosen_weights(inside)
            return [name for name in inside if name == chosen or name not in safe]
        if not safe:
            raise RefusedFileError("it contains no safetensors file; use a repository that has them")
        return inside

    def _of_pipeline(self, loaded: list[str], read_index: Callable[[], bytes]) -> list[str]:
        assert isinstance(self.card, PipelineCard)
        if INDEX not in loaded:
            raise RefusedFileError(f"it contains no {INDEX}; use a repository in the layout of diffusers")
        components = components_of(self.card, parse_json(read_index(), INDEX))
        chosen = [name for name in loaded if name == INDEX or _is_of_component(name, components)]
        with_weights = {name.partition("/")[0] for name in chosen if name.endswith(".safetensors")}
        for name, class_name in components.items():
            if not WEIGHTLESS.search(class_name) and name not in with_weights:
                raise RefusedFileError(f"{name} contains no safetensors file; use a repository that has them")
        return chosen


def hub_weights_of(card: LocalCard) -> list[HubWeights]:
    """Return everything that a card names on the hub: its weights, its parts and its LoRAs."""
    found = [HubWeights(f"The weights of {card.name}", card, card.weights, _kind(card))]
    if isinstance(card, PipelineCard):
        for name, part in card.parts.items():
            found.append(HubWeights(f"The weights of {card.name}'s part {name}", card, part, "part"))
    if isinstance(card, ModelCard):
        for lora in card.all_loras:
            what = f"The weights of {card.name}'s LoRA {lora.name}"
            found.append(HubWeights(what, card, lora.weights, "lora", lora.file))
    return [each for each in found if each.weights.hub_id is not None]


def _kind(card: LocalCard) -> Kind:
    if isinstance(card, PipelineCard):
        return "pipeline"
    return "scorer" if isinstance(card, ScorerCard) else "part"


def _lora_file(file: str, names: list[str]) -> list[str]:
    if file not in names:
        raise RefusedFileError(f"it contains no {shown(file)}; correct the field file of the card")
    return [file]


def _is_of_component(name: str, components: Iterable[str]) -> bool:
    """Return whether it is a file of a component's folder; weights in folders below that are other models."""
    folder, _, rest = name.partition("/")
    return folder in components and bool(rest) and not ("/" in rest and rest.endswith(".safetensors"))


def _is_loaded(name: str) -> bool:
    """Return whether a library may read a file by its kind, as ``FolderFile.is_loaded`` does."""
    path = PurePosixPath(name)
    is_kind = path.suffix in LOADED or path.name in LOADED_TEXTS
    return is_kind and not OTHER_PRECISION.search(path.name)
