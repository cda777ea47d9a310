"""Check everything that a card names: its weights, its parts and its LoRAs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.errors import IncompleteWeightsError
from models.card import LocalCard, ModelCard, PipelineCard, ScorerCard
from models.card_parts import Lora, Weights
from models.weights.config.open_clip_config import check_open_clip
from models.weights.folder_check import check_model
from models.weights.folder_tree import FolderFile, files_of
from models.weights.integrity import check_integrity
from models.weights.location import blobs_of, download_command, lora_path, missing, part_path, weights_path
from models.weights.lora_file import check_lora
from models.weights.pipeline_index import check_pipeline
from models.weights.refusal import RefusedFileError

SPARE_MB = 1000
TIMES = 4


def weights_problem(card: LocalCard, weights_root: Path | None = None, quick: bool = False) -> str | None:
    """Return None if the weights can be loaded, else one sentence with the problem and how to fix it.

    Nothing is imported from the folders, no tensor is loaded and the network is not used.

    Args:
        quick: only compare large files with their hashes if this installation has read them before. The first complete
            check reads all weights, at 0.4 to 2 GB per second and core; after that, both take milliseconds.
    """
    try:
        _check_weights(card, weights_root, quick)
        if isinstance(card, PipelineCard):
            for name in card.parts:
                _check_part(card, name, weights_root, quick)
        if isinstance(card, ModelCard):
            for lora in card.loras:
                _check_lora(card, lora, weights_root, quick)
    except IncompleteWeightsError as error:
        return str(error)
    return None


def _check_weights(card: LocalCard, weights_root: Path | None, quick: bool) -> None:
    folder, what = weights_path(card, weights_root), f"The weights of {card.name}"
    if not folder.is_dir():
        raise IncompleteWeightsError(missing(what, card, card.weights, folder))
    with _named(what, folder, card, card.weights):
        if isinstance(card, PipelineCard):
            _check_folder(card, card.weights, folder, lambda files: check_pipeline(card, folder, files), quick)
        elif isinstance(card, ScorerCard):
            _check_folder(card, card.weights, folder, lambda files: check_open_clip(folder, files), quick)
        else:
            _check_folder(card, card.weights, folder, check_model, quick)


def _check_part(card: PipelineCard, name: str, weights_root: Path | None, quick: bool) -> None:
    folder, what = part_path(card, name, weights_root), f"The weights of {card.name}'s part {name}"
    if not folder.is_dir():
        raise IncompleteWeightsError(missing(what, card, card.parts[name], folder))
    with _named(what, folder, card, card.parts[name]):
        _check_folder(card, card.parts[name], folder, check_model, quick)


def _check_lora(card: ModelCard, lora: Lora, weights_root: Path | None, quick: bool) -> None:
    path, what = lora_path(card, lora, weights_root), f"The weights of {card.name}'s LoRA {lora.name}"
    if not path.is_file():
        raise IncompleteWeightsError(missing(what, card, lora.weights, path))
    with _named(what, path, card, lora.weights):
        folder = path
        for _ in Path(lora.file).parts:
            folder = folder.parent
        file = FolderFile(path, lora.file)
        blobs = blobs_of(lora.weights, folder)
        allowed = path.resolve().is_relative_to(folder.resolve()) or path.resolve().parent == (
            blobs and blobs.resolve()
        )
        if not allowed:
            raise RefusedFileError("the file is a link out of its folder; replace it with a copy of the file")
        check_lora(path, lora.file)
        _check_size(lora.weights, [file])
        check_integrity(card, lora.weights, folder if lora.weights.sha256 is None else path, [file], quick)


def _check_folder(
    card: LocalCard, weights: Weights, folder: Path, check: Callable[[list[FolderFile]], list[FolderFile]], quick: bool
) -> None:
    files = files_of(folder, blobs_of(weights, folder))
    loaded = check(files)
    _check_size(weights, loaded)
    check_integrity(card, weights, folder, loaded if weights.sha256 is None else files, quick)


def _check_size(weights: Weights, loaded: list[FolderFile]) -> None:
    check_total_size(weights, sum(file.path.stat().st_size for file in loaded))


def check_total_size(weights: Weights, size: int) -> None:
    """Refuse files that are far larger than the card says; they could fill the memory, or the disk.

    Args:
        size: bytes.

    Raises:
        RefusedFileError: the card or the files are wrong.
    """
    if size / 1e6 > TIMES * weights.size_mb + SPARE_MB:
        raise RefusedFileError(
            f"the files have {size / 1e6:,.0f} MB, but the card's size_mb is {weights.size_mb:g}; correct the card, or "
            "download the files again"
        )


def repair_of(card: LocalCard) -> str:
    """Return the end of a message about weights from the hub that are missing in part, or damaged."""
    return f"To download what is missing or damaged, run: {download_command(card)}"


@contextmanager
def _named(what: str, path: Path, card: LocalCard, weights: Weights) -> Iterator[None]:
    try:
        yield
    except RefusedFileError as error:
        message = f"{what} in {path} cannot be used: {error}."
        if weights.hub_id is not None and "download" in str(error):
            message += f" {repair_of(card)}"
        raise IncompleteWeightsError(message) from error
    except OSError as error:
        raise IncompleteWeightsError(f"{what} in {path} cannot be read: {error.strerror or error}.") from error
