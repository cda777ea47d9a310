"""The rules for every folder that a library of models reads: generators, parts, scorers, and models of later kinds.

A folder of one model is checked by ``check_model``. A new kind with another layout needs a function like those in
``pipeline_index`` and ``open_clip_config``, which names the files that its library reads, and passes them to
``check_contents``.
"""

from collections.abc import Iterable
from typing import Any

from models.weights.config.config_keys import check_keys
from models.weights.config.config_numbers import check_numbers
from models.weights.file_digest import state_of
from models.weights.folder_tree import LOADED_TEXTS, FolderFile
from models.weights.json_file import MB, read_bytes, read_json
from models.weights.refusal import RefusedFileError, shown
from models.weights.safetensors_header import read_header
from models.weights.tokenizer.chat_template import check_template, check_templates
from models.weights.tokenizer.sentence_pieces import check_sentence_pieces
from models.weights.tokenizer.tokenizer_check import check_tokenizer

VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json")
"""Their keys are words, not settings."""
PIPELINE_INDEX = "model_index.json"
SIZED = ("config.json", "scheduler_config.json")
MAX_VOCABULARY = 64 * MB
REFUSED_NAMES = {
    "adapter_config.json": "makes transformers load another model; merge the adapter, or name it as a LoRA in the card",
    "adapter_model.safetensors": "belongs to an adapter; merge the adapter, or name it as a LoRA in the card",
}


def check_model(files: list[FolderFile]) -> list[FolderFile]:
    """Check the folder of a single model of diffusers or transformers, and return the files that they may read.

    Raises:
        RefusedFileError: the first problem.
    """
    loaded = [file for file in files if file.is_loaded]
    names = [file.name for file in loaded]
    if "config.json" not in names:
        raise RefusedFileError("config.json is missing or damaged; download it")
    if not any(name.endswith(".safetensors") and "/" not in name for name in names):
        raise RefusedFileError("it contains no safetensors file; download it")
    check_contents(loaded)
    return loaded


def check_contents(files: Iterable[FolderFile]) -> None:
    """Check the contents of all files that a library may read: configurations, templates and headers of weights.

    Nothing is imported and no tensor is read.

    Raises:
        RefusedFileError: names the file, what is wrong with it, and how to fix it.
    """
    for file in files:
        if why := REFUSED_NAMES.get(file.path.name):
            raise RefusedFileError(f"{shown(file.name)} {why}")
        state = f"{file.path} {state_of(file.path)}"
        if state not in _checked or "index" in file.path.name:  # an index depends on other files
            _check(file)
            _checked.add(state)


def check_run_templates(files: Iterable[FolderFile]) -> None:
    """Check the chat templates of a folder whose pipeline runs them; ``check_contents`` has checked them as others.

    Raises:
        RefusedFileError: names the file and the part of the template that is not allowed.
    """
    for file in files:
        if file.path.suffix == ".jinja":
            check_template(read_bytes(file.path, file.name, MB).decode(errors="replace"), file.name, is_run=True)
        elif file.path.suffix == ".json" and file.path.name not in VOCABULARIES:
            check_templates(read_json(file.path, file.name), file.name, is_run=True)


def settings_in(index: dict[str, Any]) -> dict[str, Any]:
    """Return a pipeline's index without its components, whose names can be those of settings: ``audio_tokenizer``.

    ``components_of`` checks the library and the class of each component.
    """
    return {key: value for key, value in index.items() if not _is_component(value)}


def _is_component(entry: object) -> bool:
    """Return whether it has the form of a component: library and class, both None for one that is left out."""
    return isinstance(entry, list) and len(entry) == 2 and all(each is None or isinstance(each, str) for each in entry)


_checked: set[str] = set()
"""Files that passed in this process: a vocabulary of 30 MB takes a second to read."""


def _check(file: FolderFile) -> None:
    if file.path.suffix == ".safetensors":
        read_header(file.path, file.name)
    elif file.path.suffix == ".json":
        _check_json(file)
    elif file.path.suffix == ".jinja":
        text = read_bytes(file.path, file.name, MB).decode(errors="replace")
        check_template(text, file.name)
    elif file.path.suffix == ".model":
        check_sentence_pieces(read_bytes(file.path, file.name, MAX_VOCABULARY), file.name)
    elif file.path.name in LOADED_TEXTS:
        read_bytes(file.path, file.name, MAX_VOCABULARY)


def _check_json(file: FolderFile) -> None:
    content = read_json(file.path, file.name)
    if file.path.name == "tokenizer.json":
        check_tokenizer(content, file.name)
    if file.path.name in VOCABULARIES:
        return
    check_keys(settings_in(content) if file.name == PIPELINE_INDEX else content, file.name)
    check_templates(content, file.name)
    if file.path.name in SIZED:
        check_numbers(content, file.name)
    if ".safetensors.index" in file.path.name:
        check_shards(content, file)


def check_shards(content: dict[str, object], file: FolderFile) -> None:
    """Check that a sharded checkpoint's index names only files next to it, and that they exist.

    Raises:
        RefusedFileError: names the first file that is elsewhere or missing.
    """
    shards = content.get("weight_map")
    if not isinstance(shards, dict):
        raise RefusedFileError(f"{shown(file.name)} has no weight_map; download it again")
    for shard in sorted({str(each) for each in shards.values()}):
        if "/" in shard or "\\" in shard or not shard.endswith(".safetensors"):
            raise RefusedFileError(
                f"{shown(file.name)} names {shown(shard)}, which is not a safetensors file next to it; "
                "download it again"
            )
        if not file.path.with_name(shard).exists():
            place = "" if file.where == "." else f"{file.where}/"
            raise RefusedFileError(f"{shown(place + shard)} is missing; download it")
