"""Check the folder of a diffusers pipeline: its index, and the components that the index names."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from models.card import PipelineCard
from models.weights.config.config_keys import check_keys
from models.weights.folder_check import PIPELINE_INDEX, check_contents, check_run_templates, settings_in
from models.weights.folder_tree import FolderFile
from models.weights.json_file import read_json
from models.weights.refusal import RefusedFileError, shown

INDEX = PIPELINE_INDEX
WEIGHTLESS = re.compile(r"(Scheduler|Tokenizer|TokenizerFast|TokenizersBackend|Processor|FeatureExtractor|Guidance)$")
OPENS_ALSO = {
    "AnimateDiffPipeline": "StableDiffusionPipeline",
    "LTX2ConditionPipeline": "LTX2Pipeline",
    "LTXImageToVideoPipeline": "LTXPipeline",
    "LTX2ImageToVideoPipeline": "LTX2Pipeline",
    "WanImageToVideoPipeline": "WanPipeline",
}
"""Pipeline classes that can also load the folder of another class: those repositories name only one of two classes."""
RUN_TEMPLATES = ("Cosmos3OmniPipeline", "HunyuanVideo15Pipeline", "HunyuanVideo15ImageToVideoPipeline")
"""Pipeline classes that run the chat template of a tokenizer. The templates of others are removed after loading."""
COMPONENT = re.compile(r"[a-z][a-z0-9_]{0,63}")
CLASS = re.compile(r"(?!Auto[A-Z]|Onnx|Flax|TF[A-Z]|FlashPack|Modular)(?!.*Pipeline$)[A-Z]\w{1,127}")
"""Not the classes that load another class, which the folder or the hub names, or another format."""


def check_pipeline(card: PipelineCard, folder: Path, files: list[FolderFile]) -> list[FolderFile]:
    """Check a pipeline's folder, and return the files that diffusers may read.

    Raises:
        RefusedFileError: the first problem, in the order in which to fix them.
    """
    components = components_of(card, read_json(folder / INDEX, INDEX))
    loaded = [file for file in files if file.is_loaded and _is_read(file, components)]
    for name, class_name in components.items():
        _check_component(name, class_name, loaded, folder)
    check_contents(loaded)
    if card.pipeline in RUN_TEMPLATES:
        check_run_templates(loaded)
    return loaded


def components_of(card: PipelineCard, index: dict[str, Any]) -> dict[str, str]:
    """Return the class of each component that is loaded from a pipeline's folder, by name.

    Args:
        index: content of ``model_index.json``.

    Raises:
        RefusedFileError: it is for another pipeline, or names code.
    """
    check_keys({key: value for key, value in settings_in(index).items() if key != "_class_name"}, INDEX)
    if not _opens(card.pipeline, index):
        held = index.get("_class_name")
        raise RefusedFileError(
            f"it contains a {shown(held)}, but the card requires {card.pipeline}"
            + ("; custom pipelines are never run" if not isinstance(held, str) else "")
        )
    return dict(_components(card, index))


def _is_read(file: FolderFile, components: dict[str, str]) -> bool:
    return file.name == INDEX or (file.name.partition("/")[0] in components and "/" in file.name)


def _opens(pipeline: str, index: dict[str, Any]) -> bool:
    held = index.get("_class_name")
    if held == "WanPipeline" and pipeline == "WanImageToVideoPipeline":
        return bool(index.get("expand_timesteps"))  # Wan 2.2 5B supports both; other Wans have separate weights
    return isinstance(held, str) and held in (pipeline, OPENS_ALSO.get(pipeline))


def _components(card: PipelineCard, index: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and class of each component that is loaded from the folder."""
    for name, entry in index.items():
        if isinstance(entry, dict) or (isinstance(entry, list) and len(entry) != 2):
            raise RefusedFileError(f"{INDEX} describes {shown(name)} in an unknown way; download it again")
        if not isinstance(entry, list) or entry[1] is None or name in card.parts:
            continue
        library, class_name = entry
        if not COMPONENT.fullmatch(name):
            raise RefusedFileError(
                f"{INDEX} names a component {shown(name)}, which is not a folder's name; download it again"
            )
        if not isinstance(library, str) or not _is_stock(library):
            raise RefusedFileError(
                f"its component {name} comes from {shown(library)}, which is neither diffusers nor transformers; "
                "use a model that needs no other code"
            )
        if not isinstance(class_name, str) or not CLASS.fullmatch(class_name):
            raise RefusedFileError(
                f"its component {name} is of the class {shown(class_name)}, which is not a model class"
            )
        yield name, class_name


def _is_stock(library: str) -> bool:
    """Return whether it is one of the two libraries or a pipeline folder of diffusers; nothing else is imported."""
    if library in ("diffusers", "transformers"):
        return True
    diffusers = find_spec("diffusers")
    places = diffusers.submodule_search_locations if diffusers else None
    return library.isidentifier() and any((Path(place) / "pipelines" / library).is_dir() for place in places or ())


def _check_component(name: str, class_name: str, loaded: list[FolderFile], folder: Path) -> None:
    if not (folder / name).is_dir():
        raise RefusedFileError(f"its component {name} is missing; download it")
    names = {file.name for file in loaded}
    if any(each.endswith(f"/{INDEX}") for each in names if each.startswith(f"{name}/")):
        raise RefusedFileError(
            f"its component {name} contains another pipeline, which is never loaded; remove {name}/{INDEX}"
        )
    if WEIGHTLESS.search(class_name):
        return
    if f"{name}/config.json" not in names:
        raise RefusedFileError(f"{name}/config.json is missing or damaged; download it")
    if not any(file.where == name and file.path.suffix == ".safetensors" for file in loaded):
        raise RefusedFileError(f"{name} contains no safetensors file; download it")
