"""Find cards by name and open their models. Importing this module does not import torch."""

import difflib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from manifests.errors import InvalidCardError, ModelError, UnknownCardError
from manifests.pluralize import any_of
from models.card import Card, ModelCard, ScorerCard
from models.protocols import FrameScorer, Generator, PictureSource
from models.weights import weights_path, weights_problem

__all__ = [
    "device_kind",
    "find_devices",
    "get_any_card",
    "get_card",
    "load_cards",
    "load_scorer_cards",
    "open_generator",
    "open_scorer",
    "weights_path",
    "weights_problem",
]

HOME = Path(__file__).parent
KINDS: dict[str, type[Card]] = {
    "text-to-video": ModelCard,
    "image-to-video": ModelCard,
    "openclip": ScorerCard,
}

CardType = TypeVar("CardType", bound=Card)


def load_cards(extra_folders: Iterable[Path] = ()) -> dict[str, ModelCard]:
    """Return all model cards by name: the bundled ones and those in the extra folders.

    Raises:
        InvalidCardError: a card does not match the schema, or two cards have the same name; names file and field.
    """
    return _load(ModelCard, extra_folders)


def load_scorer_cards(extra_folders: Iterable[Path] = ()) -> dict[str, ScorerCard]:
    """Return all scorer cards by name, as load_cards does."""
    return _load(ScorerCard, extra_folders)


def get_card(name: str, extra_folders: Iterable[Path] = ()) -> ModelCard:
    """Return one model card.

    Raises:
        UnknownCardError: no card has this name; the message suggests similar names.
    """
    return _pick(name, load_cards(extra_folders), "model card")


def get_any_card(name: str, extra_folders: Iterable[Path] = ()) -> Card:
    """Return one card of any kind, as get_card does."""
    folders = tuple(extra_folders)
    return _pick(name, load_cards(folders) | load_scorer_cards(folders), "model card")


def open_generator(
    card: ModelCard,
    device: str = "cpu",
    threads: int | None = None,
    weights_root: Path | None = None,
    pictures: PictureSource | None = None,
) -> Generator:
    """Load a card's pipeline onto a device.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads of torch for the whole process; None for torch's default.
        pictures: source of the first frames for image-to-video cards.

    Raises:
        IncompleteWeightsError: files are missing, damaged, or do not match the card.
        ModelError: the device does not exist.
    """
    from models.diffusers.generator import DiffusersVideo

    return DiffusersVideo(card, weights_root=weights_root, device=device, threads=threads, pictures=pictures)


def open_scorer(
    name: str, device: str = "cpu", extra_folders: Iterable[Path] = (), weights_root: Path | None = None
) -> FrameScorer:
    """Load a scorer by the name of its card.

    Raises:
        UnknownCardError: no scorer has this name.
        IncompleteWeightsError: files are missing or damaged.
    """
    card = _pick(name, load_scorer_cards(extra_folders), "scorer card")
    from models.openclip.scorer import OpenClipScorer

    return OpenClipScorer(card, weights_root=weights_root, device=device)


def find_devices() -> tuple[str, ...]:
    """Return the CUDA devices of this machine, or ``cpu`` if it has none. Imports torch."""
    import torch

    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count())) or ("cpu",)


def device_kind(device: str) -> str:
    """Return the name of a GPU, such as ``NVIDIA H200``; other devices are their own kind. Imports torch for a GPU."""
    if not device.startswith("cuda"):
        return device
    import torch

    try:
        return torch.cuda.get_device_name(device)
    except (RuntimeError, AssertionError, ValueError):  # loading a model on it says what is wrong
        return device


def _load(kind: type[CardType], extra_folders: Iterable[Path]) -> dict[str, CardType]:
    cards: dict[str, CardType] = {}
    files: dict[str, Path] = {}
    for path, home in _card_files(extra_folders):
        card = _read_card(path, home)
        if card.name in files:
            raise InvalidCardError(
                f"The cards {files[card.name]} and {path} have the same name, {card.name}. Rename one of them."
            )
        files[card.name] = path
        if isinstance(card, kind):
            cards[card.name] = card
    return cards


def _card_files(extra_folders: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each card's file with the base folder of its relative paths."""
    for path in sorted((HOME / "cards").glob("*.json")):
        yield path, HOME
    for folder in map(Path, extra_folders):
        if not folder.is_dir():
            raise ModelError(f"The card folder {folder} does not exist. Fix the setting model_folders.")
        for path in sorted(folder.glob("*.json")):
            yield path, folder


def _read_card(path: Path, home: Path) -> Card:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidCardError(f"Invalid card {path}: not valid JSON: {error}.") from error
    kind = KINDS.get(str(content.get("kind"))) if isinstance(content, dict) else None
    if kind is None:
        raise InvalidCardError(f"Invalid card {path}, field kind: use {any_of(KINDS)}.")
    try:
        return kind.model_validate({**content, "home": home})
    except ValidationError as error:
        first = error.errors()[0]
        field = f"field {'.'.join(map(str, first['loc']))}" if first["loc"] else "whole card"
        what = first["msg"].removeprefix("Value error, ")
        raise InvalidCardError(f"Invalid card {path}, {field}: {what}.") from error


def _pick(name: str, cards: dict[str, CardType], what: str) -> CardType:
    if name in cards:
        return cards[name]
    near = difflib.get_close_matches(name.lower(), cards, n=3)
    advice = f"Did you mean {', '.join(near)}?" if near else "List them with `reelmill models`."
    raise UnknownCardError(f"No {what} is named {name!r}. {advice}")
